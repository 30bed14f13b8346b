import { instants, msSince, type Instant } from '../../src/clock.js'
import type { ErrorCode } from '../../src/errors.js'
import type { RetireReason } from '../../src/events.js'
import type { FetchFailure } from '../../src/policy/fetch-failures.js'
import type { Granted, RotationEffect, RotationEvent, Step } from '../../src/policy/rotation-events.js'
import {
  canSeal,
  currentDek,
  INITIAL,
  type RotationRule,
  type RotationState,
} from '../../src/policy/rotation-state.js'
import { MAX_BYTES, MAX_MESSAGES } from '../../src/policy/rotation.js'
import { FakeClock } from '../support/fake-clock.js'

const NEVER: Instant = { runningMs: -Infinity, elapsedMs: -Infinity, wallMs: -Infinity }

/** `expect` would take most of the time of thousands of histories. */
function law(holds: boolean, text: string): void {
  if (!holds) broken(text)
}

function broken(text: string): never {
  throw new Error(`broken: ${text}`)
}

export type StepFunction = (
  rule: RotationRule,
  state: RotationState,
  event: RotationEvent,
  now: Instant,
) => Step

/** The world's knowledge of a DEK, from events and effects alone. */
interface KnownDek {
  readonly arrived: Instant
  readonly arrivedAgeMs: number
  messages: number
  bytes: number
  inGrace: boolean
  /** Since when it is kept past a limit. */
  overdue?: Instant
}

/**
 * Keeps the state of a rotation, runs its effects without promises, and checks the laws after every step. What is allowed
 * follows from events and effects alone.
 */
export class RotationWorld {
  readonly clock = new FakeClock()
  readonly #rule: RotationRule
  readonly #step: StepFunction
  readonly #read: () => Instant = instants(this.clock)
  #state: RotationState = INITIAL
  #cancelTimer: (() => void) | undefined
  readonly #alive = new Map<number, KnownDek>()
  readonly #ended = new Set<number>()
  /** Calls without an answer, oldest first. */
  readonly calls: { readonly call: number; isAbandoned: boolean }[] = []
  #waiters = 0
  #failures = { count: 0, pausedUntilMs: 0 }
  /** When the KMS last answered, if it was an outage. */
  #outage: Instant | undefined
  #isClosed = false
  /** The timer knows nothing of these: what it does in time is not checked after one. */
  #isClockUnsteady = false
  /** How often each thing happened. */
  readonly seen = new Map<string, number>()

  constructor(rule: RotationRule, step: StepFunction) {
    this.#rule = rule
    this.#step = step
  }

  get waiters(): number {
    return this.#waiters
  }

