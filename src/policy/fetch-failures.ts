import { backoffMs, type BackoffBounds } from '../backoff.js'
import type { ErrorCode } from '../errors.js'
import { msSince, type Instant } from '../clock.js'

/** Why a call for a DEK failed, as far as it matters to a rotation. */
export interface FetchFailure {
  /**
   * `denied`: nothing more may be sealed under the CMK. `outage`: the KMS fails transiently. `notAsked`: our own limit
   * held the call back, which says nothing about the KMS. `other`: any other reason.
   */
  readonly kind: 'denied' | 'outage' | 'notAsked' | 'other'
  /** Undefined if the error is not an `EnvelopeError`. */
  readonly code: ErrorCode | undefined
}

/**
 * The failures since the last success. They are not cached answers: they only pace background calls, and allow a grace.
 */
export interface FetchFailures {
  readonly count: number
  readonly last: ErrorCode | undefined
  /** The last failure, if it was an outage. */
  readonly outage: { readonly code: ErrorCode; readonly since: Instant } | undefined
  readonly pause: { readonly ms: number; readonly since: Instant } | undefined
}

export const NO_FAILURES: FetchFailures = { count: 0, last: undefined, outage: undefined, pause: undefined }

const PAUSE: BackoffBounds = { firstMs: 1000, maxMs: 60_000 }

/** @param random from 0 to 1: full jitter, so that many processes do not ask at the same moment */
export function afterFailure(
  { count, outage }: FetchFailures,
  { kind, code }: FetchFailure,
  now: Instant,
  random: number,
): FetchFailures {
  const ms = backoffMs(PAUSE, count, random)
  const told = kind === 'outage' && code !== undefined ? { code, since: now } : undefined
  return {
    count: count + 1,
    last: code,
    outage: kind === 'notAsked' ? outage : told,
    pause: { ms, since: now },
  }
}

/** The rest of the pause of background calls. Sleep does not count. */
export function pauseLeftMs({ pause }: FetchFailures, now: Instant): number {
  return pause === undefined ? 0 : Math.max(0, pause.ms - (now.runningMs - pause.since.runningMs))
}

/** The code of an outage that probably still lasts: no pause is longer, so a call would have noticed its end. */
export function recentOutage({ outage }: FetchFailures, now: Instant): ErrorCode | undefined {
  return outage !== undefined && msSince(outage.since, now) <= PAUSE.maxMs ? outage.code : undefined
}
