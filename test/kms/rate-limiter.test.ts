import { describe, expect, it } from 'vitest'
import { withoutListenerLimit } from '../../src/cancellation.js'
import { EventHub } from '../../src/events.js'
import { decorate } from '../../src/kms/decorate.js'
import type { Kms, KmsCallLimits } from '../../src/kms/kms.js'
import { memoryKms } from '../../src/kms/memory/index.js'
import { rateLimited } from '../../src/kms/rate-limited.js'
import { RateLimiter, type RateLimits } from '../../src/kms/rate-limiter.js'
import type { Share } from '../../src/kms/rates.js'
import { ServiceLimits } from '../../src/kms/service-limits.js'
import type { Side, Subject } from '../../src/kms/side.js'
import { kmsesBySide } from '../../src/kms/sides.js'
import { KmsTracers } from '../../src/kms/tracers.js'
import { thrownBy } from '../support/emissions.js'
import { FakeClock } from '../support/fake-clock.js'
import { MemoryKms } from '../support/memory-kms.js'

const PLENTY: Share = { perSecond: 1_000_000, burst: 1_000_000 }
const never = new AbortController().signal
withoutListenerLimit(never)
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A limiter of a KMS that no other encryption uses. */
function limiterWith(limits: Omit<RateLimits, 'service'>): RateLimiter {
  return new RateLimiter({ ...limits, service: new ServiceLimits(limits.clock) })
}

interface Asked {
  readonly side?: Side
  readonly limits?: KmsCallLimits
  readonly signal?: AbortSignal
  readonly subject?: Subject
  /** Whether the call continues until `end` is called; otherwise it ends immediately. */
  readonly runs?: boolean
}

/** A limiter on a clock that the test moves. */
function stage({
  shares = {},
  maxWaitMs = 3_600_000,
}: { shares?: Partial<Record<Side, Share>>; maxWaitMs?: number } = {}) {
  const clock = new FakeClock()
  const limiter = limiterWith({
    shares: { sealing: PLENTY, opening: PLENTY, ...shares },
    maxWaitMs,
    clock,
  })
  const startedMs = clock.monotonicMs()
  const started: { name: string; atMs: number; end: () => void }[] = []
  return {
    clock,
    /** The calls that had their turn, in order. */
    names: () => started.map(({ name }) => name).join(''),
    times: (name: string) => started.filter((one) => one.name === name).map(({ atMs }) => atMs),
    end: (name: string) => started.find((one) => one.name === name)?.end(),
    ask(
      name: string,
      { side = 'opening', limits = {}, signal = never, subject = 'dek', runs = false }: Asked = {},
    ): Promise<void> {
      const turn = limiter.acquire(side, limits, signal, subject).then((end) => {
        started.push({ name, atMs: clock.monotonicMs() - startedMs, end })
        if (!runs) end()
      })
      turn.catch(() => undefined)
      return turn
    },
    /** Time passes in steps of a millisecond, in which calls may start and end. */
    async pass(ms: number) {
      await settle()
      for (let i = 0; i < ms; i++) {
        clock.advance(1)
        // As many turns of the microtask queue as it takes to note that a call started.
        for (let turn = 0; turn < 6; turn++) await Promise.resolve()
      }
      await settle()
    },
  }
}

const within = (perSecond: number, group = 'symmetric'): KmsCallLimits => ({ rate: { group, perSecond } })
const atATime = (max: number, group = 'near'): KmsCallLimits => ({ concurrency: { group, max } })

/** Whether every window of a second has at most the given number of calls. */
function expectWithin(times: readonly number[], perSecond: number): void {
  for (const [i, time] of times.entries()) {
    const later = times[i + perSecond]
    if (later !== undefined) expect(later - time).toBeGreaterThanOrEqual(1000)
  }
}

