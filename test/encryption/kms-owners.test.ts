import { describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import { createEncryption, type Encryption } from '../../src/index.js'
import type { Kms } from '../../src/kms/kms.js'
import { CANARY, thrownBy } from '../support/emissions.js'
import { MemoryKms } from '../support/memory-kms.js'
import { openRecords, sealRecords } from '../../src/record/index.js'

const owner = (kms: Kms): Promise<Encryption> =>
  createEncryption({
    kms: { main: kms, again: kms },
    cmks: { main: [{ kms: 'main', id: 'cmk' }] },
    topics: [{ match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }],
    kmsRetries: 0,
  })

/** How often it was closed. */
class CountedKms extends MemoryKms {
  closes = 0

  override close(): Promise<void> {
    this.closes++
    return super.close()
  }
}

describe('a KMS object that several owners use', () => {
  it('a KMS object that several owners use works for the others after one closes, and is closed once, by the last', async () => {
    const kms = new CountedKms()
    const [first, second] = [await owner(kms), await owner(kms)]
    await first.close()
    await first.close()
    expect(kms.closes).toBe(0)
    const sealed = await sealRecords(second, [{ topic: 't', value: CANARY }])
    expect(await openRecords(second, sealed)).toMatchObject([{ value: Buffer.from(CANARY) }])
    await second.close()
    expect(kms.closes).toBe(1)
  })

  it('a KMS object that several owners use has an owner from the call of createEncryption() on', async () => {
    const kms = new MemoryKms()
    const old = await owner(kms)
    // Then the start takes a while: it looks for the native engine.
    vi.stubEnv('KAFKA_ENVELOPE_ENGINE', '')
    const starting = owner(kms)
    vi.unstubAllEnvs()
    await old.close()
    expect((await starting).health().status).toBe('ok')
    await (await starting).close()
  })

  it('a KMS object that several owners use is refused, with what to do, once its last owner has closed it', async () => {
    const kms = new CountedKms()
    await (await owner(kms)).close()
    const error = await thrownBy(() => owner(kms))
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('make a new one') as string,
      issues: [{ path: 'kms.main' }, { path: 'kms.again' }],
    })
    expect(kms.closes).toBe(1)
  })

  it('a KMS object that several owners use may be used again after it was closed if it has no close()', async () => {
    const { close: _, ...kms } = new MemoryKms().client()
    await (await owner(kms)).close()
    await (await owner(kms)).close()
  })

  it('a KMS object that several owners use stays open if an owner could not start, so that starting can be tried again', async () => {
    const kms = new CountedKms()
    const describe = kms.describe.bind(kms)
    kms.describe = () => Promise.reject(new EnvelopeError('KMS_UNAVAILABLE', 'no'))
    expect(await thrownBy(() => owner(kms))).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    kms.describe = describe
    const first = await owner(kms)
    kms.describe = () => Promise.reject(new EnvelopeError('KMS_UNAVAILABLE', 'no'))
    expect(await thrownBy(() => owner(kms))).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(kms.closes).toBe(0)
    await first.close()
    expect(kms.closes).toBe(1)
  })

  it('a KMS object that several owners use is not kept by an owner whose provisioned DEK could not be unwrapped', async () => {
    const kms = new CountedKms()
    const provisionedDek = { text: 'nothing' }
    const failing = createEncryption({
      kms: { main: kms },
      cmks: { main: [{ kms: 'main', id: 'cmk' }] },
      topics: [{ match: ['t'], encrypt: { cmk: 'main', provisionedDek } }],
    })
    expect(await thrownBy(() => failing)).toMatchObject({ code: 'CONFIG_INVALID' })
    await (await owner(kms)).close()
    expect(kms.closes).toBe(1)
  })
})
