import { setMaxListeners } from 'node:events'
import type { Clock } from './clock.js'
import { EnvelopeError, isEnvelopeError } from './errors.js'

const nothing = (): void => undefined

/** Lets any number of calls listen to a signal: one listener per CMK or partition is not a leak. */
export function withoutListenerLimit(signal: AbortSignal): void {
  try {
    setMaxListeners(0, signal)
  } catch {
    // This signal is not Node's own, as under Jest's jsdom. Such a signal does not count its listeners.
  }
}

/** The error of a call that a signal ended: the reason of the abort if that is an `EnvelopeError`, else KMS_TIMEOUT. */
export function cancelled(signal: AbortSignal): EnvelopeError {
  const { reason } = signal as { reason: unknown }
  return isEnvelopeError(reason) ? reason : new EnvelopeError('KMS_TIMEOUT', 'the call was cancelled')
}

/** @throws EnvelopeError as `cancelled` says, if the signal has aborted */
export function refuseCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled(signal)
}

/**
 * Calls `listener` once when the signal aborts, or now if it already has. Returns a function that removes the listener.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener()
    return nothing
  }
  signal.addEventListener('abort', listener, { once: true })
  return () => {
    signal.removeEventListener('abort', listener)
  }
}

/**
 * Settles as the promise does, or rejects as soon as the signal aborts. The promise itself continues, because others
 * may wait for it too.
 *
 * @param discard gets a result that comes after the signal aborted
 * @throws EnvelopeError as `cancelled` says, or the error of the promise
 */
export function raceAbort<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  discard: (late: T) => void = nothing,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => {
      reject(cancelled(signal))
      // A late result may have any shape; no caller is left to report to.
      promise.then(discard).catch(nothing)
    })
    const settle = (): void => {
      // Before resolving: a later abort must not discard the result that the caller gets.
      stop()
      resolve(promise)
    }
    promise.then(settle, settle)
  })
}

/** How long to wait for a promise. */
export interface WaitLimits {
  readonly clock: Clock
  readonly ms: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Waits for a promise until the time is over or the signal aborts. The promise itself continues; if it rejects later,
 * the error is ignored. The process stays alive meanwhile.
 *
 * @throws the error of the promise
 */
export async function waitFor<T>(
  promise: Promise<T>,
  { clock, ms, signal }: WaitLimits,
): Promise<{ readonly value: T } | 'late' | 'aborted'> {
  let stop = nothing
  const over = new Promise<'late' | 'aborted'>((resolve) => {
    const cancelTimer = clock.timeout(() => {
      resolve('late')
    }, ms)
    const removeListener =
      signal &&
      onAbort(signal, () => {
        resolve('aborted')
      })
    stop = () => {
      cancelTimer()
      removeListener?.()
    }
  })
  try {
    return await Promise.race([promise.then((value) => ({ value })), over])
  } finally {
    stop()
  }
}

/** Waits for `ms`. @throws EnvelopeError as `cancelled` says, as soon as the signal aborts */
export async function pause(ms: number, signal: AbortSignal, clock: Clock): Promise<void> {
  await waitFor(new Promise(nothing), { ms, signal, clock })
  refuseCancelled(signal)
}

/** How long a call may take. */
export interface Deadline {
  readonly clock: Clock
  readonly ms: number
  /** The error of the call when the time is over. */
  readonly late: () => EnvelopeError
}

/**
 * Runs a call with a signal of its own, which aborts when the time is over or `signal` does. The call ends then, even
 * if it ignores its signal.
 *
 * @param discard gets a result that arrives after that
 * @throws EnvelopeError `late()`, or as `cancelled` says; or the error of `run`
 */
export async function withDeadline<T>(
  run: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  { clock, ms, late }: Deadline,
  discard?: (late: T) => void,
): Promise<T> {
  refuseCancelled(signal)
  const controller = new AbortController()
  const removeListener = onAbort(signal, () => {
    controller.abort(cancelled(signal))
  })
  const cancelTimer = clock.timeout(() => {
    controller.abort(late())
  }, ms)
  try {
    return await raceAbort(run(controller.signal), controller.signal, discard)
  } finally {
    cancelTimer()
    removeListener()
  }
}
