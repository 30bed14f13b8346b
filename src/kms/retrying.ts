import { Backoff } from '../backoff.js'
import { pause, raceAbort, refuseCancelled } from '../cancellation.js'
import type { Clock } from '../clock.js'
import { isEnvelopeError } from '../errors.js'
import type { Decorator } from './decorate.js'

const DELAYS = { firstMs: 200, maxMs: 30_000 }

/**
 * Retries transient failures, up to `retries` times, each after a random delay (full jitter: 0 to 200 ms, then 0 to 400
 * ms, and so on). KMS_RATE_LIMITED is our own limit and is not retried. Delays are short, because callers retry above
 * this (`dekTimeout`, `retryFor`). The caller's signal bounds all attempts together. Once it aborts, the call or its
 * delay ends, no further attempt is made, and a DEK that arrives late is wiped.
 */
export function retrying(retries: number, clock: Clock): Decorator {
  return async ({ signal, discard }, run) => {
    const backoff = new Backoff(DELAYS, () => clock.jitter())
    for (let left = retries; ; left--) {
      refuseCancelled(signal)
      try {
        return await raceAbort(run(signal), signal, discard)
      } catch (error) {
        if (left <= 0 || !isRetried(error)) throw error
      }
      await pause(backoff.next(), signal, clock)
    }
  }
}

function isRetried(error: unknown): boolean {
  return isEnvelopeError(error) && error.kind === 'transient' && error.code !== 'KMS_RATE_LIMITED'
}
