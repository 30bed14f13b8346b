import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RotationEvent, Step } from '../../src/policy/rotation-events.js'
import type { RotationRule, RotationState } from '../../src/policy/rotation-state.js'
import { step } from '../../src/policy/rotation-step.js'
import { MAX_BYTES } from '../../src/policy/rotation.js'
import { FAILURES, RotationWorld, type StepFunction } from './rotation-world.js'

const MAX_AGE_MS = 100_000

/** One thing that happens to a rotation. */
interface Act {
  readonly name: string
  readonly run: (world: RotationWorld) => void
}

const act = (name: string, run: Act['run']): Act => ({ name, run, toString: () => name }) as Act
const ms = fc.oneof(fc.constantFrom(1, 1000, 60_000, MAX_AGE_MS), fc.integer({ min: 1, max: MAX_AGE_MS }))
const random = fc.oneof(fc.constantFrom(0, 0.999), fc.double({ min: 0, max: 0.999, noNaN: true }))
const sizes = fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 1, maxLength: 12 })
// In a grace a DEK may seal what its key may ever seal.
const huge = fc.array(fc.integer({ min: 1, max: MAX_BYTES / 2 }), { minLength: 1, maxLength: 4 })

const on = <T>(arbitrary: fc.Arbitrary<T>, name: string, run: (world: RotationWorld, value: T) => void) =>
  arbitrary.map((value) =>
    act(`${name} ${fc.stringify(value)}`, (world) => {
      run(world, value)
    }),
  )
const answer = { which: fc.nat(3), random }

const acts = fc.oneof(
  {
    weight: 30,
    arbitrary: on(sizes, 'send', (world, all) => {
      world.send(all)
    }),
  },
  {
    weight: 10,
    arbitrary: on(huge, 'send in grace', (world, all) => {
      world.sendInGrace(all)
    }),
  },
  {
    weight: 5,
    arbitrary: on(fc.constant(''), 'wait', (world) => {
      world.wait()
    }),
  },
  {
    weight: 5,
    arbitrary: on(fc.constant(''), 'leave', (world) => {
      world.leave()
    }),
  },
  {
    weight: 25,
    arbitrary: on(
      fc.record({ ...answer, ageMs: fc.oneof(fc.constant(0), ms) }),
      'succeed',
      (world, { which, random: share, ageMs }) => {
        world.succeed(which, share, ageMs)
      },
    ),
  },
  {
    weight: 25,
    arbitrary: on(
      fc.record({ ...answer, failure: fc.constantFrom(...FAILURES) }),
      'fail',
      (world, { which, random: share, failure }) => {
        world.fail(which, share, failure)
      },
    ),
  },
  {
    weight: 25,
    arbitrary: on(ms, 'advance', (world, time) => {
      world.advance(time)
    }),
  },
  {
    weight: 4,
    arbitrary: on(ms, 'sleep', (world, time) => {
      world.sleep(time)
    }),
  },
  {
    weight: 4,
    arbitrary: on(
      fc.integer({ min: -MAX_AGE_MS, max: MAX_AGE_MS }),
      'set the wall clock by',
      (world, time) => {
        world.setWall(time)
      },
    ),
  },
  {
    weight: 6,
    arbitrary: on(fc.constantFrom('manual' as const, 'evicted' as const), 'revoke', (world, reason) => {
      world.revoke(reason)
    }),
  },
  {
    weight: 1,
    arbitrary: on(fc.constant(''), 'close', (world) => {
      world.close()
    }),
  },
)

const histories = fc.array(acts, { maxLength: 80, size: 'max' })

function rule(prefetchMs: number, graceMs: number): RotationRule {
  return { rotate: { maxAgeMs: MAX_AGE_MS, maxMessages: 7, maxBytes: 2000 }, prefetchMs, graceMs }
}

/** Runs a history to its end: all who wait get a DEK or an error, and nothing is left. */
function live(world: RotationWorld, history: readonly Act[]): void {
  for (const { run } of history) run(world)
  for (let i = 0; i < 20 && world.waiters > 0; i++) world.succeed(0, 0, 0)
  expect(world.waiters, 'waiters in the end').toBe(0)
  world.close()
}

describe.each([
  ['without prefetch', rule(0, 0)],
  ['with prefetch', rule(20_000, 0)],
  ['with prefetch and grace', rule(20_000, 60_000)],
  ['with a grace longer than the age', rule(0, 400_000)],
])('the rotation of DEKs %s', (_, policy) => {
  it('the rotation keeps its laws in any history', () => {
    fc.assert(
      fc.property(histories, (history) => {
        live(new RotationWorld(policy, step), history)
      }),
      { numRuns: 2500 },
    )
  })
})

it('histories reach every end of a DEK, and seal in a grace', () => {
  const seen = new Set<string>()
  for (const history of fc.sample(histories, { numRuns: 1500, seed: 1 })) {
    const world = new RotationWorld(rule(20_000, 60_000), step)
    live(world, history)
    for (const what of world.seen.keys()) seen.add(what)
  }
  for (const reason of [
    'age',
    'messages',
    'bytes',
    'replaced',
    'grace',
    'denied',
    'manual',
    'evicted',
    'closed',
  ])
    expect(seen).toContain(`retired: ${reason}`)
  expect(seen).toContain('granted in grace')
})

