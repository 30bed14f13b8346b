import { afterEach, expect, it } from 'vitest'
import { stepClock } from '../../faults/harness/processes/stepped-clock.js'

const HOUR_MS = 3_600_000
const MachineDate = Date

afterEach(() => {
  globalThis.Date = MachineDate
})

it('a step of the clock changes the time of day, both ways, and no measured time', () => {
  const started = performance.now()
  const aheadMs = (): number => Date.now() - MachineDate.now()
  stepClock(2 * HOUR_MS)
  expect(aheadMs()).toBeGreaterThan(1.99 * HOUR_MS)
  expect(new Date().getTime() - MachineDate.now()).toBeGreaterThan(1.99 * HOUR_MS)
  stepClock(-3 * HOUR_MS)
  expect(aheadMs()).toBeLessThan(-0.99 * HOUR_MS)
  stepClock(HOUR_MS)
  expect(Math.abs(aheadMs())).toBeLessThan(HOUR_MS / 100)
  expect(performance.now() - started).toBeLessThan(HOUR_MS / 100)
})

it('a stepped clock leaves dates that are given as they are', () => {
  stepClock(HOUR_MS)
  expect(new Date(7).getTime()).toBe(7)
  expect(new Date('2020-01-01T00:00:00Z').toISOString()).toBe('2020-01-01T00:00:00.000Z')
  expect(new Date()).toBeInstanceOf(Date)
  stepClock(-HOUR_MS)
})
