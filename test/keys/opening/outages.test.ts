import { describe, expect, it } from 'vitest'
import { DEFAULT_SUITE } from '../../../src/crypto/suites.js'
import { EnvelopeError, type ErrorCode } from '../../../src/errors.js'
import { EventHub } from '../../../src/events.js'
import { OpeningKeys } from '../../../src/keys/opening/opening-keys.js'
import { openingRequest, type OpeningRequest } from '../../../src/keys/opening/opening-request.js'
import { CmkSet } from '../../../src/kms/cmk-set.js'
import type { Cmk } from '../../../src/kms/cmk.js'
import { cmkOf } from '../../support/cmks.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'

const signal = new AbortController().signal
const failure = (code: ErrorCode): EnvelopeError => new EnvelopeError(code, 'no')

/** Opening keys on several KMS services, the nearest first. The CMK has the same id in each. */
async function regions(count = 2) {
  const kmss = Array.from({ length: count }, () => new MemoryKms())
  const clock = new FakeClock()
  const cmks = await Promise.all(kmss.map((kms, i) => cmkOf(`region ${String(i)}`, kms, 'cmk', clock)))
  const set = CmkSet.forOpening(cmks as [Cmk, ...Cmk[]])
  const keys = new OpeningKeys({ maxDeks: 100, ttlMs: 7 * 86_400_000 }, clock, new EventHub())
  const asked: number[] = []
  for (const [i, kms] of kmss.entries()) {
    const unwrap = kms.unwrapDek.bind(kms)
    kms.unwrapDek = (call) => {
      asked.push(i)
      return unwrap(call)
    }
  }
  /** The names of a new session under a new DEK. */
  const request = async (): Promise<OpeningRequest> => {
    const failures = kmss.map((kms) => kms.failure)
    for (const kms of kmss) kms.failure = undefined
    const { dek, wrappings } = await set.newDek({ context: {}, sealUnder: 'all', signal })
    for (const [i, kms] of kmss.entries()) kms.failure = failures[i]
    const sessionId = Buffer.alloc(16, 1)
    const { commitment } = dek.contentKey(DEFAULT_SUITE, sessionId)
    return openingRequest({
      rule: { name: 'r', cmks: set },
      context: {},
      session: { suite: DEFAULT_SUITE, sessionId, commitment },
      wrappings: wrappings.map(({ ciphertextDek }, i) => ({ cmk: cmks[i] as Cmk, ciphertextDek })),
    })
  }
  /** The result of loading the key: the region that opened it, or the code. */
  const load = async (wanted: OpeningRequest): Promise<number | string> => {
    try {
      const { cmk, release } = await keys.load(wanted)
      release()
      return cmks.indexOf(cmk)
    } catch (error) {
      return (error as EnvelopeError).code
    }
  }
  return {
    kmss: kmss as [MemoryKms, MemoryKms, ...MemoryKms[]],
    clock,
    keys,
    request,
    load,
    /** The regions that are asked for a new DEK, in order. */
    async order(): Promise<number[]> {
      asked.length = 0
      await load(await request())
      return [...asked]
    },
  }
}

