import { Backoff } from '../../backoff.js'
import { stopwatch, type Clock } from '../../clock.js'

const FIRST_PAUSE_MS = 1000
/** The longest pause. */
export const MAX_PAUSE_MS = 60_000

/** How long background attempts pause after failures: with full jitter, so that many processes do not retry together. */
export class RetryPause {
  readonly #clock: Clock
  readonly #backoff: Backoff
  #pause: { readonly ms: number; readonly elapsedMs: () => number } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#backoff = new Backoff({ firstMs: FIRST_PAUSE_MS, maxMs: MAX_PAUSE_MS }, () => clock.jitter())
  }

  failed(): void {
    this.#pause = { ms: this.#backoff.next(), elapsedMs: stopwatch(this.#clock) }
  }

  succeeded(): void {
    this.#backoff.reset()
    this.#pause = undefined
  }

  /** How much of the pause is left; 0 where there is none. */
  pausesMs(): number {
    return this.#pause === undefined ? 0 : Math.max(0, this.#pause.ms - this.#pause.elapsedMs())
  }
}
