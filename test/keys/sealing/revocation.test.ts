import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compose } from '../../../src/encryption.js'
import type { Encryption } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { createKeyring, localKms, setCmkEnabled } from '../../../src/kms/local/index.js'
import { checkConfig } from '../../../src/config/check.js'
import { CANARY } from '../../support/emissions.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'

const outcome = async (encryption: Encryption, value: Buffer | null): Promise<string> => {
  const [result] = await openRecords(encryption, [{ topic: 't', value }])
  return result?.error?.code ?? result?.value?.toString() ?? 'null'
}

describe('a running reader, after its CMK was disabled', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kafka-envelope-revocation-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  it.each(['the time to live', 'evict'] as const)(
    'a running reader, after its CMK was disabled reads no new records after %s, and continues when the CMK is enabled again',
    async (by) => {
      const keyring = join(folder, 'keyring')
      await createKeyring(keyring, [{ id: 'cmk', type: 'aes-256' }])
      const clock = new FakeClock()
      const config = checkConfig({
        kms: { local: localKms({ keyring }) },
        cmks: { main: [{ kms: 'local', id: 'cmk' }] },
        topics: [{ match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }],
        cache: { ttl: '10m' },
      })
      const encryption = await compose(config, clock)
      const [sealed] = await sealRecords(encryption, [{ topic: 't', value: CANARY }])
      const value = sealed?.value ?? null
      expect(await outcome(encryption, value)).toBe(CANARY)
      await setCmkEnabled(keyring, 'cmk', false)
      clock.advance(599_999)
      expect(await outcome(encryption, value)).toBe(CANARY)
      if (by === 'evict') encryption.evict('cmk')
      else clock.advance(1)
      expect(encryption.health().openedDeks).toBe(0)
      expect(await outcome(encryption, value)).toBe('CMK_DISABLED')
      await setCmkEnabled(keyring, 'cmk', true)
      expect(await outcome(encryption, value)).toBe(CANARY)
      await encryption.close()
    },
  )
})

describe('two regions', () => {
  it('the nearest of two regions is asked first; while it is unavailable the other serves, and its time-out is paid once', async () => {
    const [near, far] = [new MemoryKms(), new MemoryKms()]
    const clock = new FakeClock()
    const encryption = await compose(
      checkConfig({
        kms: { near, far },
        kmsRetries: 0,
        cmks: {
          main: [
            { kms: 'near', id: 'a' },
            { kms: 'far', id: 'b' },
          ],
        },
        topics: [
          {
            match: ['t'],
            encrypt: { cmk: 'main', rotate: { maxMessages: 1, allowFrequentRotation: true, prefetch: 0 } },
            decrypt: { cmk: 'main' },
          },
        ],
      }),
      clock,
    )
    const records = Array.from({ length: 8 }, () => ({ topic: 't', value: CANARY }))
    const sealed = await sealRecords(encryption, records)
    const open = (i: number): Promise<string> => outcome(encryption, sealed[i]?.value ?? null)
    const unwraps = (kms: MemoryKms): number =>
      kms.calls.filter(({ operation }) => operation === 'unwrap').length
    expect(await open(0)).toBe(CANARY)
    expect([unwraps(near), unwraps(far)]).toEqual([1, 0])
    near.failure = new EnvelopeError('KMS_TIMEOUT', 'away')
    for (const i of [1, 2, 3, 4]) expect(await open(i)).toBe(CANARY)
    expect([unwraps(near), unwraps(far)]).toEqual([2, 4])
    // Both are unavailable: both are asked, whatever happened before.
    far.failure = near.failure
    expect(await open(5)).toBe('KMS_TIMEOUT')
    expect([unwraps(near), unwraps(far)]).toEqual([3, 5])
    near.failure = far.failure = undefined
    clock.advance(30_000)
    expect(await open(6)).toBe(CANARY)
    expect([unwraps(near), unwraps(far)]).toEqual([4, 5])
    // A region that was tried last, and so not asked, does not condemn a record: the failure stays transient.
    near.failure = new EnvelopeError('KMS_TIMEOUT', 'away')
    far.failure = new EnvelopeError('KMS_DENIED', 'no')
    expect(await open(7)).toBe('KMS_TIMEOUT')
    expect(await open(7)).toBe('KMS_TIMEOUT')
    await encryption.close()
  })
})