describe('a CMK whose KMS failed transiently', () => {
  it('a CMK whose KMS failed transiently is asked last for 30 s, then twice as long each time it fails again, up to 300 s; success ends that', async () => {
    const { kmss, clock, order } = await regions()
    const [near] = kmss
    near.failure = failure('KMS_UNAVAILABLE')
    for (const seconds of [30, 60, 120, 240, 300, 300]) {
      expect(await order()).toEqual([0, 1])
      clock.advance(seconds * 1000 - 1)
      expect(await order()).toEqual([1])
      clock.advance(1)
    }
    near.failure = undefined
    expect(await order()).toEqual([0])
    expect(await order()).toEqual([0])
    near.failure = failure('KMS_UNAVAILABLE')
    expect(await order()).toEqual([0, 1])
    clock.advance(30_000)
    expect(await order()).toEqual([0, 1])
  })

  it('a CMK whose KMS failed transiently is still asked if the others fail, and that does not prolong its time', async () => {
    const { kmss, clock, order } = await regions()
    const [near, far] = kmss
    near.failure = far.failure = failure('KMS_THROTTLED')
    expect(await order()).toEqual([0, 1])
    clock.advance(29_999)
    expect(await order()).toEqual([0, 1])
    far.failure = undefined
    clock.advance(1)
    expect(await order()).toEqual([0, 1])
    // As it failed again after 30 s, it is away for 60.
    clock.advance(59_999)
    expect(await order()).toEqual([1])
    clock.advance(1)
    expect(await order()).toEqual([0, 1])
  })

  it('failed once, however many calls to it failed together', async () => {
    const { kmss, clock, order, load, request } = await regions()
    const [near] = kmss
    const wanted = [await request(), await request(), await request()]
    near.hold = true
    const loading = wanted.map(load)
    await near.waitForHeld(3)
    for (const held of [...near.held]) held.fail(failure('KMS_TIMEOUT'))
    expect(await Promise.all(loading)).toEqual([1, 1, 1])
    near.hold = false
    clock.advance(29_999)
    expect(await order()).toEqual([1])
    clock.advance(1)
    expect(await order()).toEqual([0])
  })

  it('a CMK whose KMS failed transiently is not confused with one of the same id at another KMS, or with another one at its KMS', async () => {
    const { kmss, order } = await regions()
    const [near, far] = kmss
    far.failure = failure('KMS_TIMEOUT')
    near.failure = failure('KMS_DENIED')
    expect(await order()).toEqual([0, 1])
    near.failure = undefined
    expect(await order()).toEqual([0])

    const kms = new MemoryKms()
    const cmks = await Promise.all(['a', 'b'].map((id) => cmkOf('one', kms, id)))
    const keys = new OpeningKeys({ maxDeks: 100, ttlMs: 60_000 }, new FakeClock(), new EventHub())
    const asked: string[] = []
    kms.unwrapDek = ({ cmkId }) => {
      asked.push(cmkId)
      return Promise.reject(failure(cmkId === 'a' ? 'KMS_TIMEOUT' : 'CIPHERTEXT_DEK_INVALID'))
    }
    const rule = { name: 'r', cmks: CmkSet.forOpening(cmks as [Cmk, Cmk]) }
    const wrappings = cmks.map((cmk) => ({ cmk, ciphertextDek: Buffer.alloc(1) }))
    const session = { suite: DEFAULT_SUITE, sessionId: Buffer.alloc(16), commitment: Buffer.alloc(32) }
    for (let i = 0; i < 2; i++)
      await keys.load(openingRequest({ rule, context: {}, session, wrappings })).catch(() => undefined)
    // The second time b is not asked: that it refuses the ciphertext DEK is known.
    expect(asked).toEqual(['a', 'b', 'a'])
  })

  it('a CMK whose KMS failed transiently still provides its cached DEKs, without a call', async () => {
    const { kmss, order, load, request } = await regions()
    const [near, far] = kmss
    const wanted = await request()
    expect(await load(wanted)).toBe(0)
    near.failure = failure('KMS_UNAVAILABLE')
    expect(await order()).toEqual([0, 1])
    const calls = far.calls.length
    expect(await load(wanted)).toBe(0)
    expect(far.calls).toHaveLength(calls)
  })

  it.each(['KMS_DENIED', 'CMK_DISABLED', 'CIPHERTEXT_DEK_INVALID', 'KMS_RATE_LIMITED'] as const)(
    'a CMK that failed with %s keeps its place, because that does not show an outage',
    async (code) => {
      const { kmss, order } = await regions()
      kmss[0].failure = failure(code)
      expect(await order()).toEqual([0, 1])
      expect(await order()).toEqual([0, 1])
    },
  )

  it('a CMK that was evicted while it was asked keeps its place', async () => {
    const { kmss, keys, order, load, request } = await regions()
    const [near] = kmss
    const wanted = await request()
    near.hold = true
    const loading = load(wanted)
    await near.waitForHeld()
    keys.evict('cmk')
    near.held[0]?.fail(failure('KMS_TIMEOUT'))
    await loading
    near.hold = false
    expect(await order()).toEqual([0])
  })

  it('a CMK that was asked last, because its KMS failed, counts like the others', async () => {
    const { kmss, order, load, request } = await regions()
    const [near, far] = kmss
    near.failure = failure('KMS_TIMEOUT')
    expect(await order()).toEqual([0, 1])
    near.failure = far.failure = failure('CIPHERTEXT_DEK_INVALID')
    expect(await load(await request())).toBe('UNWRAP_FAILED')
  })

  it('a CMK whose KMS failed transiently is asked exactly once, even if its time ends while the order is determined', async () => {
    const { kmss, clock, keys, request, order } = await regions()
    kmss[0].failure = failure('KMS_TIMEOUT')
    expect(await order()).toEqual([0, 1])
    clock.advance(29_998)
    const wanted = await request()
    kmss[0].failure = undefined
    kmss[1].failure = failure('KMS_DENIED')
    const now = clock.monotonicMs.bind(clock)
    // Each reading of the clock takes a millisecond.
    clock.monotonicMs = () => {
      clock.advance(1)
      return now()
    }
    ;(await keys.load(wanted)).release()
  })

  it('a CMK whose KMS failed transiently and was then closed does not condemn the record', async () => {
    const { kmss, request, load } = await regions()
    kmss[0].failure = failure('CIPHERTEXT_DEK_INVALID')
    kmss[1].failure = failure('ENCRYPTION_CLOSED')
    expect(await load(await request())).toBe('ENCRYPTION_CLOSED')
  })
})

