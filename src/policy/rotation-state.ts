import type { ErrorCode } from '../errors.js'
import type { GraceUsage, Limit } from '../events.js'
import { NO_FAILURES, type FetchFailures } from './fetch-failures.js'
import { msSince, type Instant } from '../clock.js'
import type { PrefetchPoint, RotationPolicy, Usage } from './rotation.js'

/** The part of a rule that concerns the rotation of its DEKs. */
export interface RotationRule {
  readonly rotate: RotationPolicy
  /** 0: none. */
  readonly prefetchMs: number
  /** 0: none. */
  readonly graceMs: number
}

/** A DEK as the rotation sees it. Its key is in the session with the same number. */
export interface RotatingDek {
  readonly id: number
  readonly arrived: Instant
  /** Its age on arrival: another process may have made it. */
  readonly arrivedAgeMs: number
  readonly usage: Usage
  readonly prefetchAt: PrefetchPoint
}

/** A DEK that has reached a limit, and is kept because an outage gives it a grace, or may give it one. */
export interface OverdueDek {
  readonly dek: RotatingDek
  readonly limit: Limit
  /** When it reached the limit. Its grace counts from here. */
  readonly since: Instant
}

/** Members of every state. */
export interface Fetching {
  /** The call for a DEK that is in flight. There is never more than one. */
  readonly call: number | undefined
  /** How many calls were made; also the number of the last one. */
  readonly calls: number
  readonly failures: FetchFailures
}

/**
 * The state of the DEKs of one scope. `health()` and the metrics use the same names.
 *
 *   empty     no DEK, and no call for one
 *   fetching  no DEK may seal: sends wait. A DEK past its limit may be kept meanwhile, and seals nothing
 *   ready     a DEK seals; the next one may be here already
 *   grace     a DEK seals past its limit, because the KMS fails transiently
 *   closed    the end
 */
export type RotationState = Fetching &
  (
    | { readonly at: 'empty' | 'closed' }
    | { readonly at: 'fetching'; readonly overdue: OverdueDek | undefined }
    | { readonly at: 'ready'; readonly dek: RotatingDek; readonly next: RotatingDek | undefined }
    | {
        readonly at: 'grace'
        readonly overdue: OverdueDek
        /** The code with which the KMS failed when the grace began. */
        readonly code: ErrorCode
        /** How much was sealed past the limit. */
        readonly used: Usage
      }
  )

export type RotationAt = RotationState['at']
export type In<At extends RotationAt> = Extract<RotationState, { readonly at: At }>

export const INITIAL: RotationState = { at: 'empty', call: undefined, calls: 0, failures: NO_FAILURES }

export function canSeal(state: RotationState): state is In<'ready' | 'grace'> {
  return state.at === 'ready' || state.at === 'grace'
}

/** The DEK that seals, or that is kept past its limit. */
export function currentDek(state: In<'ready' | 'grace'>): RotatingDek
export function currentDek(state: RotationState): RotatingDek | undefined
export function currentDek(state: RotationState): RotatingDek | undefined {
  return state.at === 'ready' ? state.dek : overdueOf(state)?.dek
}

export function overdueOf(state: RotationState): OverdueDek | undefined {
  return state.at === 'fetching' || state.at === 'grace' ? state.overdue : undefined
}

export function fetchingOf({ call, calls, failures }: RotationState): Fetching {
  return { call, calls, failures }
}

export function dekAgeMs({ arrived, arrivedAgeMs }: RotatingDek, now: Instant): number {
  return arrivedAgeMs + msSince(arrived, now)
}

export function graceLeftMs({ graceMs }: RotationRule, { since }: OverdueDek, now: Instant): number {
  return Math.max(0, graceMs - msSince(since, now))
}

export function graceUse({ overdue, used }: In<'grace'>, now: Instant): GraceUsage {
  return { limit: overdue.limit, ...used, ms: msSince(overdue.since, now) }
}