/** A wrong rotation, made of the right one. */
type Plant = (...args: Parameters<StepFunction>) => Step
const onEvent =
  (wrong: (event: RotationEvent, state: RotationState) => RotationEvent): Plant =>
  (policy, state, event, now) =>
    step(policy, state, wrong(event, state), now)
const inPolicy =
  (wrong: (policy: RotationRule) => RotationRule): Plant =>
  (policy, state, event, now) =>
    step(wrong(policy), state, event, now)
const without =
  (effect: string, when: (event: RotationEvent) => boolean = () => true): Plant =>
  (policy, state, event, now) => {
    const done = step(policy, state, event, now)
    return when(event) ? { ...done, effects: done.effects.filter((each) => each.do !== effect) } : done
  }

const PLANTED: Record<string, Plant> = {
  'seals one record too many': inPolicy((policy) => ({
    ...policy,
    rotate: { ...policy.rotate, maxMessages: 8 },
  })),
  'seals one byte too many': inPolicy((policy) => ({
    ...policy,
    rotate: { ...policy.rotate, maxBytes: 2001 },
  })),
  'seals a millisecond too long': inPolicy((policy) => ({
    ...policy,
    rotate: { ...policy.rotate, maxAgeMs: MAX_AGE_MS + 1 },
  })),
  'has a grace that is a millisecond too long': inPolicy((policy) => ({
    ...policy,
    graceMs: policy.graceMs + 1,
  })),
  'grants a grace that no rule grants': inPolicy((policy) => ({
    ...policy,
    graceMs: policy.graceMs || 1000,
  })),
  'takes a denial for an outage': onEvent((event) =>
    event.type === 'failed' && event.failure.kind === 'denied'
      ? { ...event, failure: { kind: 'outage', code: 'CMK_DISABLED' } }
      : event,
  ),
  'takes a refusal for an outage': onEvent((event) =>
    event.type === 'failed' && event.failure.kind === 'other'
      ? { ...event, failure: { kind: 'outage', code: 'KMS_REFUSED' } }
      : event,
  ),
  'takes a limit of our own for an outage': onEvent((event) =>
    event.type === 'failed' && event.failure.kind === 'notAsked'
      ? { ...event, failure: { kind: 'outage', code: 'KMS_RATE_LIMITED' } }
      : event,
  ),
  'ignores the age that a DEK arrives with': onEvent((event) =>
    event.type === 'fetched' ? { ...event, ageMs: 0 } : event,
  ),
  'takes the answer to an abandoned call': onEvent((event, { call }) =>
    (event.type === 'fetched' || event.type === 'failed') && call !== undefined ? { ...event, call } : event,
  ),
  'forgets those who wait when it is revoked': onEvent((event) =>
    event.type === 'revoke' ? { ...event, isAwaited: false } : event,
  ),
  'makes a second call at once': (policy, state, event, now) =>
    step(policy, event.type === 'wait' ? { ...state, call: undefined } : state, event, now),
  'pauses too little': onEvent((event) =>
    event.type === 'failed' ? { ...event, random: event.random / 2 } : event,
  ),
  'wakes no waiter': without('wake'),
  'fails no waiter': without('fail'),
  'sets no timer': without('arm'),
  'keeps the timer that was set': without('arm', ({ type }) => type === 'use'),
  'keeps the key of a DEK that a limit ended': without('retire', ({ type }) => type === 'use'),
  'keeps keys at the end': without('retire', ({ type }) => type === 'close'),
  'keeps keys when it is revoked': without('retire', ({ type }) => type === 'revoke'),
  'does not tell its supplier of a limit': without('exhaust'),
  'abandons no call': without('abandon'),
  'ends a DEK twice': (policy, state, event, now) => {
    const done = step(policy, state, event, now)
    return {
      ...done,
      effects: [...done.effects, ...done.effects.filter((each) => each.do === 'retire')],
    }
  },
  'lives on after the end': (policy, state, event, now) =>
    step(policy, state.at === 'closed' ? { ...state, at: 'empty' } : state, event, now),
  'is not exact about time in a grace': (policy, state, event, now) =>
    event.type === 'use' && state.at === 'grace'
      ? step(policy, state, event, state.overdue.since)
      : step(policy, state, event, now),
}

describe('planted faults', () => {
  it.each(Object.keys(PLANTED))('the laws find a rotation that %s', (name) => {
    const wrong = PLANTED[name] as Plant
    const found = [rule(20_000, 60_000), rule(0, 0)].some((policy) => {
      const check = fc.property(histories, (history) => {
        live(new RotationWorld(policy, wrong), history)
      })
      return fc.check(check, { numRuns: 1500, endOnFailure: true }).failed
    })
    expect(found).toBe(true)
  })
})