describe('the failure of a record', () => {
  it.each<[string, ErrorCode[], string, number[]]>([
    [
      'is that of a KMS that refuses the ciphertext DEK, whatever the others fail with',
      ['KMS_TIMEOUT', 'KMS_DENIED', 'CIPHERTEXT_DEK_INVALID'],
      'UNWRAP_FAILED',
      [0, 1, 2],
    ],
    [
      'is transient if no KMS has refused the ciphertext DEK, and one is unavailable',
      ['KMS_DENIED', 'KMS_TIMEOUT'],
      'KMS_TIMEOUT',
      [0, 1],
    ],
    ['is the first of its kind', ['KMS_DENIED', 'CMK_DISABLED'], 'KMS_DENIED', [0, 1]],
    [
      'is decided once two KMS services refuse the ciphertext DEK',
      Array<ErrorCode>(4).fill('CIPHERTEXT_DEK_INVALID'),
      'UNWRAP_FAILED',
      [0, 1],
    ],
    [
      'is decided only after every CMK was tried, while no failure blames the ciphertext DEK',
      ['KMS_TIMEOUT', 'KMS_TIMEOUT', 'KMS_DENIED', 'CMK_DISABLED', 'CIPHERTEXT_DEK_INVALID'],
      'UNWRAP_FAILED',
      [0, 1, 2, 3, 4],
    ],
    [
      'is that of the ciphertext DEK if a KMS says twice that it belongs to another CMK',
      ['CMK_MISMATCH', 'CMK_MISMATCH'],
      'UNWRAP_FAILED',
      [0, 0, 1, 1],
    ],
  ])('the failure of a record %s', async (_, codes, code, asked) => {
    const { kmss, order, load, request } = await regions(codes.length)
    for (const [i, one] of codes.entries()) (kmss[i] as MemoryKms).failure = failure(one)
    const wanted = await request()
    expect(await order()).toEqual(asked)
    expect(await load(wanted)).toBe(code)
  })
})
