import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decodePreamble, DEFAULT_FORMAT } from '../../src/envelope/formats.js'
import { EnvelopeError, type ErrorCode } from '../../src/errors.js'
import type { DekCacheConfig } from '../../src/index.js'
import { CANARY } from '../support/emissions.js'
import { forged } from './opening/forged.js'
import { owner, settle } from './owner.js'
import { openRecords } from '../../src/record/index.js'

const SECONDS_30 = 30_000

/** A reader of records under DEKs of their own, on a KMS whose next answers the test may replace. */
async function reader(cache: DekCacheConfig = {}) {
  const made = await owner({
    encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true, prefetch: 0 } },
    config: { cache, kmsRateLimit: { opening: { perSecond: 1000, burst: 5000 } } },
  })
  const { kms, encryption, seal } = made
  const replaced: (() => Uint8Array | Error)[] = []
  const unwrap = kms.unwrapDek.bind(kms)
  kms.unwrapDek = async (call) => {
    const right = await unwrap(call)
    const answer = replaced.shift()?.() ?? right
    if (answer instanceof Error) throw answer
    return answer
  }
  return {
    ...made,
    replaced,
    sealed: async () => (await seal())[0] as Buffer,
    open: async (...values: Buffer[]) => {
      const records = values.map((value) => ({ topic: 't', value }))
      const opened = await openRecords(encryption, records)
      return opened.map(({ value, error }) => error?.code ?? value?.toString())
    },
    calls: () => kms.calls.filter(({ operation }) => operation === 'unwrap').length,
  }
}

/** The record with a ciphertext DEK that no KMS made. */
function withoutDek(value: Buffer): Buffer {
  const { wrappedDeks, headerBytes, bytes } = decodePreamble(value)
  const garbage = wrappedDeks.map((one) => ({ ...one, ciphertextDek: randomBytes(24) }))
  return Buffer.concat([DEFAULT_FORMAT.encodePreamble(garbage, headerBytes), value.subarray(bytes.length)])
}

const wrong = (fill: number) => () => new Uint8Array(32).fill(fill)
const failing = (code: ErrorCode) => () => new EnvelopeError(code, 'no')
const VALUE = `${CANARY} 0`

describe('a wrong answer of a KMS', () => {
  it.each<[string, () => Uint8Array | Error]>([
    ['another DEK', wrong(7)],
    ['no DEK of 32 bytes', () => new Uint8Array(16)],
    ['that the ciphertext DEK is of another CMK', failing('CMK_MISMATCH')],
  ])(
    'a wrong answer of a KMS that was given once (%s) condemns no record, and is not kept',
    async (_, answer) => {
      const { replaced, sealed, open, calls } = await reader()
      const value = await sealed()
      replaced.push(answer)
      expect(await open(value)).toEqual([VALUE])
      expect(await open(value)).toEqual([VALUE])
      expect(calls()).toBe(2)
    },
  )

  it('a wrong answer of a KMS that was given twice condemns records for 30 seconds', async () => {
    const { clock, encryption, replaced, sealed, open, calls } = await reader()
    const value = await sealed()
    replaced.push(wrong(7), wrong(7))
    expect(await open(value)).toEqual(['COMMITMENT_MISMATCH'])
    clock.advance(SECONDS_30 - 1)
    expect(await open(value)).toEqual(['COMMITMENT_MISMATCH'])
    expect(calls()).toBe(2)
    expect(encryption.health().openedDeks).toBe(0)
    clock.advance(1)
    expect(await open(value)).toEqual([VALUE])
    expect(calls()).toBe(3)
  })

  it.each<[string, [() => Uint8Array | Error, () => Uint8Array | Error]]>([
    ['another DEK, then a third', [wrong(7), wrong(8)]],
    ['another DEK, then a refusal', [wrong(7), failing('CIPHERTEXT_DEK_INVALID')]],
    ['no DEK, then another one', [() => new Uint8Array(16), wrong(7)]],
  ])(
    'a wrong answer of a KMS does not condemn the record if a second answer contradicts it (%s)',
    async (_, answers) => {
      const { encryption, replaced, sealed, open, calls } = await reader()
      const value = await sealed()
      replaced.push(...answers)
      expect(await openRecords(encryption, [{ topic: 't', value }])).toMatchObject([
        {
          error: {
            code: 'KMS_RESPONSE_INVALID',
            message: expect.stringContaining(
              'two different answers for one ciphertext DEK of CMK cmk',
            ) as string,
          },
        },
      ])
      expect(await open(value)).toEqual([VALUE])
      expect(calls()).toBe(3)
    },
  )

  it.each(['KMS_TIMEOUT', 'KMS_DENIED'] as const)(
    'a wrong answer of a KMS condemns no record if asking once more fails (%s)',
    async (code) => {
      const { replaced, sealed, open } = await reader()
      const value = await sealed()
      replaced.push(wrong(7), failing(code))
      expect(await open(value)).toEqual([code])
      expect(await open(value)).toEqual([VALUE])
    },
  )
})

