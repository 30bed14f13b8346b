import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ageMeter, stopwatch, systemClock } from '../src/clock.js'
import { FakeClock } from './support/fake-clock.js'

describe('the system clock', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  it('the system clock counts milliseconds, since an arbitrary start and since the epoch', () => {
    const [monotonic, wall] = [systemClock.monotonicMs(), systemClock.wallMs()]
    expect(wall).toBe(Date.now())
    vi.advanceTimersByTime(1500)
    expect(systemClock.monotonicMs() - monotonic).toBe(1500)
    expect(systemClock.wallMs() - wall).toBe(1500)
  })

  it('the system clock calls back once at its time, unless cancelled', () => {
    const calls: string[] = []
    systemClock.schedule(() => calls.push('kept'), 10)
    systemClock.schedule(() => calls.push('cancelled'), 10)()
    vi.advanceTimersByTime(9)
    expect(calls).toEqual([])
    vi.advanceTimersByTime(100)
    expect(calls).toEqual(['kept'])
  })

  it('the system clock keeps no process alive', () => {
    const set = vi.spyOn(globalThis, 'setTimeout')
    systemClock.schedule(() => undefined, 10)
    expect(set.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false])
    set.mockRestore()
  })

  it('the system clock keeps the process alive for a wait of a caller', () => {
    const set = vi.spyOn(globalThis, 'setTimeout')
    const calls: string[] = []
    systemClock.timeout(() => calls.push('kept'), 10)
    systemClock.timeout(() => calls.push('cancelled'), 10)()
    expect(set.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([true, true])
    set.mockRestore()
    vi.advanceTimersByTime(10)
    expect(calls).toEqual(['kept'])
  })

  it('the system clock spreads delays by a random share from 0 to below 1', () => {
    const shares = Array.from({ length: 100 }, () => systemClock.jitter())
    expect(shares.every((share) => share >= 0 && share < 1)).toBe(true)
    expect(new Set(shares).size).toBeGreaterThan(90)
  })
})

it('a timer of the system clock is not part of the request in which it was set', async () => {
  const request = new AsyncLocalStorage<string>()
  const seen = await new Promise((resolve) => {
    request.run('request', () => {
      systemClock.schedule(() => {
        resolve(request.getStore())
      }, 1)
    })
  })
  expect(seen).toBeUndefined()
})

it('an age is measured by whichever clock shows more', () => {
  const clock = new FakeClock()
  const age = ageMeter(clock)
  expect(age()).toBe(0)
  clock.advance(10)
  expect(age()).toBe(10)
  clock.step(-5)
  expect(age()).toBe(10)
  clock.sleep(7)
  expect(age()).toBe(12)
})

it('an age keeps every forward jump of the wall clock of a second or more, even if the clock is set back', () => {
  for (const [ms, kept] of [
    [1000, 1000],
    [999, 0],
  ] as const) {
    const clock = new FakeClock()
    const age = ageMeter(clock)
    clock.sleep(ms)
    expect(age()).toBe(ms)
    clock.step(-ms)
    expect(age()).toBe(kept)
    clock.sleep(ms)
    expect(age()).toBe(Math.max(ms, 2 * kept))
    clock.step(-10 * ms)
    expect(age()).toBe(2 * kept)
    clock.advance(5000)
    expect(age()).toBe(2 * kept + 5000)
  }
})

it('elapsed time never falls below zero and never shrinks, whichever way its clock jumps', () => {
  let now = 5000
  const elapsedMs = stopwatch({ monotonicMs: () => now })
  const readings = [0, 10, -4000, 5, 5, -1, 0].map((step) => {
    now += step
    return elapsedMs()
  })
  expect(readings).toEqual([0, 10, 10, 15, 20, 20, 20])
})

it('elapsed time on the system clock is that of the process', () => {
  const elapsedMs = stopwatch(systemClock)
  const started = performance.now()
  while (performance.now() < started + 2);
  expect(elapsedMs()).toBeGreaterThanOrEqual(2)
})
