import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ageMeter, systemClock } from '../../src/keys/clock.js'
import { FakeClock } from '../support/fake-clock.js'

describe('the system clock', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  it('counts milliseconds, since some start and since the epoch', () => {
    const [monotonic, wall] = [systemClock.monotonicMs(), systemClock.wallMs()]
    expect(wall).toBe(Date.now())
    vi.advanceTimersByTime(1500)
    expect(systemClock.monotonicMs() - monotonic).toBe(1500)
    expect(systemClock.wallMs() - wall).toBe(1500)
  })

  it('calls back once at its time, unless cancelled', () => {
    const calls: string[] = []
    systemClock.schedule(() => calls.push('kept'), 10)
    systemClock.schedule(() => calls.push('cancelled'), 10)()
    vi.advanceTimersByTime(9)
    expect(calls).toEqual([])
    vi.advanceTimersByTime(100)
    expect(calls).toEqual(['kept'])
  })
})

it('an age is told by the clock that shows more of it', () => {
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
