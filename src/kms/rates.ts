import { stopwatch, type Clock } from '../clock.js'

/** `burst` calls together after a pause, `perSecond` on average. */
export interface Share {
  readonly perSecond: number
  readonly burst: number
}

/** A token bucket. */
export class TokenBucket {
  readonly #intervalMs: number
  readonly #burst: number
  readonly #elapsedMs: () => number
  #tokens: number
  #filledAtMs = 0

  constructor({ perSecond, burst }: Share, clock: Clock) {
    this.#intervalMs = 1000 / perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#elapsedMs = stopwatch(clock)
  }

  /** How long until there is a token for the call at this place in the line, counted from 1. */
  delayMs(place = 1): number {
    const nowMs = this.#elapsedMs()
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAtMs) / this.#intervalMs)
    this.#filledAtMs = nowMs
    const missing = place - this.#tokens
    // A sum of fractions may fall just short of a whole number.
    return missing > 1e-9 ? missing * this.#intervalMs : 0
  }

  take(): void {
    this.#tokens--
  }
}

/**
 * Allows at most `perSecond` calls in any second; if that is less than one, one call in the matching number of seconds.
 */
export class SlidingWindow {
  readonly #windowMs: number
  readonly #elapsedMs: () => number
  /** When the last calls started, as a ring: the oldest is next. */
  readonly #startedAtMs: Float64Array
  #next = 0

  constructor(perSecond: number, clock: Clock) {
    const calls = Math.max(1, Math.floor(perSecond))
    this.#windowMs = (1000 * calls) / perSecond
    this.#startedAtMs = new Float64Array(calls).fill(-Infinity)
    this.#elapsedMs = stopwatch(clock)
  }

  /** How long until `calls` calls may start. More calls than fit into a window count as a full window. */
  delayMs(calls: number): number {
    const last = (this.#next + this.#clamp(calls) - 1) % this.#startedAtMs.length
    return Math.max(0, (this.#startedAtMs[last] as number) + this.#windowMs - this.#elapsedMs())
  }

  take(calls: number): void {
    const nowMs = this.#elapsedMs()
    for (let i = this.#clamp(calls); i > 0; i--) {
      this.#startedAtMs[this.#next] = nowMs
      this.#next = (this.#next + 1) % this.#startedAtMs.length
    }
  }

  #clamp(calls: number): number {
    return Math.min(calls, this.#startedAtMs.length)
  }
}
