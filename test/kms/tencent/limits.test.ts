import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { Limits, type Action, type LimitOptions } from '../../../src/kms/tencent/limits.js'
import { signal } from './service.js'

const REGION = 'ap-guangzhou'
const DEFAULTS: LimitOptions = { quotaShare: 0.8, maxConcurrency: 1000, maxWaitMs: 60_000 }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

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
    ['GenerateDataKey', 0.8, 120],
    ['Encrypt', 0.8, 240],
    ['Decrypt', 0.8, 240],
    ['GetPublicKey', 0.8, 80],
    ['AsymmetricRsaDecrypt', 0.8, 160],
    ['Decrypt', 0.01, 3],
    ['GenerateDataKey', 4, 600],
  ] as const)(
    'of %s with a share of %d stays within %d in any second',
    async (action, quotaShare, perSecond) => {
      const at = run(new Limits({ ...DEFAULTS, quotaShare }), action, perSecond * 3)
      await vi.advanceTimersByTimeAsync(2500)
      expect(at).toHaveLength(perSecond * 3)
      for (const [i, time] of at.entries()) {
        const later = at[i + perSecond]
        if (later !== undefined) expect(later - time).toBeGreaterThanOrEqual(1000)
      }
    },
  )

  it('below one a second is one in so many seconds', async () => {
    const at = run(new Limits({ ...DEFAULTS, quotaShare: 0.001 }), 'Decrypt', 3)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(at.map((time) => Math.round(time - (at[0] ?? 0)))).toEqual([0, 3334, 6668])
  })

  it('of one action or region does not hold back another', async () => {
    const limits = new Limits({ ...DEFAULTS, quotaShare: 0.01 })
    run(limits, 'Decrypt', 50)
    const others = [run(limits, 'GenerateDataKey', 1), run(limits, 'Decrypt', 1, 'ap-shanghai')]
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
      void limits.turn(REGION, i % 2 === 0 ? 'Decrypt' : 'Encrypt', signal).then((end) => {
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

  it('that does not come in time is KMS_BUDGET_SPENT, for it is no word of the service, and says by which limit', async () => {
    const limits = new Limits({ ...DEFAULTS, maxConcurrency: 1, maxWaitMs: 3000 })
    await limits.turn(REGION, 'Decrypt', signal)
    const late = limits.turn(REGION, 'Decrypt', signal).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(3000)
    const error = await late
    expect(error).toMatchObject({ code: 'KMS_BUDGET_SPENT', retriable: true })
    expect((error as EnvelopeError).message).toMatch(/Decrypt was held back for 3000 ms.* 240 .* 1 calls/)
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
    const limits = new Limits({ ...DEFAULTS, quotaShare: 0.01 })
    const at = run(limits, 'Decrypt', 10)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(at).toHaveLength(10)
    expect(vi.getTimerCount()).toBe(0)
  })
})
