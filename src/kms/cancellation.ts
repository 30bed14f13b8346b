import { setMaxListeners } from 'node:events'
import { EnvelopeError } from '../errors.js'

/** Lets any number of calls listen to a signal: as many as there are CMKs or partitions is not a leak. */
export function withoutListenerLimit(signal: AbortSignal): void {
  try {
    setMaxListeners(0, signal)
  } catch {
    // Not Node's: under Jest's jsdom, for one. Such a signal does not count its listeners.
  }
}

/** @throws EnvelopeError KMS_TIMEOUT where nobody waits for the answer any more */
export function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw givenUp()
}

/**
 * What `promise` comes to, unless the signal aborts first. For promises that several wait for, each with a
 * signal of its own: giving up leaves the promise to the others.
 *
 * @param discard gets what comes after all, when nobody waits for it any more
 */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  discard: (late: T) => void = () => undefined,
): Promise<T> {
  let giveUp = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => {
      promise.then(discard, () => undefined)
      reject(givenUp())
    }
  })
  if (signal.aborted) giveUp()
  signal.addEventListener('abort', giveUp)
  try {
    return await Promise.race([aborted, promise])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/** Waits so long, or less: it rejects as soon as the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  try {
    await unlessAborted(passed, signal)
  } finally {
    clearTimeout(timer)
  }
}

function givenUp(): EnvelopeError {
  return new EnvelopeError('KMS_TIMEOUT', 'nobody waits for the answer any more')
}
