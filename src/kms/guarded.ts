import { EnvelopeError, isEnvelopeError } from '../errors.js'
import { nameOfThrown, type EventHub, type KmsOperation } from '../events.js'
import { stopwatch } from '../clock.js'
import type { Kms } from './kms.js'

/** What `guarded` needs beside the KMS. */
export interface Guard {
  /** The name of the KMS in the configuration. */
  readonly name: string
  /** How long a call may take, in ms. */
  readonly timeoutMs: number
  readonly events: EventHub
}

/**
 * A KMS of which every call ends: within its deadline, even where the provider ignores the signal; with
 * an `EnvelopeError`, whatever the provider throws; and with a `kms.call` event.
 */
export function guarded(kms: Kms, guard: Guard): Kms {
  const call = async <T>(
    operation: KmsOperation,
    cmkId: string,
    signal: AbortSignal,
    run: (signal: AbortSignal) => Promise<T>,
    discard?: (late: T) => void,
  ): Promise<T> => {
    const elapsedMs = stopwatch()
    const report = (outcome: 'ok' | 'failed', error?: EnvelopeError): void => {
      guard.events.emit('kms.call', {
        kms: guard.name,
        cmkId,
        operation,
        outcome,
        ...(error ? { code: error.code } : {}),
        durationMs: elapsedMs(),
      })
    }
    try {
      const result = await bounded(run, signal, guard, discard)
      report('ok')
      return result
    } catch (error) {
      // No call was made, and a flood of those would be a flood of events.
      if ((error as EnvelopeError).code !== 'KMS_RATE_LIMITED') report('failed', error as EnvelopeError)
      throw error
    }
  }

  return {
    describe: (cmkId, signal) => call('describe', cmkId, signal, (s) => kms.describe(cmkId, s)),
    generateDek: (request) =>
      call(
        'generate',
        request.cmkId,
        request.signal,
        (signal) => kms.generateDek({ ...request, signal }),
        (late) => late.dek.fill(0),
      ),
    wrapDek: (request) => {
      return call('wrap', request.cmkId, request.signal, async (signal) => {
        // The provider may go on after the deadline, while the caller wipes its own copy.
        const dek = Uint8Array.from(request.dek)
        // What it makes after the deadline is discarded.
        signal.addEventListener('abort', () => dek.fill(0), { once: true })
        try {
          return await kms.wrapDek({ ...request, dek, signal })
        } finally {
          dek.fill(0)
        }
      })
    },
    unwrapDek: (request) =>
      call(
        'unwrap',
        request.cmkId,
        request.signal,
        (signal) => kms.unwrapDek({ ...request, signal }),
        (late) => late.fill(0),
      ),
    verify: (request) =>
      call('verify', request.cmkId, request.signal, (signal) => kms.verify({ ...request, signal })),
  }
}

/** Runs with a deadline; what comes after it is discarded. */
async function bounded<T>(
  run: (signal: AbortSignal) => Promise<T>,
  outer: AbortSignal,
  { name, timeoutMs }: Guard,
  discard?: (late: T) => void,
): Promise<T> {
  const controller = new AbortController()
  return new Promise<T>((resolve, reject) => {
    let ended = false
    const end = (settle: () => void): void => {
      ended = true
      clearTimeout(timer)
      outer.removeEventListener('abort', abort)
      settle()
    }
    const giveUp = (error: EnvelopeError): void => {
      end(() => {
        reject(error)
      })
      controller.abort(error)
    }
    const abort = (): void => {
      const { reason } = outer as { reason: unknown }
      giveUp(isEnvelopeError(reason) ? reason : new EnvelopeError('KMS_TIMEOUT', 'the call was given up'))
    }
    const timer = setTimeout(() => {
      giveUp(new EnvelopeError('KMS_TIMEOUT', `no answer within ${String(timeoutMs)} ms`))
    }, timeoutMs)
    if (outer.aborted) {
      abort()
      return
    }
    outer.addEventListener('abort', abort)
    void (async () => run(controller.signal))().then(
      (result) => {
        if (ended) discardSafely(result, discard)
        else
          end(() => {
            resolve(result)
          })
      },
      (error: unknown) => {
        if (!ended)
          end(() => {
            reject(asEnvelopeError(error, name))
          })
      },
    )
  })
}

/** What comes late may be anything, and nobody is left to tell. */
function discardSafely<T>(late: T, discard: ((late: T) => void) | undefined): void {
  try {
    discard?.(late)
  } catch {
    // Nothing to wipe.
  }
}

/** What a provider throws that is not ours says nothing we may repeat: it could quote a secret. */
function asEnvelopeError(thrown: unknown, kms: string): EnvelopeError {
  if (isEnvelopeError(thrown)) return thrown
  return new EnvelopeError('KMS_UNAVAILABLE', `KMS ${kms} failed with ${nameOfThrown(thrown)}`)
}
