import { isEnvelopeError } from '../errors.js'
import { pause, refuseCancelled, raceAbort } from '../cancellation.js'
import { systemClock } from '../clock.js'
import type { Kms } from './kms.js'

const FIRST_DELAY_MS = 200
const MAX_DELAY_MS = 30_000

/**
 * A KMS that tries transient failures again, up to `retries` times, each after a random delay (full jitter: 0 to 200 ms,
 * then 0 to 400 ms, and so on). KMS_RATE_LIMITED is our own limit and is not retried. Delays are short, because callers
 * retry above this (`dekTimeout`, `retryFor`), and there is no deadline here: the caller's signal bounds all attempts together.
 * Once it aborts, the call and its delay end, no further attempt is made, and a DEK that arrives late is wiped.
 */
export function retrying(kms: Kms, retries: number): Kms {
  const call = async <T>(
    signal: AbortSignal,
    attempt: () => Promise<T>,
    discard?: (late: T) => void,
  ): Promise<T> => {
    for (let failures = 0; ; failures++) {
      refuseCancelled(signal)
      try {
        return await raceAbort(attempt(), signal, discard)
      } catch (error) {
        if (failures >= retries || !isRetried(error)) throw error
      }
      const longest = Math.min(FIRST_DELAY_MS * 2 ** failures, MAX_DELAY_MS)
      await pause(Math.floor(Math.random() * longest), signal, systemClock)
    }
  }

  return {
    describe: (cmkId, signal) => call(signal, () => kms.describe(cmkId, signal)),
    generateDek: (request) =>
      call(
        request.signal,
        () => kms.generateDek(request),
        (late) => late.dek.fill(0),
      ),
    wrapDek: (request) => call(request.signal, () => kms.wrapDek(request)),
    unwrapDek: (request) =>
      call(
        request.signal,
        () => kms.unwrapDek(request),
        (late) => late.fill(0),
      ),
    verify: (request) => call(request.signal, () => kms.verify(request)),
  }
}

function isRetried(error: unknown): boolean {
  return isEnvelopeError(error) && error.kind === 'transient' && error.code !== 'KMS_RATE_LIMITED'
}