describe('the share of a side', () => {
  it('the share of a side allows `burst` calls together, then `perSecond`, first come, first served', async () => {
    const { ask, names, pass } = stage({ shares: { opening: { perSecond: 10, burst: 3 } } })
    for (const name of 'abcdefg') void ask(name)
    await settle()
    expect(names()).toBe('abc')
    await pass(99)
    expect(names()).toBe('abc')
    await pass(1)
    expect(names()).toBe('abcd')
    await pass(200)
    expect(names()).toBe('abcdef')
    await pass(100)
    expect(names()).toBe('abcdefg')
  })

  it('the share of a side saves no more than `burst` calls in a pause', async () => {
    const { ask, names, clock } = stage({ shares: { opening: { perSecond: 10, burst: 3 } } })
    clock.advance(60_000)
    for (const name of 'abcdef') void ask(name)
    await settle()
    expect(names()).toBe('abc')
  })

  it('the shares of the sides are independent: one side does not wait for the other', async () => {
    const { ask, names } = stage({
      shares: { opening: { perSecond: 1, burst: 1 }, sealing: { perSecond: 1, burst: 1 } },
    })
    for (const name of 'aaa') void ask(name)
    void ask('s', { side: 'sealing' })
    await settle()
    expect(names()).toBe('as')
  })

  it('the share of a side refuses a call immediately, without taking a turn, if the wait would be too long', async () => {
    const { ask, names, pass } = stage({ shares: { opening: { perSecond: 10, burst: 1 } }, maxWaitMs: 100 })
    void ask('a')
    void ask('b')
    for (let i = 0; i < 1000; i++) {
      expect(await thrownBy(() => ask('x'))).toMatchObject({ code: 'KMS_RATE_LIMITED', kind: 'transient' })
    }
    await pass(100)
    void ask('c')
    await pass(100)
    expect(names()).toBe('abc')
  })

  it('a flood of secrets neither holds up nor keeps out calls for DEKs of the same side', async () => {
    const { ask, names, pass } = stage({ shares: { opening: { perSecond: 10, burst: 1 } }, maxWaitMs: 500 })
    const secrets = Array.from({ length: 20 }, () => ask('s', { subject: 'secret' }))
    const refused = await Promise.allSettled(secrets.slice(6))
    for (const { status } of refused) expect(status).toBe('rejected')
    void ask('d')
    void ask('d')
    // The calls for DEKs that wait count for those about secrets, and not the other way round.
    expect(await thrownBy(() => ask('x', { subject: 'secret' }))).toMatchObject({ code: 'KMS_RATE_LIMITED' })
    await pass(100)
    expect(names()).toBe('sd')
    await pass(200)
    expect(names()).toBe('sdds')
    await pass(200)
    expect(names()).toBe('sddsss')
    // The last two gave their turns to the DEKs, and have waited too long.
    expect(await Promise.allSettled(secrets.slice(4, 6))).toMatchObject([
      { status: 'rejected' },
      { status: 'rejected' },
    ])
  })

  it('the share of a side gives the turn of a cancelled call to the next one', async () => {
    const { ask, names, pass } = stage({ shares: { opening: { perSecond: 1, burst: 1 } }, maxWaitMs: 2000 })
    const abort = new AbortController()
    void ask('a')
    const waiting = [ask('b', { signal: abort.signal }), ask('b', { signal: abort.signal })]
    abort.abort()
    for (const one of waiting) expect(await thrownBy(() => one)).toMatchObject({ code: 'KMS_TIMEOUT' })
    void ask('c')
    void ask('d')
    expect(await thrownBy(() => ask('e'))).toMatchObject({ code: 'KMS_RATE_LIMITED' })
    await pass(2000)
    expect(names()).toBe('acd')
    expect(await thrownBy(() => ask('f', { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'KMS_TIMEOUT',
    })
  })

  it('the share of a side is not used up when the clock jumps back, and refills from there on', async () => {
    const { ask, names, clock, pass } = stage({
      shares: { opening: { perSecond: 10, burst: 1 } },
      maxWaitMs: 0,
    })
    clock.advance(3_600_000)
    const before = clock.monotonicMs.bind(clock)
    clock.monotonicMs = () => before() - 3_600_000
    void ask('a')
    expect(await thrownBy(() => ask('b'))).toMatchObject({ code: 'KMS_RATE_LIMITED' })
    await pass(100)
    void ask('c')
    await settle()
    expect(names()).toBe('ac')
  })
})

describe('a rate that the provider states', () => {
  it.each([1, 3, 80, 240, 450])(
    'a rate of %d a second that the provider states holds in any second, and is used in full',
    async (perSecond) => {
      const { ask, times, pass } = stage()
      for (let i = 0; i < perSecond * 3; i++) void ask('a', { limits: within(perSecond) })
      await pass(2100)
      expect(times('a')).toHaveLength(perSecond * 3)
      expectWithin(times('a'), perSecond)
    },
  )

  it('a rate that the provider states below one a second allows one call in the matching number of seconds', async () => {
    const { ask, times, pass } = stage()
    for (let i = 0; i < 3; i++) void ask('a', { limits: within(0.3) })
    await pass(7000)
    expect(times('a')).toEqual([0, 3334, 6668])
  })

  it('a rate that the provider states and that holds a call back for too long leaves no timer', async () => {
    const { ask, clock } = stage({ maxWaitMs: 3000 })
    void ask('a', { limits: within(0.1) })
    const late = thrownBy(() => ask('b', { limits: within(0.1) }))
    await settle()
    clock.advance(3000)
    expect(await late).toMatchObject({ code: 'KMS_RATE_LIMITED' })
    expect(clock.timers).toBe(0)
  })

  it('a rate that the provider states is given to sealing first, however many calls wait to open', async () => {
    const { ask, times, pass } = stage()
    for (let i = 0; i < 100; i++) void ask('o', { limits: within(10) })
    void ask('s', { side: 'sealing', limits: within(10) })
    await pass(1000)
    expect(times('s')).toEqual([1000])
    expect(times('o')).toHaveLength(19)
  })

  it('a rate that the provider states is given to DEKs before secrets, even to open', async () => {
    const { ask, names, pass } = stage()
    for (let i = 0; i < 9; i++) void ask('s', { side: 'sealing', subject: 'secret', limits: within(1) })
    void ask('o', { limits: within(1) })
    void ask('d', { side: 'sealing', limits: within(1) })
    await pass(3000)
    expect(names()).toBe('sdos')
  })

  it('a rate that the provider states does not hold back calls of another group', async () => {
    const { ask, names } = stage()
    for (let i = 0; i < 50; i++) void ask('a', { limits: within(3) })
    void ask('b', { limits: within(3, 'rsa') })
    await settle()
    expect(names()).toBe('aaab')
  })

  it('a rate that the provider states counts a call as often as the service does, and a call that is too large for a second as a full second', async () => {
    const { ask, times, pass } = stage()
    const limits = { rate: { group: 'g', perSecond: 4, calls: 2 } }
    for (let i = 0; i < 4; i++) void ask('a', { limits })
    void ask('b', { limits: { rate: { group: 'g', perSecond: 4, calls: 9 } } })
    void ask('c', { limits: { rate: { group: 'g', perSecond: 4 } } })
    await pass(3000)
    expect([times('a'), times('b'), times('c')]).toEqual([[0, 0, 1000, 1000], [2000], [3000]])
  })
})

describe('a limit on calls at the same time', () => {
  it('a limit on calls at the same time starts the next call when one ends, in the order in which they came', async () => {
    const { ask, names, end } = stage()
    for (const name of 'abcdef') void ask(name, { side: 'sealing', limits: atATime(2), runs: true })
    await settle()
    expect(names()).toBe('ab')
    for (const [name, started] of [
      ['a', 'abc'],
      ['c', 'abcd'],
      ['b', 'abcde'],
    ] as const) {
      end(name)
      await settle()
      expect(names()).toBe(started)
    }
  })

  it('a limit on calls at the same time keeps a part for sealing, however many calls open', async () => {
    const { ask, names, end } = stage()
    for (const name of 'abcd') void ask(name, { limits: atATime(4), runs: true })
    void ask('s', { side: 'sealing', limits: atATime(4), runs: true })
    await settle()
    expect(names()).toBe('abcs')
    end('s')
    await settle()
    expect(names()).toBe('abcs')
    end('a')
    await settle()
    expect(names()).toBe('abcsd')
  })

  it('a limit on calls at the same time of one lets both sides make calls, one after the other', async () => {
    const { ask, names, end } = stage()
    void ask('o', { limits: atATime(1), runs: true })
    void ask('s', { side: 'sealing', limits: atATime(1), runs: true })
    await settle()
    expect(names()).toBe('o')
    end('o')
    await settle()
    expect(names()).toBe('os')
  })

  it('a limit on calls at the same time does not hold back calls of another group, nor does one that never ends', async () => {
    const { ask, names } = stage()
    for (const name of 'abc') void ask(name, { limits: atATime(1, 'far'), runs: true })
    void ask('n', { limits: atATime(1, 'near') })
    await settle()
    expect(names()).toBe('an')
  })

  it('a limit on calls at the same time that holds a call back for too long fails it, names the limit, and leaves no timer', async () => {
    const { ask, clock } = stage({ maxWaitMs: 3000 })
    const limits = { ...within(240, 'symmetric calls to a region'), ...atATime(1, 'calls to a region') }
    void ask('a', { limits, runs: true })
    const late = thrownBy(() => ask('b', { limits }))
    await settle()
    clock.advance(3000)
    expect(await late).toMatchObject({
      code: 'KMS_RATE_LIMITED',
      retriable: true,
      message: expect.stringMatching(
        /waited for 3000 ms.* 240 a second \(symmetric calls to a region\) and 1 at the same time \(calls to a region\)/,
      ) as string,
    })
    expect(clock.timers).toBe(0)
  })

  it('a limit on calls at the same time gives the turn of a cancelled call to the next one', async () => {
    const { ask, names, end, clock } = stage()
    const abort = new AbortController()
    void ask('a', { limits: atATime(1), runs: true })
    const cancelled = thrownBy(() => ask('b', { limits: atATime(1), signal: abort.signal }))
    void ask('c', { limits: atATime(1) })
    abort.abort()
    expect(await cancelled).toMatchObject({ code: 'KMS_TIMEOUT' })
    end('a')
    await settle()
    expect(names()).toBe('ac')
    expect(clock.timers).toBe(0)
  })
})

describe('a limiter', () => {
  it('a limiter keeps no timer once every caller has left, and sets one for the next', async () => {
    const { ask, names, pass, clock } = stage({ shares: { opening: { perSecond: 1, burst: 1 } } })
    void ask('a')
    const [first, second] = [new AbortController(), new AbortController()]
    const waiting = [ask('b', { signal: first.signal }), ask('c', { signal: second.signal })].map((turn) =>
      thrownBy(() => turn),
    )
    first.abort()
    expect(clock.timers).toBe(1)
    second.abort()
    expect(clock.timers).toBe(0)
    await Promise.all(waiting)
    void ask('d')
    await pass(1000)
    expect(names()).toBe('ad')
    expect(clock.timers).toBe(0)
  })

  it('a limiter refuses a flood for its whole duration, stays within the rate, and lets sealing wait a second at most', async () => {
    const { ask, times, pass } = stage({
      shares: { opening: { perSecond: 100, burst: 300 } },
      maxWaitMs: 2000,
    })
    let refused = 0
    for (let i = 0; i < 2000; i++) {
      for (let j = 0; j < 10; j++)
        ask('o', { limits: { ...within(240), ...atATime(16) } }).catch(() => refused++)
      if (i % 500 === 0) void ask('s', { side: 'sealing', limits: { ...within(240), ...atATime(16) } })
      await pass(1)
    }
    expectWithin(
      [...times('o'), ...times('s')].sort((a, b) => a - b),
      240,
    )
    expect(times('o').length).toBeGreaterThan(400)
    expect(refused).toBeGreaterThan(19_000)
    expect(
      times('s')
        .map((at, i) => at - i * 500)
        .every((waited) => waited <= 1000),
    ).toBe(true)
  })
})

describe('a rate-limited KMS', () => {
  const call = { cmkId: 'c', context: {}, signal: never }
  const limiterOf = (share: Share): RateLimiter =>
    limiterWith({ shares: { sealing: PLENTY, opening: share }, maxWaitMs: 0, clock: new FakeClock() })

  it('a rate-limited KMS counts every call but `describe`, which is only made at the start', async () => {
    const kms = new MemoryKms()
    const limited = decorate(kms, rateLimited(kms, 'opening', limiterOf({ perSecond: 0.1, burst: 4 })))
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

  it('a rate-limited KMS lets calls for DEKs pass those for secrets', async () => {
    const clock = new FakeClock()
    const kms = memoryKms({ cmks: ['c'] })
    const share = { perSecond: 1, burst: 1 }
    const limiter = limiterWith({ shares: { sealing: share, opening: share }, maxWaitMs: 60_000, clock })
    for (const side of ['sealing', 'opening'] as const) {
      const limited = decorate(kms, rateLimited(kms, side, limiter)) as Required<Kms>
      const ended: string[] = []
      const note = (name: string, made: Promise<unknown>): void => {
        void made.catch(() => undefined).then(() => ended.push(name))
      }
      const secret = new Uint8Array(1)
      for (let i = 0; i < 3; i++) {
        note('encrypt', limited.encryptSecret({ ...call, secret }))
        note('decrypt', limited.decryptSecret({ ...call, ciphertext: secret }))
      }
      note('generate', limited.generateDek(call))
      for (let i = 0; i < 2; i++) {
        await settle()
        clock.advance(1000)
      }
      await settle()
      expect(ended).toEqual(['encrypt', 'generate', 'decrypt'])
    }
  })

  it('a rate-limited KMS keeps to the limits that its provider states for the operation and the CMK', async () => {
    const kms = new MemoryKms()
    const asked: string[] = []
    const limits: Kms['limits'] = (operation, cmkId) => {
      asked.push(`${operation} ${cmkId}`)
      return atATime(1)
    }
    const limiter = limiterWith({
      shares: { sealing: PLENTY, opening: PLENTY },
      maxWaitMs: 1000,
      clock: new FakeClock(),
    })
    const limited = decorate(kms, rateLimited(Object.assign(kms, { limits }), 'opening', limiter))
    kms.hold = true
    const calls = [limited.generateDek(call), limited.generateDek(call)]
    await settle()
    expect(kms.held).toHaveLength(1)
    kms.held[0]?.succeed()
    await calls[0]
    await settle()
    expect(kms.held).toHaveLength(1)
    kms.held[0]?.succeed()
    await calls[1]
    expect(asked).toEqual(['generate c', 'generate c'])
  })

  it('a rate-limited KMS frees the turn of a cancelled call although its provider continues, and wipes a DEK that arrives after that', async () => {
    const kms = new MemoryKms()
    const limiter = limiterWith({
      shares: { sealing: PLENTY, opening: PLENTY },
      maxWaitMs: 1000,
      clock: new FakeClock(),
    })
    const limited = decorate(
      kms,
      rateLimited(Object.assign(kms, { limits: () => atATime(1) }), 'sealing', limiter),
    )
    kms.hold = true
    const abort = new AbortController()
    const cancelled = thrownBy(() => limited.generateDek({ ...call, signal: abort.signal }))
    const next = limited.generateDek(call)
    await kms.waitForHeld()
    abort.abort()
    expect(await cancelled).toMatchObject({ code: 'KMS_TIMEOUT' })
    await kms.waitForHeld(2)
    for (const held of [...kms.held]) held.succeed()
    expect((await next).dek).toHaveLength(32)
  })
  it('a rate-limited KMS is not called if the call is cancelled just as its turn comes, and the next call gets the turn', async () => {
    const kms = new MemoryKms()
    const limiter = limiterWith({
      shares: { sealing: PLENTY, opening: PLENTY },
      maxWaitMs: 1000,
      clock: new FakeClock(),
    })
    const endTurn = await limiter.acquire('sealing', atATime(1), never)
    const limited = decorate(
      kms,
      rateLimited(Object.assign(kms, { limits: () => atATime(1) }), 'sealing', limiter),
    )
    const abort = new AbortController()
    const cancelled = thrownBy(() => limited.generateDek({ ...call, signal: abort.signal }))
    await settle()
    endTurn()
    abort.abort()
    expect(await cancelled).toMatchObject({ code: 'KMS_TIMEOUT' })
    expect(kms.calls).toHaveLength(0)
    await limited.generateDek(call)
    expect(kms.calls).toHaveLength(1)
  })

  it('a rate-limited KMS keeps to the limits that its provider states for all encryptions that use it together', async () => {
    const clock = new FakeClock()
    const kms = Object.assign(new MemoryKms(), { limits: () => within(3) })
    const policy = {
      timeoutMs: 10_000,
      retries: 0,
      shares: { sealing: PLENTY, opening: PLENTY },
      clock,
      events: new EventHub(),
      tracers: new KmsTracers(),
    }
    const owners = [kmsesBySide({ a: kms }, policy), kmsesBySide({ b: kms }, policy)]
    const calls = owners
      .flatMap(({ sealing, opening }) => [...Object.values(sealing), ...Object.values(opening)])
      .flatMap((one) => [one.generateDek(call), one.generateDek(call)])
    for (const made of [3, 6, 8]) {
      await settle()
      expect(kms.calls).toHaveLength(made)
      clock.advance(1000)
    }
    await Promise.all(calls)
  })
})
