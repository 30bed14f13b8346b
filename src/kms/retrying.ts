import { Backoff } from '../backoff.js'
import { pause, raceAbort, refuseCancelled } from '../cancellation.js'
import { stopwatch, type Clock } from '../clock.js'
import { isEnvelopeError } from '../errors.js'
import type { Decorator } from './decorate.js'

const DELAYS = { firstMs: 200, maxMs: 30_000 }
/** A timer may fire this much early, as the stopwatch sees it. */
const EARLY_MS = 2

/** The settings of `retrying`. */
export interface Retries {
  /** How many times a call is retried. */
  readonly retries: number
  /** How long a call may take in total, in ms. */
  readonly timeoutMs: number
  readonly clock: Clock
}

/**
 * Retries transient failures, up to `retries` times, each after a random delay (full jitter: 0 to 200 ms, then 0 to 400
 * ms, and so on). KMS_RATE_LIMITED is our own limit and is not retried. Delays are short, because callers retry above
 * this.
 *
 * Once half of the time is over, no further attempt is made. It would have too little time left: a KMS that is merely
 * slow would make one more DEK that no caller receives.
 *
 * The caller's signal bounds all attempts together. Once it aborts, the call or its delay ends, no further attempt is
 * made, and a DEK that arrives late is wiped.
 */
export function retrying({ retries, timeoutMs, clock }: Retries): Decorator {
  return async ({ signal, discard }, run) => {
    const backoff = new Backoff(DELAYS, () => clock.jitter())
    const elapsedMs = stopwatch(clock)
    for (let left = retries; ; left--) {
      refuseCancelled(signal)
      try {
        return await raceAbort(run(signal), signal, discard)
      } catch (error) {
        const isTooLate = elapsedMs() + EARLY_MS >= timeoutMs / 2
        if (left <= 0 || isTooLate || !isRetried(error)) throw error
      }
      await pause(backoff.next(), signal, clock)
    }
  }
}

function isRetried(error: unknown): boolean {
  return isEnvelopeError(error) && error.kind === 'transient' && error.code !== 'KMS_RATE_LIMITED'
}