  /** Sends records as large as only a grace admits. */
  sendInGrace(sizes: readonly number[]): void {
    if (this.#state.at === 'grace') this.send(sizes)
  }

  /** Seals like a sender: takes grants as long as it gets any, then waits. */
  send(sizes: readonly number[]): void {
    for (let from = 0; from < sizes.length;) {
      const granted = this.#reserve(sizes, from)
      if (granted === undefined) {
        this.wait()
        return
      }
      this.#checkGrant(granted, sizes, from)
      from += granted.messages
    }
  }

  wait(): void {
    if (this.#isClosed) return
    this.#waiters++
    this.#apply({ type: 'wait' })
    if (canSeal(this.#state)) this.#waiters--
    this.#check()
  }

  /** A sender gives up. */
  leave(): void {
    this.#waiters = Math.max(0, this.#waiters - 1)
  }

  /** Answers a call, in any order, even one that was abandoned. */
  succeed(which: number, random: number, ageMs: number): void {
    const [answered] = this.calls.splice(which % Math.max(1, this.calls.length), 1)
    if (answered === undefined) return
    if (!answered.isAbandoned) {
      this.#failures = { count: 0, pausedUntilMs: 0 }
      this.#outage = undefined
    }
    const event = { type: 'fetched', call: answered.call, origin: 'made', ageMs, random } as const
    this.#applyAnswer(event, answered.isAbandoned)
  }

  fail(which: number, random: number, failure: FetchFailure): void {
    const [answered] = this.calls.splice(which % Math.max(1, this.calls.length), 1)
    if (answered === undefined) return
    const now = this.#read()
    if (!answered.isAbandoned) {
      const { count } = this.#failures
      const pauseMs = Math.floor(random * Math.min(1000 * 2 ** count, 60_000))
      this.#failures = { count: count + 1, pausedUntilMs: now.runningMs + pauseMs }
      if (failure.kind !== 'notAsked') this.#outage = failure.kind === 'outage' ? now : undefined
    }
    const event = { type: 'failed', call: answered.call, failure, error: new Error(), random } as const
    this.#applyAnswer(event, answered.isAbandoned)
    if (answered.isAbandoned || this.#isClosed) return
    if (failure.kind === 'denied') law(this.#alive.size === 0, 'no DEK outlives a denial')
    if (failure.kind === 'other') {
      const isKept = [...this.#alive.values()].some(({ overdue }) => overdue !== undefined)
      law(!isKept, 'a final failure ends a DEK past its limit')
    }
  }

  advance(ms: number): void {
    this.clock.advance(ms)
    this.#check()
  }

  sleep(ms: number): void {
    this.#isClockUnsteady = true
    this.clock.sleep(ms)
  }

  setWall(ms: number): void {
    this.#isClockUnsteady = true
    this.clock.step(ms)
  }

  revoke(reason: 'manual' | 'evicted'): void {
    const before = [...this.#alive.keys()]
    this.#apply({ type: 'revoke', reason, isAwaited: this.#waiters > 0 })
    law(
      before.every((id) => this.#ended.has(id)),
      'no DEK outlives its revocation',
    )
    this.#check()
  }

  close(): void {
    this.#apply({ type: 'close', error: new Error('closed') })
    this.#isClosed = true
    this.#check()
    law(this.#alive.size === 0, 'no DEK is left after the end')
    law(this.#waiters === 0, 'nothing waits after the end')
    law(this.clock.timers === 0, 'no timer is left after the end')
    law(this.#live().length === 0, 'no call is under way after the end')
  }

  #reserve(sizes: readonly number[], from: number): Granted | undefined {
    for (let turn = 0; ; turn++) {
      law(turn < 10, 'every turn brings a grant or a change')
      const granted = this.#apply({ type: 'use', sizes, from })
      this.#check()
      if (granted !== undefined || !canSeal(this.#state)) return granted
    }
  }

  #checkGrant({ id, messages, bytes }: Granted, sizes: readonly number[], from: number): void {
    const run = sizes.slice(from, from + messages)
    law(messages > 0 && run.length === messages, 'a grant is for records that were asked for')
    law(bytes === run.reduce((a, b) => a + b, 0), 'the bytes of a grant are those of its records')
    this.#count(this.#alive.get(id)?.inGrace === true ? 'granted in grace' : 'granted')
  }

  /** Checks that an answer to an abandoned call does nothing. */
  #applyAnswer(event: RotationEvent, isAbandoned: boolean): void {
    const before = this.#state
    const effects = this.#effectsOf(event)
    if (isAbandoned) {
      law(this.#state === before && effects.length === 0, 'a late answer changes nothing')
    }
    this.#check()
  }

  #effectsOf(event: RotationEvent): readonly RotationEffect[] {
    return this.#run(event).effects
  }

  #apply(event: RotationEvent): Granted | undefined {
    return this.#run(event).granted
  }

  #run(event: RotationEvent): Step {
    const now = this.#read()
    const before = this.#state
    const done = this.#step(this.#rule, before, event, now)
    this.#state = done.state
    if (done.granted !== undefined) this.#take(done.granted, now)
    for (const effect of done.effects) this.#runEffect(effect, event, now)
    const exhausts = done.effects.some((effect) => effect.do === 'exhaust')
    for (const dek of this.#kept()) {
      if (dek.overdue !== undefined) continue
      law(exhausts, 'the supplier hears of every limit')
      dek.overdue = now
      this.#count('kept past a limit')
    }
    if (this.#isClosed) {
      law(
        done.effects.every((effect) => effect.do === 'revoke' || effect.do === 'arm'),
        'nothing is done after the end, except that a store forgets what is revoked',
      )
    }
    return done
  }

  #kept(): KnownDek[] {
    const { at } = this.#state
    const dek = at === 'ready' ? undefined : currentDek(this.#state)
    const known = dek && this.#alive.get(dek.id)
    return known === undefined ? [] : [known]
  }

  /** A grant is taken when it is decided: before the effects. */
  #take({ id, messages, bytes }: Granted, now: Instant): void {
    const dek = this.#alive.get(id)
    if (dek === undefined) return broken('a grant is for a DEK that has not ended')
    dek.messages += messages
    dek.bytes += bytes
    const { maxMessages, maxBytes, maxAgeMs } = this.#rule.rotate
    if (dek.inGrace) {
      law(dek.messages <= MAX_MESSAGES && dek.bytes <= MAX_BYTES, 'no grace exceeds what a key may ever seal')
      law(msSince(dek.overdue ?? NEVER, now) < this.#rule.graceMs, 'a grace ends in time')
    } else {
      law(dek.overdue === undefined, 'without a grace there is no grant past a limit')
      law(dek.messages <= maxMessages, 'the limit of records is exact')
      law(dek.bytes <= maxBytes, 'the limit of bytes is exact')
      law(this.#ageMs(dek, now) < maxAgeMs, 'the limit of age is exact')
    }
  }

  #ageMs({ arrived, arrivedAgeMs }: KnownDek, now: Instant): number {
    return arrivedAgeMs + msSince(arrived, now)
  }

  #runEffect(effect: RotationEffect, cause: RotationEvent, now: Instant): void {
    this.#count(effect.do === 'retire' ? `retired: ${effect.reason}` : effect.do)
    switch (effect.do) {
      case 'fetch':
        law(this.#live().length === 0, 'there is one call at a time')
        if (cause.type !== 'wait' && this.#waiters === 0) {
          law(now.runningMs >= this.#failures.pausedUntilMs, 'background calls pause after a failure')
        }
        this.calls.push({ call: effect.call, isAbandoned: false })
        return
      case 'abandon':
        law(this.#live()[0] === effect.call, 'only a call under way is abandoned')
        for (const each of this.calls) if (each.call === effect.call) each.isAbandoned = true
        return
      case 'wake':
      case 'fail':
        this.#waiters = 0
        return
      case 'created': {
        law(!this.#alive.has(effect.id) && !this.#ended.has(effect.id), 'a DEK comes once')
        if (cause.type !== 'fetched') return broken('a DEK comes from a call')
        const { ageMs } = cause
        this.#alive.set(effect.id, {
          arrived: now,
          arrivedAgeMs: ageMs,
          messages: 0,
          bytes: 0,
          inGrace: false,
        })
        return
      }
      case 'grace':
        this.#enterGrace(effect.id, now)
        return
      case 'retire':
        this.#retire(effect, cause, now)
        return
      case 'arm':
        this.#cancelTimer?.()
        this.#cancelTimer =
          effect.inMs === undefined
            ? undefined
            : this.clock.schedule(
                () => {
                  this.#apply({ type: 'tick' })
                },
                Math.max(1, effect.inMs),
              )
        return
      default:
    }
  }

  #enterGrace(id: number, now: Instant): void {
    const dek = this.#alive.get(id)
    if (dek === undefined) return broken('a grace is for a DEK that has not ended')
    law(!dek.inGrace, 'a grace begins once')
    law(this.#rule.graceMs > 0, 'a rule without a grace grants none')
    law(dek.messages > 0, 'a grace is for a DEK that was used')
    law(msSince(this.#outage ?? NEVER, now) <= 60_000, 'a grace needs a recent outage')
    dek.inGrace = true
    dek.overdue ??= now
  }

  #retire(effect: Extract<RotationEffect, { do: 'retire' }>, cause: RotationEvent, now: Instant): void {
    const { id, reason, usage, ageMs, grace } = effect
    const dek = this.#alive.get(id)
    if (dek === undefined) return broken('a DEK ends once')
    this.#alive.delete(id)
    this.#ended.add(id)
    law(usage.messages === dek.messages && usage.bytes === dek.bytes, 'what was sealed is reported')
    law(ageMs === this.#ageMs(dek, now), 'the age is reported')
    law((grace !== undefined) === dek.inGrace, 'a grace is reported where there was one')
    const { maxAgeMs } = this.#rule.rotate
    const allowed: Partial<Record<RetireReason, boolean>> = {
      age: ageMs >= maxAgeMs,
      replaced: dek.inGrace && cause.type === 'fetched',
      grace: dek.inGrace,
      denied: cause.type === 'failed' && cause.failure.kind === 'denied',
      manual: cause.type === 'revoke' && cause.reason === 'manual',
      evicted: cause.type === 'revoke' && cause.reason === 'evicted',
      closed: cause.type === 'close',
      messages: dek.messages >= this.#rule.rotate.maxMessages,
      bytes: dek.bytes > 0,
    }
    law(allowed[reason] === true, `the reason of an end is true: ${reason}`)
  }

  #live(): number[] {
    return this.calls.flatMap(({ call, isAbandoned }) => (isAbandoned ? [] : [call]))
  }

  #check(): void {
    const { call, at } = this.#state
    const inState = [currentDek(this.#state), at === 'ready' ? this.#state.next : undefined]
    const ids = inState.flatMap((dek) => (dek === undefined ? [] : [dek.id]))
    law(
      ids.length === this.#alive.size && ids.every((id) => this.#alive.has(id)),
      'the keys in memory are those of the state',
    )
    law(this.#live()[0] === call, 'the state knows its call')
    law(this.#waiters === 0 || call !== undefined, 'a send waits only for a call under way')
    law(this.clock.timers === (ids.length > 0 ? 1 : 0), 'there is a timer if and only if there is a DEK')
    if (this.#isClockUnsteady) return
    const now = this.#read()
    for (const dek of this.#alive.values()) {
      // One that arrives too old ends at the next tick.
      if (dek.arrivedAgeMs >= this.#rule.rotate.maxAgeMs) continue
      if (dek.overdue === undefined) {
        law(this.#ageMs(dek, now) < this.#rule.rotate.maxAgeMs, 'an idle DEK ends with its age')
      } else law(msSince(dek.overdue, now) < this.#rule.graceMs, 'an idle DEK ends with its grace')
    }
  }

  #count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }
}

/** The failures of a KMS, by their meaning. */
export const FAILURES: readonly FetchFailure[] = (
  [
    ['outage', 'KMS_UNAVAILABLE'],
    ['outage', 'KMS_THROTTLED'],
    ['notAsked', 'KMS_RATE_LIMITED'],
    ['denied', 'CMK_DISABLED'],
    ['other', 'KMS_REFUSED'],
    ['other', undefined],
  ] as const satisfies readonly [FetchFailure['kind'], ErrorCode | undefined][]
).map(([kind, code]) => ({ kind, code }))
