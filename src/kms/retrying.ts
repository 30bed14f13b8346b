import { ExponentialBackoff, fullJitterGenerator, handleWhen, retry } from 'cockatiel'
import { isEnvelopeError } from '../errors.js'
import { refuseAborted, unlessAborted } from './aborted.js'
import type { Kms } from './kms.js'

const FIRST_DELAY_MS = 200

/**
 * A KMS that tries transient failures again, up to `retries` times, each after a random delay (full jitter: 0
 * to 200 ms, then 0 to 400 ms, and so on). A budget that is spent is no failure of the KMS and not tried again. Short, because callers wait above it with patience of their own (`keyWait`,
 * `kmsWait`), and with no deadline of its own: whoever calls bounds all attempts together by the signal.
 * Once it aborts, the call ends, no further attempt is made, and a DEK that comes late is wiped.
 */
export function retrying(kms: Kms, retries: number): Kms {
  const policy = retry(
    handleWhen(
      (error) => isEnvelopeError(error) && error.kind === 'transient' && error.code !== 'KMS_BUDGET_SPENT',
    ),
    {
      maxAttempts: retries,
      backoff: new ExponentialBackoff({
        generator: fullJitterGenerator,
        initialDelay: FIRST_DELAY_MS,
      }),
    },
    // A delay is not cancelled by an abort, so it must not keep a process alive; the caller's deadline does.
  ).dangerouslyUnref()

  const call = <T>(signal: AbortSignal, attempt: () => Promise<T>, discard?: (late: T) => void): Promise<T> =>
    unlessAborted(
      policy.execute(() => {
        refuseAborted(signal)
        return attempt()
      }, signal),
      signal,
      discard,
    )

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
