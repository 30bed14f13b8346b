import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { decodePreamble, DEFAULT_FORMAT } from '../../../src/envelope/formats.js'
import type { ReadRecord } from '../../../src/record/index.js'
import { memoryEncryption } from '../../support/encryption.js'
import { CANARY } from '../../support/emissions.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'

const RULE = { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', onInvalid: 'skip' as const } }
const FORGED = 100_000
const BATCH = 1000

it('a flood of 100,000 forged envelopes makes a bounded number of calls, while good records and sealing go on', async () => {
  const budget = { perSecond: 20, burst: 50 }
  const { encryption, kms } = await memoryEncryption([RULE], {
    kmsTimeout: '50ms',
    kmsRateLimit: { opening: budget, sealing: budget },
  })
  const seal = async (value: string): Promise<ReadRecord> => {
    const [record] = await sealRecords(encryption, [{ topic: 't', value }])
    return record as ReadRecord
  }
  const good = await seal(CANARY)
  const value = good.value as Buffer
  const { wrappedDeks, headerBytes, bytes } = decodePreamble(value)
  const forge = (): ReadRecord => {
    const forged = wrappedDeks.map((wrapped) => ({ ...wrapped, ciphertextDek: randomBytes(24) }))
    return {
      topic: 't',
      value: Buffer.concat([
        DEFAULT_FORMAT.encodePreamble(forged, headerBytes),
        value.subarray(bytes.length),
      ]),
    }
  }
  await openRecords(encryption, [good])
  const started = performance.now()
  const outcomes = new Map<string, number>()
  let opened = 0
  let sealed = 0
  for (let sent = 0; sent < FORGED; sent += BATCH) {
    const batch = Array.from({ length: BATCH }, forge)
    const results = await openRecords(encryption, [...batch, good])
    opened += results.at(-1)?.value?.toString() === CANARY ? 1 : 0
    for (const { error } of results.slice(0, -1)) {
      const outcome = error?.kind === 'transient' ? 'transient' : (error?.code ?? 'opened')
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
    if (sent % (10 * BATCH) === 0) {
      await encryption.rotate()
      sealed += (await seal('x')).value === null ? 0 : 1
    }
  }
  const seconds = (performance.now() - started) / 1000
  const unwraps = kms.calls.filter(({ operation }) => operation === 'unwrap').length - 1
  // Transient, not invalid: what the KMS was not asked about may not be skipped either.
  expect([...outcomes.keys()].sort()).toEqual(['UNWRAP_FAILED', 'transient'])
  expect(outcomes.get('UNWRAP_FAILED')).toBeLessThanOrEqual(unwraps)
  expect(unwraps).toBeLessThanOrEqual(budget.burst + Math.ceil(seconds * budget.perSecond) + 1)
  expect([opened, sealed]).toEqual([FORGED / BATCH, 10])
}, 120_000)
