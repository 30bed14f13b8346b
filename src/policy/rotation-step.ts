import type { ErrorCode } from '../errors.js'
import type { GraceUsage, Limit, RetireReason } from '../events.js'
import { afterFailure, NO_FAILURES, pauseLeftMs, recentOutage } from './fetch-failures.js'
import type { Instant } from '../clock.js'
import type { RotationEffect, RotationEvent, Step } from './rotation-events.js'
import {
  canSeal,
  currentDek,
  dekAgeMs,
  fetchingOf,
  graceLeftMs,
  graceUse,
  overdueOf,
  type In,
  type OverdueDek,
  type RotatingDek,
  type RotationRule,
  type RotationState,
} from './rotation-state.js'
import { CAPS, fit, isPast, limitReached, prefetchPoint, type Usage } from './rotation.js'

type EventOf<Type extends RotationEvent['type']> = Extract<RotationEvent, { readonly type: Type }>

/** The inputs of one step, and its effects so far. */
interface Turn {
  readonly rule: RotationRule
  readonly now: Instant
  readonly effects: RotationEffect[]
}

/**
 * The rotation of the DEKs of one scope, as a function without a clock, randomness or promises. It decides; its caller
 * keeps the state and runs the effects.
 */
export function step(rule: RotationRule, before: RotationState, event: RotationEvent, now: Instant): Step {
  const turn: Turn = { rule, now, effects: [] }
  const { effects } = turn
  const { state, granted } = after(turn, before, event)
  const isQuiet = effects.length === 0 && event.type !== 'tick'
  if (!isQuiet) effects.push({ do: 'arm', inMs: nextTickMs(turn, state) })
  return { state, effects, granted }
}

function after(turn: Turn, state: RotationState, event: RotationEvent): Omit<Step, 'effects'> {
  if (state.at === 'closed') {
    // A store must not keep a revoked DEK, even after the end.
    if (event.type === 'revoke') turn.effects.push({ do: 'revoke' })
    return { state, granted: undefined }
  }
  if (event.type === 'use') return use(turn, state, event)
  return { state: changed(turn, state, event), granted: undefined }
}

function changed(
  turn: Turn,
  state: RotationState,
  event: Exclude<RotationEvent, EventOf<'use'>>,
): RotationState {
  switch (event.type) {
    case 'tick':
      return tick(turn, state)
    case 'wait': {
      const ticked = tick(turn, state)
      return canSeal(ticked) || ticked.call !== undefined ? ticked : fetch(turn, ticked)
    }
    case 'fetched':
      return event.call === state.call ? fetched(turn, state, event) : state
    case 'failed':
      return event.call === state.call ? failed(turn, state, event) : state
    case 'revoke': {
      turn.effects.push({ do: 'revoke' })
      const ended = endAll(turn, abandon(turn, state), event.reason)
      return event.isAwaited ? fetch(turn, ended) : ended
    }
    case 'close':
      turn.effects.push({ do: 'fail', error: event.error })
      return { ...fetchingOf(endAll(turn, abandon(turn, state), 'closed')), at: 'closed' }
  }
}

/**
 * Returns a grant, or a change after which the caller tries again, or neither if no DEK may seal. The passage of time
 * is handled first, in a separate step: a listener that is told of it may revoke or close before the grant.
 */
function use(turn: Turn, before: RotationState, { sizes, from }: EventOf<'use'>): Omit<Step, 'effects'> {
  const state = tick(turn, before)
  if (turn.effects.length > 0 || !canSeal(state)) return { state, granted: undefined }
  const policy = state.at === 'grace' ? CAPS : turn.rule.rotate
  const { id, usage } = currentDek(state)
  const { stoppedBy, messages, bytes } = fit(policy, usage, sizes, from)
  if (messages === 0 && stoppedBy !== undefined)
    return { state: atLimit(turn, state, stoppedBy), granted: undefined }
  const counted = count(state, { messages, bytes })
  // A DEK that is used up ends now, not at the next send.
  const limit = limitReached(policy, currentDek(counted).usage, 0) ?? stoppedBy
  return {
    state: prefetch(turn, limit === undefined ? counted : atLimit(turn, counted, limit)),
    granted: { id, messages, bytes },
  }
}