describe('forged records under a genuine ciphertext DEK', () => {
  it('forged records under a genuine ciphertext DEK cost two calls, however many they are, and do not affect the genuine record', async () => {
    const { sealed, open, calls } = await reader()
    const value = await sealed()
    for (let n = 0; n < 500; n++) expect(await open(forged(value))).toEqual(['COMMITMENT_MISMATCH'])
    expect(calls()).toBe(2)
    expect(await open(value)).toEqual([VALUE])
    expect(calls()).toBe(2)
  })

  it('forged records under a genuine ciphertext DEK cost two calls if they all arrive together', async () => {
    const { kms, sealed, open, calls } = await reader()
    const value = await sealed()
    kms.hold = true
    const opening = Array.from({ length: 100 }, () => open(forged(value)))
    for (let n = 0; n < 2; n++) {
      await kms.waitForHeld()
      kms.held[0]?.succeed()
      await settle()
    }
    expect((await Promise.all(opening)).flat()).toEqual(Array(100).fill('COMMITMENT_MISMATCH'))
    expect(calls()).toBe(2)
  })

  it('forged records under a genuine ciphertext DEK cost none once the DEK has verified, for as long as it is cached', async () => {
    const { clock, sealed, open, calls } = await reader({ ttl: '1h' })
    const value = await sealed()
    await open(value)
    clock.advance(3_599_999)
    expect(await open(forged(value), value)).toEqual(['COMMITMENT_MISMATCH', VALUE])
    expect(calls()).toBe(1)
  })

  it('forged records under a genuine ciphertext DEK do not hold up genuine records, which open before the KMS is asked again and has answered', async () => {
    const { kms, sealed, open, calls } = await reader()
    const value = await sealed()
    kms.hold = true
    const bad = open(forged(value))
    const good = open(value)
    await kms.waitForHeld()
    kms.held[0]?.succeed()
    expect(await good).toEqual([VALUE])
    await kms.waitForHeld()
    kms.held[0]?.succeed()
    expect(await bad).toEqual(['COMMITMENT_MISMATCH'])
    kms.hold = false
    expect(await open(value, forged(value))).toEqual([VALUE, 'COMMITMENT_MISMATCH'])
    expect(calls()).toBe(2)
  })

  it('forged records under a genuine ciphertext DEK displace no DEK that has verified', async () => {
    const { encryption, sealed, open, calls } = await reader({ maxDeks: 2 })
    const [first, second, ...others] = [await sealed(), await sealed(), await sealed(), await sealed()]
    await open(first, second)
    await open(...others.map(forged))
    expect(encryption.health().openedDeks).toBe(2)
    const before = calls()
    expect(await open(first, second)).toEqual([VALUE, VALUE])
    expect(calls()).toBe(before)
  })

  it('forged records under a genuine ciphertext DEK leave no key after 30 seconds, after their CMK was evicted, or after everything was closed', async () => {
    for (const end of ['time', 'evict', 'close'] as const) {
      const { clock, encryption, named, sealed, open } = await reader()
      await open(forged(await sealed()))
      if (end === 'time') clock.advance(SECONDS_30)
      else if (end === 'evict') encryption.evict('cmk')
      else await encryption.close()
      const destroyed = named('dek.destroyed').filter(({ side }) => side === 'opening')
      expect([end, destroyed.length]).toEqual([end, 2])
      if (end === 'close') expect(clock.timers).toBe(0)
    }
  })

  it('forged records under a genuine ciphertext DEK leave no key if their CMK is evicted while the KMS is asked again', async () => {
    const { encryption, kms, clock, named, sealed, open } = await reader()
    const value = forged(await sealed())
    kms.hold = true
    const opening = open(value)
    await kms.waitForHeld()
    kms.held[0]?.succeed()
    await settle()
    encryption.evict('cmk')
    kms.held[0]?.succeed()
    expect(await opening).toEqual(['KMS_TIMEOUT'])
    await settle()
    const timers = clock.timers
    expect(named('dek.destroyed').filter(({ side }) => side === 'opening')).toHaveLength(1)
    clock.advance(SECONDS_30)
    expect(clock.timers).toBe(timers)
  })
})

