import { waitFor } from '../../cancellation.js'
import { stopwatch, type Clock } from '../../clock.js'
import type { EnvelopeError } from '../../errors.js'

/** The operations of a client that waiting needs. */
export interface PlaceKeeping {
  /** Keeps the group membership; rejects when the group rebalances. Called often: the client limits its rate. */
  readonly heartbeat: () => Promise<void>
  /** Aborted when the records are no longer needed. */
  readonly interrupted: AbortSignal
  /** Called after two seconds, and then every ten seconds; and for each failure. */
  readonly report: (waitedMs: number, failure?: EnvelopeError) => void
}

/** Ends a wait because the consumer stops, seeks or pauses, or loses the partition. Handlers never see it. */
export class Interrupted extends Error {}

const TICK_MS = 1000
const FIRST_REPORT_MS = 2000
const REPORT_MS = 10_000

/** One wait in place, with heartbeats and reports. The client reads none of its partitions meanwhile. */
export class WaitInPlace {
  readonly #client: PlaceKeeping
  readonly #clock: Clock
  readonly #waitedMs: () => number
  #reportAtMs = FIRST_REPORT_MS

  constructor(client: PlaceKeeping, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#waitedMs = stopwatch(clock)
  }

  /** Time since it was created. */
  get waitedMs(): number {
    return this.#waitedMs()
  }

  /** Reports a failed attempt. */
  failed(failure: EnvelopeError): void {
    this.#client.report(this.waitedMs, failure)
  }

  /**
   * Waits for work for at most `forMs`. Returns true if it ended.
   * @param graceMs how long it may still take once it is interrupted
   * @throws Interrupted; the error of the work or of `heartbeat`
   */
  async for(work: Promise<unknown>, forMs = Infinity, graceMs = 0): Promise<boolean> {
    // If a heartbeat fails first, nothing else handles the rejection of the work.
    work.catch(() => undefined)
    const { heartbeat, interrupted } = this.#client
    const end = this.waitedMs + forMs
    for (;;) {
      const restMs = Math.max(0, end - this.waitedMs)
      const done = await this.#settles(work, Math.min(restMs, TICK_MS), interrupted)
      if (interrupted.aborted) {
        if (graceMs > 0 && (await this.#settles(work, graceMs))) return true
        throw new Interrupted()
      }
      const isOver = done || this.waitedMs >= end
      if (!isOver) this.#reportIfDue()
      await heartbeat()
      if (isOver) return done
    }
  }

  /** Whether a promise settles within a time, and before the signal aborts. @throws the error of the promise */
  async #settles(work: Promise<unknown>, ms: number, signal?: AbortSignal): Promise<boolean> {
    return typeof (await waitFor(work, { clock: this.#clock, ms, signal })) !== 'string'
  }

  #reportIfDue(): void {
    const waitedMs = this.waitedMs
    if (waitedMs < this.#reportAtMs) return
    this.#reportAtMs = waitedMs + REPORT_MS
    this.#client.report(waitedMs)
  }
}
