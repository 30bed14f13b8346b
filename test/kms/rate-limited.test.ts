import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { RateLimiter, rateLimited, type RateLimit } from '../../src/kms/rate-limited.js'
import { thrownBy } from '../support/emissions.js'
import { MemoryKms } from '../support/memory-kms.js'

/** A budget on a clock of the test's: `at(ms)` moves it. */
function stage(share: RateLimit) {
  let now = 0
  let timers: { at: number; callback: () => void }[] = []
  const budget = new RateLimiter(share, {
    now: () => now,
    schedule: (callback, ms) => {
      const timer = { at: now + ms, callback }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
  })
  const granted: string[] = []
  return {
    granted,
    timers: () => timers.length,
    /** The clock jumps, and no timer fires. */
    jump: (ms: number) => {
      now += ms
    },
    ask: (name: string, maxWaitMs = Infinity, signal = new AbortController().signal) => {
      const turn = budget.turn(maxWaitMs, signal)
      turn.then(
        () => granted.push(name),
        () => undefined,
      )
      return turn
    },
    async at(ms: number) {
      for (;;) {
        const next = timers.sort((a, b) => a.at - b.at)[0]
        if (next === undefined || next.at > ms) break
        timers.shift()
        now = next.at
        next.callback()
      }
      now = ms
      await sleep(0)
    },
  }
}

describe('a budget', () => {
  it('grants `burst` at once, then `perSecond`, first come, first served', async () => {
    const { ask, granted, at } = stage({ perSecond: 10, burst: 3 })
    for (const name of 'abcdefg') void ask(name)
    await at(0)
    expect(granted.join('')).toBe('abc')
    await at(99)
    expect(granted.join('')).toBe('abc')
    await at(100)
    expect(granted.join('')).toBe('abcd')
    await at(300)
    expect(granted.join('')).toBe('abcdef')
    await at(400)
    expect(granted.join('')).toBe('abcdefg')
  })

  it('saves no more than `burst` in a pause', async () => {
    const { ask, granted, at } = stage({ perSecond: 10, burst: 3 })
    await at(60_000)
    for (const name of 'abcdef') void ask(name)
    await at(60_000)
    expect(granted.join('')).toBe('abc')
  })

  it('refuses at once, and takes no turn, where the wait would be too long', async () => {
    const { ask, granted, at } = stage({ perSecond: 10, burst: 1 })
    void ask('a')
    void ask('b', 100)
    for (let i = 0; i < 1000; i++) {
      expect(await thrownBy(() => ask('x', 100))).toMatchObject({
        code: 'KMS_RATE_LIMITED',
        kind: 'transient',
      })
    }
    await at(100)
    void ask('c', 100)
    await at(200)
    expect(granted.join('')).toBe('abc')
  })

  it('lets go of who gave up, whose turn goes to who is behind', async () => {
    const { ask, granted, at } = stage({ perSecond: 1, burst: 1 })
    void ask('a')
    const abort = new AbortController()
    const waiting = Array.from({ length: 100 }, () => thrownBy(() => ask('b', Infinity, abort.signal)))
    void ask('c')
    abort.abort()
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'KMS_TIMEOUT' })
    void ask('d', 2000)
    expect(await thrownBy(() => ask('e', 2000))).toMatchObject({ code: 'KMS_RATE_LIMITED' })
    await at(1000)
    await at(2000)
    expect(granted.join('')).toBe('acd')
    expect(await thrownBy(() => ask('f', 2000, AbortSignal.abort()))).toMatchObject({ code: 'KMS_TIMEOUT' })
  })

  it('keeps no timer once every caller has given up, and sets one for the next', async () => {
    const { ask, granted, at, timers } = stage({ perSecond: 1, burst: 1 })
    void ask('a')
    const [first, second] = [new AbortController(), new AbortController()]
    const waiting = [ask('b', Infinity, first.signal), ask('c', Infinity, second.signal)].map((turn) =>
      thrownBy(() => turn),
    )
    first.abort()
    expect(timers()).toBe(1)
    second.abort()
    expect(timers()).toBe(0)
    await Promise.all(waiting)
    void ask('d')
    await at(1000)
    expect(granted.join('')).toBe('ad')
    expect(timers()).toBe(0)
  })

  it('is not spent because the clock jumped back, and fills again from there on', async () => {
    const { ask, granted, at, jump } = stage({ perSecond: 10, burst: 1 })
    await at(3_600_000)
    jump(-3_600_000)
    void ask('a', 0)
    expect(await thrownBy(() => ask('b', 0))).toMatchObject({ code: 'KMS_RATE_LIMITED' })
    await at(100)
    void ask('c', 0)
    await at(100)
    expect(granted.join('')).toBe('ac')
  })

  it('counts every call but `describe`, which costs nothing after the start', async () => {
    const kms = new MemoryKms()
    const limited = rateLimited(kms, new RateLimiter({ perSecond: 0.1, burst: 4 }), 0)
    const call = { cmkId: 'c', context: {}, signal: new AbortController().signal }
    for (let i = 0; i < 10; i++) await limited.describe('c', call.signal)
    const { ciphertextDek, dek } = await limited.generateDek(call)
    await limited.wrapDek({ ...call, dek })
    await limited.unwrapDek({ ...call, ciphertextDek })
    await limited.verify({ ...call, use: 'wrap' })
    for (const run of [
      () => limited.generateDek(call),
      () => limited.wrapDek({ ...call, dek }),
      () => limited.unwrapDek({ ...call, ciphertextDek }),
      () => limited.verify({ ...call, use: 'unwrap' }),
    ])
      expect(await thrownBy(run)).toMatchObject({ code: 'KMS_RATE_LIMITED' })
    expect(kms.calls).toHaveLength(3)
  })
})
