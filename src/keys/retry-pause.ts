import type { Clock } from './clock.js'

const FIRST_MS = 1000
/** The longest pause. */
export const MAX_PAUSE_MS = 60_000

/** How long background attempts pause after failures: with full jitter, so that many processes do not come at once. */
export class RetryPause {
  readonly #clock: Clock
  #failures = 0
  #untilMs = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  failed(): void {
    const pauseMs = Math.random() * Math.min(FIRST_MS * 2 ** this.#failures, MAX_PAUSE_MS)
    this.#failures++
    this.#untilMs = this.#clock.monotonicMs() + pauseMs
  }

  succeeded(): void {
    this.#failures = 0
    this.#untilMs = -Infinity
  }

  /** How much of the pause is left; 0 where there is none. */
  pausesMs(): number {
    return Math.max(0, this.#untilMs - this.#clock.monotonicMs())
  }
}
