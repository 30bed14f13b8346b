import { raceAbort, refuseCancelled } from '../cancellation.js'
import { stopwatch, type Clock } from '../clock.js'

const KEEP_MS = 3_600_000

export interface KeptOptions<T> {
  readonly fetch: (signal: AbortSignal) => Promise<T>
  /** Ends the fetch that callers share. */
  readonly lifetime: AbortSignal
  readonly clock: Clock
}

/** A value from a service, kept for an hour: a public key. Concurrent callers share one request. */
export class Kept<T> {
  readonly #options: KeptOptions<T>
  readonly #elapsedMs: () => number
  #kept: { readonly value: T; readonly until: number } | undefined
  #fetching: Promise<T> | undefined

  constructor(options: KeptOptions<T>) {
    this.#options = options
    this.#elapsedMs = stopwatch(options.clock)
  }

  async get(signal: AbortSignal): Promise<T> {
    refuseCancelled(signal)
    if (this.#kept !== undefined && this.#elapsedMs() < this.#kept.until) return this.#kept.value
    // The request outlives its first caller: others may wait for it too. It has a deadline of its own.
    this.#fetching ??= this.renew(this.#options.lifetime).finally(() => {
      this.#fetching = undefined
    })
    return raceAbort(this.#fetching, signal)
  }

  /** Fetches the value whatever is kept. */
  async renew(signal: AbortSignal): Promise<T> {
    const value = await this.#options.fetch(signal)
    this.#kept = { value, until: this.#elapsedMs() + KEEP_MS }
    return value
  }
}
