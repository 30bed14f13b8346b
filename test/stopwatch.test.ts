import { expect, it } from 'vitest'
import { stopwatch } from '../src/stopwatch.js'

it('elapsed time never falls below zero and never shrinks, whichever way its clock jumps', () => {
  let now = 5000
  const elapsedMs = stopwatch(() => now)
  const readings = [0, 10, -4000, 5, 5, -1, 0].map((step) => {
    now += step
    return elapsedMs()
  })
  expect(readings).toEqual([0, 10, 10, 15, 20, 20, 20])
})

it('elapsed time is that of the process unless another clock is given', () => {
  const elapsedMs = stopwatch()
  const started = performance.now()
  while (performance.now() < started + 2);
  expect(elapsedMs()).toBeGreaterThanOrEqual(2)
})
