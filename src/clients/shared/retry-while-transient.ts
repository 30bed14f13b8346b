import { Backoff } from '../../backoff.js'
import { waitFor } from '../../cancellation.js'
import { stopwatch, type Clock } from '../../clock.js'
import type { EnvelopeError } from '../../errors.js'

/** The operations of a client that waiting needs. */
export interface RetryOptions {
  /** Keeps the group membership; rejects when the group rebalances. Called often: the client limits its rate. */
  readonly heartbeat: () => Promise<void>
  /** Aborted when the records are no longer needed. */
  readonly interrupted: AbortSignal
  /** How long to wait in place, in ms. */
  readonly maxWaitMs: number
  /**
   * Called after each failed attempt. During a long attempt, also called after one second and then every ten seconds.
   */
  readonly report: (lastFailure: EnvelopeError | undefined, waitedMs: number) => void
}

/** Ends a wait that is no longer needed, since the consumer stops, seeks or pauses. Handlers never see it. */
export class Interrupted extends Error {}

const TICK_MS = 1000
const REPORT_MS = 10_000
const PAUSES = { firstMs: 200, maxMs: 10_000 } as const

/** One wait in place: with heartbeats, reports, and growing pauses with full jitter between attempts. */
export class RetryWait {
  readonly #options: RetryOptions
  readonly #clock: Clock
  readonly #waitedMs: () => number
  readonly #pauses: Backoff
  #failure: EnvelopeError | undefined
  #reportAtMs = TICK_MS

  constructor(options: RetryOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#waitedMs = stopwatch(clock)
    this.#pauses = new Backoff(PAUSES, () => clock.jitter())
  }

  /** Whether the time to wait is over. */
  get isOver(): boolean {
    return this.waitedMs >= this.#options.maxWaitMs
  }

  /** Time since it was created. */
  get waitedMs(): number {
    return this.#waitedMs()
  }

  /** Records a failed attempt. Call `pause` next, unless the time to wait is over. */
  failed(failure: EnvelopeError): void {
    this.#failure = failure
    this.#report()
  }

  /** Records progress: pauses are short again. */
  progressed(): void {
    this.#pauses.reset()
  }

  /**
   * Waits for an attempt for at most `forMs`. Returns true if it ended.
   * @param graceMs how long it may still take once it is interrupted
   * @throws Interrupted; the error of the attempt or of `heartbeat`
   */
  async attempt(work: Promise<unknown>, forMs = Infinity, graceMs = 0): Promise<boolean> {
    // If a heartbeat fails first, nothing else handles the rejection of the attempt.
    work.catch(() => undefined)
    const { heartbeat, interrupted } = this.#options
    const end = this.waitedMs + forMs
    for (;;) {
      const restMs = Math.max(0, end - this.waitedMs)
      const done = await this.#settles(work, Math.min(restMs, TICK_MS), interrupted)
      if (interrupted.aborted) {
        if (graceMs > 0 && (await this.#settles(work, graceMs))) return true
        throw new Interrupted()
      }
      if (!done && this.waitedMs >= this.#reportAtMs) this.#report()
      await heartbeat()
      if (done) return true
      if (this.waitedMs >= end) return false
    }
  }

  /** Waits before the next attempt. @throws as `attempt` does */
  async pause(): Promise<void> {
    const leftMs = this.#options.maxWaitMs - this.waitedMs
    await this.attempt(new Promise(() => undefined), Math.min(this.#pauses.next(), leftMs))
  }

  /** Whether a promise settles within a time, and before the signal aborts. @throws the error of the promise */
  async #settles(work: Promise<unknown>, ms: number, signal?: AbortSignal): Promise<boolean> {
    return typeof (await waitFor(work, { clock: this.#clock, ms, signal })) !== 'string'
  }

  #report(): void {
    this.#reportAtMs = this.waitedMs + REPORT_MS
    this.#options.report(this.#failure, this.waitedMs)
  }
}
