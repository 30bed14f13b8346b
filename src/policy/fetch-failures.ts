import { backoffMs, type BackoffBounds } from '../backoff.js'
import type { ErrorCode } from '../errors.js'
import { msSince, type Instant } from '../clock.js'

/** Why a call for a DEK failed, as far as a rotation decides by it. */
export interface FetchFailure {
  /**
   * `denied`: the KMS wants nothing more sealed under the CMK. `outage`: it fails transiently. `notAsked`: a limit of our
   * own kept the call back, which says nothing about the KMS. `other`: it fails for another reason.
   */
  readonly kind: 'denied' | 'outage' | 'notAsked' | 'other'
  /** Undefined where what was thrown is not ours. */
  readonly code: ErrorCode | undefined
}

/** What the calls since the last success tell. A failure is not cached: this paces background calls, and grants a grace. */
export interface FetchFailures {
  readonly count: number
  readonly last: ErrorCode | undefined
  /** What the KMS last answered, if that was an outage. */
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

/** How long background calls still pause. Sleep does not count. */
export function pauseLeftMs({ pause }: FetchFailures, now: Instant): number {
  return pause === undefined ? 0 : Math.max(0, pause.ms - (now.runningMs - pause.since.runningMs))
}

/** The code of an outage that is probably still on: no pause is longer, so a call would have shown its end. */
export function recentOutage({ outage }: FetchFailures, now: Instant): ErrorCode | undefined {
  return outage !== undefined && msSince(outage.since, now) <= PAUSE.maxMs ? outage.code : undefined
}
