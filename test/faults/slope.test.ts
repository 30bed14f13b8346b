import { expect, it } from 'vitest'
import { slopePerMinute } from '../../faults/harness/slope.js'

it('the slope of a straight line is what it grows by in a minute', () => {
  expect(slopePerMinute([0, 10, 20, 30].map((s) => [s, 100 + s / 60]))).toBeCloseTo(1)
  expect(slopePerMinute([0, 10, 20, 30].map((s) => [s, 100]))).toBe(0)
})

it('a series that goes up and down about a level is flat, and one that also leaks is not', () => {
  const noise = (s: number): number => (s % 20 === 0 ? 3 : -3)
  const times = Array.from({ length: 61 }, (_, i) => i * 10)
  expect(Math.abs(slopePerMinute(times.map((s) => [s, 50 + noise(s)])))).toBeLessThan(0.1)
  expect(slopePerMinute(times.map((s) => [s, 50 + noise(s) + (2 * s) / 60]))).toBeGreaterThan(1.9)
})