function count(state: In<'ready' | 'grace'>, more: Usage): In<'ready' | 'grace'> {
  const dek = currentDek(state)
  const counted = { ...dek, usage: sum(dek.usage, more) }
  return state.at === 'ready'
    ? { ...state, dek: counted }
    : { ...state, overdue: { ...state.overdue, dek: counted }, used: sum(state.used, more) }
}

function sum(a: Usage, b: Usage): Usage {
  return { messages: a.messages + b.messages, bytes: a.bytes + b.bytes }
}

/** The changes that time alone causes. */
function tick(turn: Turn, state: RotationState): RotationState {
  if (state.at === 'ready') {
    const { dek, next } = state
    if (next !== undefined && isTooOld(turn, next)) {
      retire(turn, next, 'age')
      return tick(turn, { ...state, next: undefined })
    }
    if (isTooOld(turn, dek)) return atLimit(turn, state, 'age')
  }
  const overdue = overdueOf(state)
  if (overdue === undefined || graceLeftMs(turn.rule, overdue, turn.now) > 0) return prefetch(turn, state)
  return endAll(turn, state, endOf(state, overdue))
}

function isTooOld({ rule, now }: Turn, dek: RotatingDek): boolean {
  return dekAgeMs(dek, now) >= rule.rotate.maxAgeMs
}

/**
 * The DEK that seals has reached a limit: the next takes over, or it is kept because a grace may follow, or it ends.
 */
function atLimit(turn: Turn, state: In<'ready' | 'grace'>, limit: Limit): RotationState {
  const { graceMs, prefetchMs } = turn.rule
  const dek = currentDek(state)
  turn.effects.push({ do: 'exhaust' })
  if (state.at === 'ready' && state.next !== undefined) {
    retire(turn, dek, limit)
    return { ...state, dek: state.next, next: undefined }
  }
  if (state.at === 'ready' && dek.usage.messages > 0 && graceMs > 0) {
    const overdue: OverdueDek = { dek, limit, since: turn.now }
    const outage = recentOutage(state.failures, turn.now)
    const kept: RotationState = { ...fetchingOf(state), at: 'fetching', overdue }
    return fetchSoon(turn, outage === undefined ? kept : enterGrace(turn, kept, overdue, outage))
  }
  const ended = endAll(turn, state, limit)
  // After a limit of records or bytes, more sends are likely. After a limit of age, there may be none.
  return limit !== 'age' && prefetchMs > 0 ? fetchSoon(turn, ended) : ended
}

function enterGrace(turn: Turn, state: RotationState, overdue: OverdueDek, code: ErrorCode): RotationState {
  turn.effects.push({ do: 'grace', id: overdue.dek.id, limit: overdue.limit, code })
  return { ...fetchingOf(state), at: 'grace', overdue, code, used: { messages: 0, bytes: 0 } }
}

function prefetch(turn: Turn, state: RotationState): RotationState {
  return wantsNext(turn, state) ? fetchSoon(turn, state) : state
}

function wantsNext({ rule, now }: Turn, state: RotationState): boolean {
  if (state.at !== 'ready') return overdueOf(state) !== undefined
  const { dek, next } = state
  return (
    next === undefined &&
    rule.prefetchMs > 0 &&
    dek.usage.messages > 0 &&
    isPast(dek.prefetchAt, dek.usage, dekAgeMs(dek, now))
  )
}

/** Fetches in the background, except during the pause after a failure. */
function fetchSoon(turn: Turn, state: RotationState): RotationState {
  return state.call !== undefined || pauseLeftMs(state.failures, turn.now) > 0 ? state : fetch(turn, state)
}

function fetch(turn: Turn, state: RotationState): RotationState {
  const call = state.calls + 1
  turn.effects.push({ do: 'fetch', call })
  const calling = { ...state, call, calls: call }
  return calling.at === 'empty' ? withoutDek(calling) : calling
}

function abandon(turn: Turn, state: RotationState): RotationState {
  if (state.call === undefined) return state
  turn.effects.push({ do: 'abandon', call: state.call })
  return { ...state, call: undefined }
}

