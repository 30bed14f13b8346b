import { Backoff } from '../backoff.js'
import { pause } from '../cancellation.js'
import { stopwatch, type Clock } from '../clock.js'
import { isEnvelopeError, type ErrorCode } from '../errors.js'

/** A KMS does not answer for now; it is asked again and again. */
export interface WaitingForKms {
  readonly code: ErrorCode
  /** What is wrong, in one sentence. */
  readonly what: string
  readonly waitedMs: number
}

const DELAYS = { firstMs: 500, maxMs: 30_000 }

/** Repeats what fails transiently, until it succeeds or fails otherwise. */
export class Patience {
  readonly #clock: Clock
  readonly #onWaiting: (waiting: WaitingForKms) => void

  constructor(clock: Clock, onWaiting: (waiting: WaitingForKms) => void) {
    this.#clock = clock
    this.#onWaiting = onWaiting
  }

  /** @throws the error of the attempt if it is not transient; as `cancelled` says, if the signal aborts */
  async repeat<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const waited = stopwatch(this.#clock)
    const delays = new Backoff(DELAYS, () => (1 + this.#clock.jitter()) / 2)
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (!isEnvelopeError(error) || error.kind !== 'transient' || signal.aborted) throw error
        const { code, what } = error
        this.#onWaiting({ code, what, waitedMs: waited() })
        await pause(delays.next(), signal, this.#clock)
      }
    }
  }
}
