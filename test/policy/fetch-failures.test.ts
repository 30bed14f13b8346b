import { describe, expect, it } from 'vitest'
import { instants, type Instant } from '../../src/clock.js'
import {
  afterFailure,
  NO_FAILURES,
  pauseLeftMs,
  recentOutage,
  type FetchFailure,
} from '../../src/policy/fetch-failures.js'
import { FakeClock } from '../support/fake-clock.js'

const refused: FetchFailure = { kind: 'other', code: 'KMS_REFUSED' }

function failing(random = 1) {
  const clock = new FakeClock()
  const now = instants(clock)
  let failures = NO_FAILURES
  return {
    clock,
    fail: (failure = refused) => (failures = afterFailure(failures, failure, now(), random)),
    succeed: () => (failures = NO_FAILURES),
    pauseMs: () => pauseLeftMs(failures, now()),
    known: () => [recentOutage(failures, now()), failures.last],
  }
}

describe('the pause of background calls after failures', () => {
  it.each([1, 0.25])(
    'the pause of background calls after failures doubles from a second to a minute, times a random share (%d)',
    (share) => {
      const { fail, pauseMs } = failing(share)
      expect(pauseMs()).toBe(0)
      const pauses = Array.from({ length: 9 }, () => {
        fail()
        return pauseMs()
      })
      const full = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]
      expect(pauses).toEqual(full.map((ms) => ms * share))
    },
  )

  it('the pause of background calls after failures passes while the process runs, not while the machine sleeps, and is never negative', () => {
    const { clock, fail, pauseMs } = failing()
    fail()
    clock.sleep(5000)
    clock.advance(999)
    expect(pauseMs()).toBe(1)
    clock.advance(1)
    expect(pauseMs()).toBe(0)
    clock.advance(1000)
    expect(pauseMs()).toBe(0)
  })

  it('the pause of background calls after failures does not become longer if the clock jumps back', () => {
    let now = 10_000
    const { clock, fail, pauseMs } = failing()
    clock.monotonicMs = () => now
    fail()
    now = 0
    expect(pauseMs()).toBe(1000)
    now = 1000
    expect(pauseMs()).toBe(0)
  })

  it('the pause of background calls after failures ends with a success, and the next one is short again', () => {
    const { fail, succeed, pauseMs } = failing()
    fail()
    fail()
    succeed()
    expect(pauseMs()).toBe(0)
    fail()
    expect(pauseMs()).toBe(1000)
  })
})

describe('an outage', () => {
  const throttled: FetchFailure = { kind: 'outage', code: 'KMS_THROTTLED' }

  it('an outage is remembered for a minute', () => {
    const { clock, fail, known } = failing()
    fail(throttled)
    clock.advance(60_000)
    expect(known()).toEqual(['KMS_THROTTLED', 'KMS_THROTTLED'])
    clock.advance(1)
    expect(known()).toEqual([undefined, 'KMS_THROTTLED'])
  })

  it('an outage is remembered for a minute even while the machine sleeps', () => {
    const { clock, fail, known } = failing()
    fail(throttled)
    clock.sleep(60_001)
    expect(known()[0]).toBeUndefined()
  })

  it('an outage continues through calls that our own limit held back, and ends with any other answer', () => {
    const { fail, succeed, known } = failing()
    fail(throttled)
    fail({ kind: 'notAsked', code: 'KMS_RATE_LIMITED' })
    expect(known()).toEqual(['KMS_THROTTLED', 'KMS_RATE_LIMITED'])
    fail(refused)
    expect(known()).toEqual([undefined, 'KMS_REFUSED'])
    fail(throttled)
    fail({ kind: 'denied', code: 'KMS_DENIED' })
    expect(known()).toEqual([undefined, 'KMS_DENIED'])
    fail(throttled)
    succeed()
    expect(known()).toEqual([undefined, undefined])
  })
})

it('the start of an outage is when the KMS last showed it', () => {
  const first: Instant = { runningMs: 0, elapsedMs: 0, wallMs: 0 }
  const later: Instant = { runningMs: 50_000, elapsedMs: 50_000, wallMs: 50_000 }
  const outage: FetchFailure = { kind: 'outage', code: 'KMS_TIMEOUT' }
  const twice = afterFailure(afterFailure(NO_FAILURES, outage, first, 0), outage, later, 0)
  expect(recentOutage(twice, { runningMs: 110_000, elapsedMs: 110_000, wallMs: 110_000 })).toBe('KMS_TIMEOUT')
})
