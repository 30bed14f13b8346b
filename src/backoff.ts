/** Bounds of the delays between attempts, in ms. */
export interface BackoffBounds {
  readonly firstMs: number
  readonly maxMs: number
}

/** The delay after one failure that follows `failures` others. `share`: the part of it that is actually waited. */
export function backoffMs({ firstMs, maxMs }: BackoffBounds, failures: number, share: number): number {
  return Math.floor(share * Math.min(firstMs * 2 ** failures, maxMs))
}

/** Delays between attempts: each up to twice as long as the one before it, until an attempt succeeds. */
export class Backoff {
  readonly #bounds: BackoffBounds
  readonly #share: () => number
  #failures = 0

  /**
   * @param share the part of each delay that is actually waited: for full jitter pass `Clock.jitter`, so that many
   * processes do not retry at the same time
   */
  constructor(bounds: BackoffBounds, share: () => number = () => 1) {
    this.#bounds = bounds
    this.#share = share
  }

  /** Records a failed attempt. Returns how long to wait before the next one, in ms. */
  next(): number {
    return backoffMs(this.#bounds, this.#failures++, this.#share())
  }

  /** Records a successful attempt: delays are short again. */
  reset(): void {
    this.#failures = 0
  }
}