describe('a ciphertext DEK that its KMS refuses', () => {
  it('a ciphertext DEK that its KMS refuses causes one call in 30 seconds, however many records have it', async () => {
    const { clock, sealed, open, calls } = await reader()
    const value = withoutDek(await sealed())
    for (let n = 0; n < 3000; n++) expect(await open(value)).toEqual(['UNWRAP_FAILED'])
    expect(calls()).toBe(1)
    clock.advance(SECONDS_30 - 1)
    await open(value)
    expect(calls()).toBe(1)
    clock.advance(1)
    await open(value)
    expect(calls()).toBe(2)
  })

  it('a ciphertext DEK that its KMS refuses causes a call again immediately after its CMK was evicted', async () => {
    const { encryption, sealed, open, calls } = await reader()
    const value = withoutDek(await sealed())
    await open(value)
    encryption.evict('another')
    await open(value)
    expect(calls()).toBe(1)
    encryption.evict('cmk')
    await open(value)
    expect(calls()).toBe(2)
  })

  it('a ciphertext DEK that its KMS refuses is remembered among at most 1,000 others', async () => {
    const { sealed, open, calls } = await reader()
    const value = await sealed()
    const refused = Array.from({ length: 1001 }, () => withoutDek(value))
    await open(...refused)
    const before = calls()
    await open(...refused.slice(1))
    expect(calls()).toBe(before)
    await open(refused[0] as Buffer)
    expect(calls()).toBe(before + 1)
  })

  it.each([
    'KMS_DENIED',
    'CMK_DISABLED',
    'CMK_NOT_FOUND',
    'CMK_UNUSABLE',
    'KMS_REFUSED',
    'KMS_UNAVAILABLE',
    'KMS_THROTTLED',
  ] as const)('a ciphertext DEK whose KMS failed with %s is not remembered as refused', async (code) => {
    const { kms, sealed, open, calls } = await reader()
    const value = await sealed()
    kms.failure = new EnvelopeError(code, 'no')
    expect(await open(value)).toEqual([code])
    expect(await open(value)).toEqual([code])
    expect(calls()).toBe(2)
    kms.failure = undefined
    expect(await open(value)).toEqual([VALUE])
  })

  it('a ciphertext DEK whose provider blames the record with a code that no KMS can judge is a transient failure', async () => {
    const { kms, sealed, open } = await reader()
    const value = await sealed()
    kms.failure = new EnvelopeError('AUTHENTICATION_FAILED', 'no')
    expect(await open(value)).toEqual(['KMS_UNAVAILABLE'])
    kms.failure = undefined
    expect(await open(value)).toEqual([VALUE])
  })
})
