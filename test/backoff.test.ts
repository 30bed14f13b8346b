import { expect, it } from 'vitest'
import { Backoff } from '../src/backoff.js'

const BOUNDS = { firstMs: 100, maxMs: 500 }

it('delays between attempts double up to a bound, and are short again after a success', () => {
  const backoff = new Backoff(BOUNDS)
  expect(Array.from({ length: 5 }, () => backoff.next())).toEqual([100, 200, 400, 500, 500])
  backoff.reset()
  expect(backoff.next()).toBe(100)
})

it('a delay with jitter is a share of its bound, in whole milliseconds', () => {
  const shares = [0, 0.5, 0.999]
  const backoff = new Backoff(BOUNDS, () => shares.shift() ?? 0)
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([0, 100, 399])
})

it('any number of failures keeps the delay at its bound', () => {
  const backoff = new Backoff(BOUNDS)
  for (let i = 0; i < 2000; i++) backoff.next()
  expect(backoff.next()).toBe(500)
})
