import type { Clock } from '../../src/clock.js'

/** A clock and chance that a test controls; timers fire when the monotonic clock passes them, as Node's do. */
export class FakeClock implements Clock {
  #monotonic = 1000
  #wall = 1_700_000_000_000
  /** Chance as usual, unless a test replaces it. */
  jitter = (): number => Math.random()
  readonly #timers = new Set<{ at: number; callback: () => void }>()

  monotonicMs(): number {
    return this.#monotonic
  }

  wallMs(): number {
    return this.#wall
  }

  schedule(callback: () => void, ms: number): () => void {
    if (ms > 2 ** 31 - 1) throw new RangeError('Node would fire this timer at once')
    if (!(ms >= 0)) throw new RangeError('Node would warn of this timer')
    const timer = { at: this.#monotonic + ms, callback }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /** As `schedule`: this clock keeps no process alive. */
  timeout(callback: () => void, ms: number): () => void {
    return this.schedule(callback, ms)
  }

  get timers(): number {
    return this.#timers.size
  }

  /** Both clocks run. */
  advance(ms: number): void {
    const end = this.#monotonic + ms
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.#timers.delete(next)
      this.#wall += next.at - this.#monotonic
      this.#monotonic = next.at
      next.callback()
    }
    this.#wall += end - this.#monotonic
    this.#monotonic = end
  }

  /** The machine sleeps: only the wall clock runs. */
  sleep(ms: number): void {
    this.#wall += ms
  }

  /** Somebody sets the wall clock. */
  step(ms: number): void {
    this.#wall += ms
  }
}
