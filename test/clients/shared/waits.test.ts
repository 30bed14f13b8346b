import { expect, it } from 'vitest'
import { WaitInPlace } from '../../../src/clients/shared/wait-in-place.js'
import { Waits } from '../../../src/clients/shared/waits.js'
import { FakeClock } from '../../support/fake-clock.js'

it('a clock that steps back does not reduce the time that a consumer has waited', () => {
  let now = 5000
  const clock = new FakeClock()
  clock.monotonicMs = () => now
  const patience = new WaitInPlace(
    {
      heartbeat: () => Promise.resolve(),
      interrupted: new AbortController().signal,
      report: () => undefined,
    },
    clock,
  )
  const waits = new Waits(clock)
  const record = { topic: 't', partition: 0, offset: '7', code: 'KMS_UNAVAILABLE' as const }
  waits.update({ ...record, waitedMs: 0 })
  now = 6000
  expect(waits.list()[0]?.waitedMs).toBe(1000)
  expect(patience.waitedMs).toBe(1000)
  now = 0
  expect(waits.list()[0]?.waitedMs).toBe(1000)
  expect(patience.waitedMs).toBe(1000)
  now = 500
  expect(waits.update({ ...record, waitedMs: 0 }).waitedMs).toBe(1500)
  expect(patience.waitedMs).toBe(1500)
})
