import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import {
  DEFAULT_QUOTA,
  Limits,
  type Action,
  type LimitOptions,
  type Quota,
} from '../../../src/kms/tencent/limits.js'
import { signal } from './service.js'

const REGION = 'ap-guangzhou'
const DEFAULTS: LimitOptions = { quota: DEFAULT_QUOTA, maxConcurrency: 1000, maxWaitMs: 60_000 }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** The same figure for every family. */
const quotaOf = (perSecond: number): Quota => ({ symmetric: perSecond, rsa: perSecond, publicKey: perSecond })

/** Lets `count` calls queue; each ends at once. Says when each was let go. */
function run(limits: Limits, action: Action, count: number, region = REGION): number[] {
  const at: number[] = []
  for (let i = 0; i < count; i++)
    void limits.turn(region, action, signal).then((end) => {
      at.push(performance.now())
      end()
    })
  return at
}

describe('the rate of calls', () => {
  it.each([
    ['GenerateDataKey', DEFAULT_QUOTA, 240],
    ['Encrypt', DEFAULT_QUOTA, 240],
    ['Decrypt', DEFAULT_QUOTA, 240],
    ['GetPublicKey', DEFAULT_QUOTA, 80],
    ['AsymmetricRsaDecrypt', DEFAULT_QUOTA, 160],
    ['Decrypt', { ...DEFAULT_QUOTA, symmetric: 3 }, 3],
    ['AsymmetricRsaDecrypt', { symmetric: 3000, rsa: 450, publicKey: 100 }, 450],
  ] as const)('of %s with a quota of %j stays within %d in any second', async (action, quota, perSecond) => {
    const at = run(new Limits({ ...DEFAULTS, quota }), action, perSecond * 3)
    await vi.advanceTimersByTimeAsync(2500)
    expect(at).toHaveLength(perSecond * 3)
    for (const [i, time] of at.entries()) {
      const later = at[i + perSecond]
      if (later !== undefined) expect(later - time).toBeGreaterThanOrEqual(1000)
    }
  })

  it('is shared by all symmetric operations: making, wrapping and unwrapping together stay within it', async () => {
    const limits = new Limits({ ...DEFAULTS, quota: quotaOf(30) })
    const all = (['GenerateDataKey', 'Encrypt', 'Decrypt'] as const).map((action) => run(limits, action, 30))
    await vi.advanceTimersByTimeAsync(2500)
    const at = all.flat().sort((a, b) => a - b)
    expect(at).toHaveLength(90)
    for (const [i, time] of at.entries()) {
      const later = at[i + 30]
      if (later !== undefined) expect(later - time).toBeGreaterThanOrEqual(1000)
    }
  })

  it('that is shared goes to sealing first, however many calls wait to open', async () => {
    const limits = new Limits({ ...DEFAULTS, quota: quotaOf(10) })
    const opening = run(limits, 'Decrypt', 100)
    const sealing = run(limits, 'GenerateDataKey', 1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(opening.length).toBeGreaterThanOrEqual(10)
    expect(sealing).toHaveLength(1)
  })

  it('below one a second is one in so many seconds', async () => {
    const at = run(new Limits({ ...DEFAULTS, quota: quotaOf(0.3) }), 'Decrypt', 3)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(at.map((time) => Math.round(time - (at[0] ?? 0)))).toEqual([0, 3334, 6668])
  })

  it('of one family or region does not hold back another', async () => {
    const limits = new Limits({ ...DEFAULTS, quota: quotaOf(3) })
    run(limits, 'Decrypt', 50)
    const others = [run(limits, 'AsymmetricRsaDecrypt', 1), run(limits, 'Decrypt', 1, 'ap-shanghai')]
    await vi.advanceTimersByTimeAsync(0)
    expect(others.map(({ length }) => length)).toEqual([1, 1])
  })
})

describe('a turn', () => {
  it('comes in the order of asking, and not more at a time than allowed', async () => {
    const limits = new Limits({ ...DEFAULTS, maxConcurrency: 2 })
    const order: number[] = []
    const ends: (() => void)[] = []
    for (let i = 0; i < 6; i++)
      void limits.turn(REGION, i % 2 === 0 ? 'GenerateDataKey' : 'Encrypt', signal).then((end) => {
        order.push(i)
        ends.push(end)
      })
    await vi.advanceTimersByTimeAsync(0)
    expect(order).toEqual([0, 1])
    for (let i = 0; i < 6; i++) {
      ends[i]?.()
      await vi.advanceTimersByTimeAsync(0)
    }
    expect(order).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('that does not come in time is KMS_RATE_LIMITED, for it is no word of the service, and says by which limit', async () => {
    const limits = new Limits({ ...DEFAULTS, maxConcurrency: 1, maxWaitMs: 3000 })
    await limits.turn(REGION, 'Decrypt', signal)
    const late = limits.turn(REGION, 'Decrypt', signal).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(3000)
    const error = await late
    expect(error).toMatchObject({ code: 'KMS_RATE_LIMITED', retriable: true })
    expect((error as EnvelopeError).message).toMatch(/Decrypt was held back for 3000 ms.* 240 .* 1 at a time/)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is kept for sealing, however many calls open', async () => {
    const limits = new Limits({ ...DEFAULTS, maxConcurrency: 4 })
    for (let i = 0; i < 20; i++) void limits.turn(REGION, 'Decrypt', signal).catch(() => undefined)
    const end = await limits.turn(REGION, 'GenerateDataKey', signal)
    end()
  })

  it('that nobody waits for any more is given up, and the next one moves up', async () => {
    const limits = new Limits({ ...DEFAULTS, maxConcurrency: 1 })
    const end = await limits.turn(REGION, 'Decrypt', signal)
    const controller = new AbortController()
    const given = limits.turn(REGION, 'Decrypt', controller.signal).catch((error: unknown) => error)
    const next = limits.turn(REGION, 'Decrypt', signal)
    controller.abort()
    expect(await given).toMatchObject({ code: 'KMS_TIMEOUT' })
    end()
    await next
    await expect(limits.turn(REGION, 'Decrypt', controller.signal)).rejects.toMatchObject({
      code: 'KMS_TIMEOUT',
    })
  })

  it('leaves no timer behind', async () => {
    const limits = new Limits({ ...DEFAULTS, quota: quotaOf(3) })
    const at = run(limits, 'Decrypt', 10)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(at).toHaveLength(10)
    expect(vi.getTimerCount()).toBe(0)
  })
})
