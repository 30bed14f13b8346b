/** Bounds of the delays between attempts, in ms. */
export interface BackoffBounds {
  readonly firstMs: number
  readonly maxMs: number
}

/** Delays between attempts: each up to twice as long as the one before it, until an attempt succeeds. */
export class Backoff {
  readonly #bounds: BackoffBounds
  readonly #share: () => number
  #failures = 0

  /**
   * @param share how much of each delay is waited: for full jitter pass `Clock.jitter`, so that many processes do not
   * retry at the same time
   */
  constructor(bounds: BackoffBounds, share: () => number = () => 1) {
    this.#bounds = bounds
    this.#share = share
  }

  /** An attempt failed: how long to wait before the next one, in ms. */
  next(): number {
    const { firstMs, maxMs } = this.#bounds
    const longestMs = Math.min(firstMs * 2 ** this.#failures, maxMs)
    this.#failures++
    return Math.floor(this.#share() * longestMs)
  }

  /** An attempt succeeded: delays are short again. */
  reset(): void {
    this.#failures = 0
  }
}