function fetched(turn: Turn, before: RotationState, event: EventOf<'fetched'>): RotationState {
  const { call: id, origin, ageMs, random } = event
  const { rotate, prefetchMs } = turn.rule
  const dek: RotatingDek = {
    id,
    arrived: turn.now,
    arrivedAgeMs: ageMs,
    usage: { messages: 0, bytes: 0 },
    prefetchAt: prefetchPoint(rotate, prefetchMs, random),
  }
  const state = { ...before, call: undefined, failures: NO_FAILURES }
  const overdue = overdueOf(state)
  turn.effects.push({ do: 'wake' }, { do: 'created', id, origin })
  if (state.at === 'ready') return { ...state, next: dek }
  if (overdue !== undefined) endAll(turn, state, state.at === 'grace' ? 'replaced' : overdue.limit)
  return { ...fetchingOf(state), at: 'ready', dek, next: undefined }
}

function failed(turn: Turn, before: RotationState, event: EventOf<'failed'>): RotationState {
  const { failure, error, random } = event
  const failures = afterFailure(before.failures, failure, turn.now, random)
  const state: RotationState = { ...before, call: undefined, failures }
  const overdue = overdueOf(state)
  const outage = recentOutage(failures, turn.now)
  if (overdue !== undefined && outage !== undefined) {
    turn.effects.push({ do: 'wake' })
    return state.at === 'grace' ? state : enterGrace(turn, state, overdue, outage)
  }
  turn.effects.push({ do: 'fail', error })
  if (currentDek(state) === undefined) return withoutDek(state)
  if (failure.kind === 'denied') {
    turn.effects.push({ do: 'revoke' })
    return endAll(turn, state, 'denied')
  }
  // A call that our own limit held back neither ends a grace nor rules one out. The next answer of the KMS decides.
  return overdue === undefined || failure.kind === 'notAsked'
    ? state
    : endAll(turn, state, endOf(state, overdue))
}

/** The reason why a DEK past its limit ends without a successor. */
function endOf(state: RotationState, { limit }: OverdueDek): RetireReason {
  return state.at === 'grace' ? 'grace' : limit
}

function endAll(turn: Turn, state: RotationState, reason: RetireReason): RotationState {
  if (state.at === 'ready' && state.next !== undefined) retire(turn, state.next, reason)
  const dek = currentDek(state)
  if (dek !== undefined) {
    retire(turn, dek, reason, state.at === 'grace' ? graceUse(state, turn.now) : undefined)
  }
  return withoutDek(state)
}

function retire({ now, effects }: Turn, dek: RotatingDek, reason: RetireReason, grace?: GraceUsage): void {
  effects.push({ do: 'retire', id: dek.id, reason, usage: dek.usage, ageMs: dekAgeMs(dek, now), grace })
}

function withoutDek(state: RotationState): RotationState {
  const fetching = fetchingOf(state)
  return fetching.call === undefined
    ? { ...fetching, at: 'empty' }
    : { ...fetching, at: 'fetching', overdue: undefined }
}

/** When time alone causes a change: an idle DEK ends in time too, and the next one is fetched without a send. */
function nextTickMs(turn: Turn, state: RotationState): number | undefined {
  const { rule, now } = turn
  if (state.at === 'ready') {
    const ages = [state.dek, state.next].map((dek) => (dek === undefined ? 0 : dekAgeMs(dek, now)))
    return Math.min(rule.rotate.maxAgeMs - Math.max(...ages), nextFetchMs(turn, state))
  }
  const overdue = overdueOf(state)
  return overdue && Math.min(graceLeftMs(rule, overdue, now), nextFetchMs(turn, state))
}

/** When to consider fetching again: after the pause that follows a failure, or at the age of prefetch. */
function nextFetchMs(turn: Turn, state: RotationState): number {
  if (state.call !== undefined) return Infinity
  if (wantsNext(turn, state)) return pauseLeftMs(state.failures, turn.now)
  if (state.at !== 'ready' || state.next !== undefined || turn.rule.prefetchMs === 0) return Infinity
  const leftMs = state.dek.prefetchAt.ageMs - dekAgeMs(state.dek, turn.now)
  return leftMs > 0 ? leftMs : Infinity
}
