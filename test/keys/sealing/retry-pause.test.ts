import { expect, it } from 'vitest'
import { MAX_PAUSE_MS, RetryPause } from '../../../src/keys/sealing/retry-pause.js'
import { FakeClock } from '../../support/fake-clock.js'

function pausing(share: number) {
  const clock = new FakeClock()
  clock.jitter = () => share
  return { clock, retry: new RetryPause(clock) }
}

it.each([1, 0.25])('pauses double from a second to a minute, times a random share (%d)', (share) => {
  const { retry } = pausing(share)
  expect(retry.pausesMs()).toBe(0)
  const pauses = Array.from({ length: 9 }, () => {
    retry.failed()
    return retry.pausesMs()
  })
  const full = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]
  expect(pauses).toEqual(full.map((ms) => ms * share))
  expect(MAX_PAUSE_MS).toBe(60_000)
})

it('a pause passes with time that runs, and is never less than none', () => {
  const { clock, retry } = pausing(1)
  retry.failed()
  clock.sleep(5000)
  clock.advance(999)
  expect(retry.pausesMs()).toBe(1)
  clock.advance(1)
  expect(retry.pausesMs()).toBe(0)
  clock.advance(1000)
  expect(retry.pausesMs()).toBe(0)
})

it('a clock that jumps back does not make a pause longer than it was', () => {
  let now = 10_000
  const { clock, retry } = pausing(1)
  clock.monotonicMs = () => now
  retry.failed()
  now = 0
  expect(retry.pausesMs()).toBe(1000)
  now = 1000
  expect(retry.pausesMs()).toBe(0)
})

it('success ends the pause, and the next begins small', () => {
  const { retry } = pausing(1)
  retry.failed()
  retry.failed()
  retry.succeeded()
  expect(retry.pausesMs()).toBe(0)
  retry.failed()
  expect(retry.pausesMs()).toBe(1000)
})
