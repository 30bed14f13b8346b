import { stopwatch } from '../../stopwatch.js'
import type { Clock } from '../../clock.js'

const FIRST_MS = 1000
/** The longest pause. */
export const MAX_PAUSE_MS = 60_000

/** How long background attempts pause after failures: with full jitter, so that many processes do not come at once. */
export class RetryPause {
  readonly #clock: Clock
  #failures = 0
  #pause: { readonly ms: number; readonly elapsedMs: () => number } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  failed(): void {
    const ms = Math.floor(Math.random() * Math.min(FIRST_MS * 2 ** this.#failures, MAX_PAUSE_MS))
    this.#failures++
    this.#pause = { ms, elapsedMs: stopwatch(() => this.#clock.monotonicMs()) }
  }

  succeeded(): void {
    this.#failures = 0
    this.#pause = undefined
  }

  /** How much of the pause is left; 0 where there is none. */
  pausesMs(): number {
    return this.#pause === undefined ? 0 : Math.max(0, this.#pause.ms - this.#pause.elapsedMs())
  }
}
