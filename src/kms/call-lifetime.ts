import { cancelled, onAbort, refuseCancelled, withoutListenerLimit } from '../cancellation.js'
import { EnvelopeError } from '../errors.js'

/** Ends the calls of a KMS client when the client closes. */
export class CallLifetime {
  readonly #closing = new AbortController()

  constructor() {
    withoutListenerLimit(this.#closing.signal)
  }

  /** Aborted by `close()`. For calls that no caller's signal ends. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  /**
   * Makes a call with a signal of its own, which aborts when the caller's does or when the client closes.
   *
   * @throws EnvelopeError ENCRYPTION_CLOSED if the client is closed, or as `cancelled` says; or as the call does
   */
  async during<T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    refuseCancelled(this.#closing.signal)
    refuseCancelled(signal)
    const ended = new AbortController()
    const stops = [this.#closing.signal, signal].map((each) =>
      onAbort(each, () => {
        ended.abort(cancelled(each))
      }),
    )
    try {
      return await call(ended.signal)
    } finally {
      for (const stop of stops) stop()
    }
  }

  close(): void {
    this.#closing.abort(new EnvelopeError('ENCRYPTION_CLOSED', 'this KMS client was closed'))
  }
}
