import { expect, it } from 'vitest'
import { KeyGates } from '../../../src/clients/shared/key-gates.js'
import { EnvelopeError } from '../../../src/errors.js'
import type { MissingKey } from '../../../src/record/opening.js'
import { FakeClock } from '../../support/fake-clock.js'

const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')
const turns = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}

/** Partitions that ask for keys through gates whose pauses a test advances. A call ends when the test says so. */
function asking() {
  const clock = new FakeClock()
  clock.jitter = () => 1
  const gates = new KeyGates(clock)
  /** The calls in progress, oldest first. */
  const calls: { readonly name: string; readonly end: (failure?: EnvelopeError) => void }[] = []
  const known: string[] = []
  const keyOf = (name: string, cmks: string): MissingKey => ({
    cmks,
    ask: () =>
      new Promise((resolve) => {
        const call = {
          name,
          end: (failure?: EnvelopeError) => {
            calls.splice(calls.indexOf(call), 1)
            resolve(failure)
          },
        }
        calls.push(call)
      }),
  })
  const ask = (name: string, { cmks = 'cmk', hasFailed = false } = {}) => {
    const abort = new AbortController()
    const failures: EnvelopeError[] = []
    const asked = gates
      .ask(keyOf(name, cmks), hasFailed ? away : undefined, {
        signal: abort.signal,
        report: (failure) => failures.push(failure),
      })
      .then(
        () => known.push(name),
        () => undefined,
      )
    return { abort, asked, failures }
  }
  const names = async (): Promise<string[]> => {
    await turns()
    return calls.map(({ name }) => name)
  }
  const endCall = async (failure?: EnvelopeError): Promise<void> => {
    calls[0]?.end(failure)
    await turns()
  }
  return { clock, gates, keyOf, ask, names, endCall, known }
}

it('while calls for keys succeed, all partitions ask at once', async () => {
  const { ask, names, endCall, known } = asking()
  for (const name of ['a', 'b', 'c']) ask(name)
  expect(await names()).toEqual(['a', 'b', 'c'])
  for (let i = 0; i < 3; i++) await endCall()
  expect(known).toEqual(['a', 'b', 'c'])
})

it('after a failure, keys that failed are asked for one at a time and in turn, after pauses that grow to ten seconds; after a success, all are', async () => {
  const { clock, gates, keyOf, ask, names, endCall, known } = asking()
  gates.failed(keyOf('first', 'cmk'), away)
  const asked = ['a', 'b', 'c'].map((name) => ask(name, { hasFailed: true }))
  const called: string[] = []
  for (const ms of [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]) {
    await names()
    clock.advance(ms - 1)
    expect(await names()).toEqual([])
    clock.advance(1)
    called.push(...(await names()))
    await endCall(away)
  }
  expect(called).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b'])
  expect(asked.map(({ failures }) => failures.length)).toEqual([3, 3, 2])
  await names()
  clock.advance(10_000)
  expect(await names()).toEqual(['c'])
  await endCall()
  expect(known).toEqual(['c'])
  expect(await names()).toEqual(['a', 'b'])
  expect(gates.failureOf(keyOf('any', 'cmk'))).toBeUndefined()
})

it('a key that has not been asked for yet does not wait for the pauses of keys that failed, but for the call in progress', async () => {
  const { clock, gates, keyOf, ask, names, endCall, known } = asking()
  gates.failed(keyOf('x', 'cmk'), away)
  ask('bad', { hasFailed: true })
  ask('new 1')
  ask('new 2')
  expect(await names()).toEqual(['new 1'])
  clock.advance(200)
  expect(await names()).toEqual(['new 1'])
  await endCall(away)
  expect(await names()).toEqual(['new 2'])
  await endCall()
  expect(known).toEqual(['new 2'])
  // The success lets all of them ask again.
  expect((await names()).sort()).toEqual(['bad', 'new 1'])
})

it('a call that was made before the KMS failed, and fails too, lets no second caller through', async () => {
  const { clock, ask, names, endCall } = asking()
  for (const name of ['a', 'b', 'c']) ask(name)
  await names()
  for (let i = 0; i < 3; i++) await endCall(away)
  await names()
  clock.advance(200)
  expect(await names()).toHaveLength(1)
  clock.advance(60_000)
  expect(await names()).toHaveLength(1)
})

it('CMKs whose KMS answers are not held up by others', async () => {
  const { gates, keyOf, ask, names } = asking()
  gates.failed(keyOf('a', 'down'), away)
  ask('a', { cmks: 'down', hasFailed: true })
  ask('b', { cmks: 'up' })
  expect(await names()).toEqual(['b'])
})

it.each(['during its pause', 'during its call', 'while it waits for its turn', 'as it gets its turn'])(
  'a partition that gives up %s lets the next one ask',
  async (when) => {
    const { clock, gates, keyOf, ask, names, endCall } = asking()
    gates.failed(keyOf('x', 'cmk'), away)
    const first = ask('a', { hasFailed: true })
    const second = ask('b', { hasFailed: true })
    ask('c', { hasFailed: true })
    await names()
    if (when === 'during its pause') first.abort.abort()
    else if (when === 'while it waits for its turn') second.abort.abort()
    else {
      clock.advance(200)
      expect(await names()).toEqual(['a'])
      if (when === 'during its call') {
        first.abort.abort()
        await first.asked
        await endCall(away)
      } else {
        // The end of the first call gives the turn to the second, which gives up before it notices.
        const ended = endCall(away)
        second.abort.abort()
        await ended
      }
    }
    for (let i = 0; i < 5; i++) {
      await names()
      clock.advance(10_000)
      const calling = await names()
      expect(calling).toHaveLength(1)
      if (calling.includes('c')) return
      await endCall(away)
    }
    expect.fail('the third never asked')
  },
)

it('a partition that gives up leaves no timer behind', async () => {
  const { clock, gates, keyOf, ask, names } = asking()
  gates.failed(keyOf('x', 'cmk'), away)
  const asked = [ask('a', { hasFailed: true }), ask('b', { hasFailed: true })]
  await names()
  expect(clock.timers).toBe(1)
  for (const { abort } of asked) abort.abort()
  await names()
  expect(clock.timers).toBe(0)
})
