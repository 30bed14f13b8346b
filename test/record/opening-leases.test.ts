import { expect, it } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import { internalsOf } from '../../src/record/internals.js'
import { sealRecords } from '../../src/record/index.js'
import type { Opening } from '../../src/record/opening.js'
import type { ReadingRule } from '../../src/record/topic-rules.js'
import { takenDeks } from '../keys/spy-deks.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { MemoryKms } from '../support/memory-kms.js'

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

/** An opening of two records under different DEKs that waits for both, on a KMS that holds its answers back. */
async function waiting() {
  const kms = new MemoryKms()
  const rotate = { maxMessages: 1, allowFrequentRotation: true, prefetch: 0 } as const
  const rule = { match: ['t'], encrypt: { cmk: 'main', rotate }, decrypt: { cmk: 'main' } }
  const writer = await memoryEncryption([rule], { kms })
  const sealed = await sealRecords(writer.encryption, [
    { topic: 't', value: CANARY },
    { topic: 't', value: CANARY },
  ])
  await writer.encryption.close()
  const { encryption } = await memoryEncryption([rule], { kms, kmsRetries: 0 })
  const { opener, rules } = internalsOf(encryption, 'test')
  const deks = takenDeks()
  kms.hold = true
  const opening: Opening = opener.begin(rules.forReading('t') as ReadingRule, { topic: 't' }, sealed)
  const ready = opening.ready()
  await kms.waitForHeld(2)
  const destroyed = (): boolean[] => deks.map((dek) => dek.destroyed)
  return { kms, encryption, opening, ready, destroyed }
}

it('keys that an opening was given outlive their eviction until it is closed', async () => {
  const { kms, encryption, opening, ready, destroyed } = await waiting()
  // One look-up for each key, although the first record alone is waited for.
  expect(encryption.health().keyLookups).toEqual({ hits: 0, misses: 2 })
  kms.held.splice(0).forEach((call) => {
    call.succeed()
  })
  await ready
  await settle()
  encryption.evict('cmk')
  expect(destroyed()).toEqual([false, false])
  expect(opening.settledKeys).toBe(2)
  opening.close()
  expect(destroyed()).toEqual([true, true])
  await encryption.close()
})

it('keys that an opening is given after it was closed are released at once', async () => {
  const { kms, encryption, opening, destroyed } = await waiting()
  opening.close()
  kms.held.splice(0).forEach((call) => {
    call.succeed()
  })
  await settle()
  encryption.evict('cmk')
  expect(destroyed()).toEqual([true, true])
  await encryption.close()
})

it('keys are not held while an opening waits for a KMS that fails for its next record', async () => {
  const { kms, encryption, opening, ready, destroyed } = await waiting()
  const [first, second] = kms.held.splice(0)
  second?.succeed()
  await settle()
  first?.fail(new EnvelopeError('KMS_UNAVAILABLE', 'no'))
  await ready
  expect(opening.failure).toMatchObject({ code: 'KMS_UNAVAILABLE', position: { topic: 't' } })
  expect(destroyed()).toEqual([false])
  encryption.evict('cmk')
  expect(destroyed()).toEqual([true])
  opening.close()
  await encryption.close()
})

it('a key that a KMS refuses counts as settled and is not requested again, one that fails transiently is', async () => {
  const { kms, encryption, opening, ready } = await waiting()
  const [first, second] = kms.held.splice(0)
  second?.fail(new EnvelopeError('KMS_DENIED', 'no'))
  await settle()
  expect(opening.settledKeys).toBe(1)
  first?.fail(new EnvelopeError('KMS_UNAVAILABLE', 'no'))
  await ready
  expect(opening.settledKeys).toBe(1)
  const again = opening.ready()
  await settle()
  expect(kms.held).toHaveLength(1)
  kms.held.splice(0)[0]?.succeed()
  await again
  opening.proceed()
  expect(opening.results).toMatchObject([{ value: Buffer.from(CANARY) }, { error: { code: 'KMS_DENIED' } }])
  expect(opening.waits).toBe(false)
  opening.close()
  await encryption.close()
})

it('a key that a KMS refuses is the outcome of its record, and holds up nothing', async () => {
  const { kms, encryption, opening, ready } = await waiting()
  kms.held.splice(0)[0]?.fail(new EnvelopeError('KMS_DENIED', 'no'))
  await ready
  expect(opening.failure).toBeUndefined()
  opening.acceptFailure()
  expect(opening.results).toEqual([])
  opening.proceed()
  expect(opening.results).toMatchObject([{ error: { code: 'KMS_DENIED' } }])
  expect(opening.waits).toBe(true)
  opening.close()
  await encryption.close()
})

it('an opening whose encryption is closed while it waits ends with that error, not with a failed record', async () => {
  const { kms, encryption, opening, ready } = await waiting()
  await encryption.close()
  kms.held.splice(0).forEach((call) => {
    call.succeed()
  })
  await ready
  expect(() => {
    opening.proceed()
  }).toThrow(expect.objectContaining({ code: 'ENCRYPTION_CLOSED' }) as Error)
  expect(opening.results).toEqual([])
  opening.close()
})
