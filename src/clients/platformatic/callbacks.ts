import type { CallbackWithPromise } from '@platformatic/kafka'

/**
 * Gives a result to a callback, if there is one, and returns the promise otherwise. What the callback throws is an
 * uncaught exception, as in the client.
 */
export function eitherWay<T>(work: Promise<T>, callback: CallbackWithPromise<T> | undefined): Promise<T> {
  if (callback === undefined) return work
  work.then(
    (result) => {
      process.nextTick(callback, null, result)
    },
    (error: unknown) => {
      process.nextTick(callback, error)
    },
  )
  return undefined as never
}

/** A promise for what a method of the client gives to its callback. */
export function promised(call: (callback: CallbackWithPromise<void>) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}
