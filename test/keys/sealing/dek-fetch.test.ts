import { expect, it } from 'vitest'
import { EnvelopeError, type ErrorCode } from '../../../src/errors.js'
import { DekFetch } from '../../../src/keys/sealing/dek-fetch.js'
import type { DekSource } from '../../../src/keys/sealing/dek-source.js'
import { thrownBy } from '../../support/emissions.js'
import { FakeClock } from '../../support/fake-clock.js'
import { settle } from '../owner.js'

/** A fetch from a source that answers as the test says, aborted or not. */
function fetching() {
  const clock = new FakeClock()
  const calls: { succeed: () => { destroyed: boolean }; fail: (code: ErrorCode) => void }[] = []
  const source = {
    next: () =>
      new Promise((resolve, reject) => {
        calls.push({
          succeed: () => {
            const dek = { destroyed: false, destroy: () => (dek.destroyed = true) }
            resolve({ dek })
            return dek
          },
          fail: (code) => {
            reject(new EnvelopeError(code, 'no'))
          },
        })
      }),
  } as unknown as DekSource
  const told: string[] = []
  const fetch = new DekFetch(source, clock, {
    taken: () => told.push('taken'),
    failed: (error, code) => {
      told.push(`failed ${String(code)}`)
      throw error as Error
    },
    givenUp: () => told.push('given up') > 0,
    settled: () => told.push('settled'),
  })
  const last = () => calls.at(-1) as (typeof calls)[number]
  return { clock, calls, told, fetch, last, wait: () => fetch.wait(5000, 'late') }
}

it('one call serves who waits and who only wants it soon', async () => {
  const { calls, fetch, last, wait, told } = fetching()
  fetch.soon()
  fetch.soon()
  const waiting = [wait(), wait()]
  fetch.soon()
  expect(calls).toHaveLength(1)
  last().succeed()
  await Promise.all(waiting)
  expect(told).toEqual(['taken', 'settled'])
  expect(fetch.isUnderWay).toBe(false)
  fetch.soon()
  expect(calls).toHaveLength(2)
})

it('after a failure nothing is fetched soon while the pause lasts; who waits is not paused', async () => {
  const { clock, calls, fetch, last, wait } = fetching()
  fetch.soon()
  last().fail('KMS_DENIED')
  await settle()
  const pauseMs = fetch.pausesMs()
  expect(pauseMs).toBeGreaterThan(0)
  fetch.soon()
  expect(calls).toHaveLength(1)
  const waiting = wait()
  expect(calls).toHaveLength(2)
  last().fail('KMS_DENIED')
  expect(await thrownBy(() => waiting)).toMatchObject({ code: 'KMS_DENIED' })
  clock.advance(fetch.pausesMs())
  fetch.soon()
  expect(calls).toHaveLength(3)
})

it('a DEK that comes after it was given up is destroyed, and nobody gets it', async () => {
  const { fetch, last, told } = fetching()
  fetch.soon()
  fetch.giveUp(() => undefined)
  const dek = last().succeed()
  await settle()
  expect(dek.destroyed).toBe(true)
  expect(told).toEqual(['given up', 'settled'])
})

it('what is given up is fetched again for who still waits, and for nobody else', async () => {
  const { calls, fetch, last, wait } = fetching()
  for (const waits of [true, false]) {
    // One that waited before, and does so no longer, counts for nothing.
    const before = wait()
    last().succeed()
    await before
    const count = calls.length
    const waiting = waits ? [wait()] : []
    fetch.soon()
    const given = last()
    fetch.giveUp(() => undefined)
    given.fail('KMS_TIMEOUT')
    await settle()
    expect(calls).toHaveLength(count + (waits ? 2 : 1))
    last().succeed()
    await Promise.all(waiting)
  }
})

it('an outage is remembered for a minute, over a spent budget of our own too; an answer ends it', async () => {
  const { clock, fetch, last } = fetching()
  const fail = async (code: ErrorCode): Promise<void> => {
    clock.advance(fetch.pausesMs())
    fetch.soon()
    last().fail(code)
    await settle()
  }
  await fail('KMS_THROTTLED')
  clock.advance(60_000)
  expect([fetch.outage, fetch.failure]).toEqual(['KMS_THROTTLED', 'KMS_THROTTLED'])
  clock.advance(1)
  expect([fetch.outage, fetch.failure]).toEqual([undefined, 'KMS_THROTTLED'])
  await fail('KMS_UNAVAILABLE')
  await fail('KMS_RATE_LIMITED')
  expect([fetch.outage, fetch.failure]).toEqual(['KMS_UNAVAILABLE', 'KMS_RATE_LIMITED'])
  await fail('KMS_REFUSED')
  expect([fetch.outage, fetch.failure]).toEqual([undefined, 'KMS_REFUSED'])
  await fail('KMS_TIMEOUT')
  clock.advance(fetch.pausesMs())
  fetch.soon()
  last().succeed()
  await settle()
  expect([fetch.outage, fetch.failure]).toEqual([undefined, undefined])
})
