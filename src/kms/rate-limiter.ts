import { cancelled, onAbort, refuseCancelled } from '../cancellation.js'
import { stopwatch, type Clock } from '../clock.js'
import { EnvelopeError } from '../errors.js'
import type { KmsCallLimits } from './kms.js'
import { SlidingWindow, TokenBucket, type Share } from './rates.js'

/** What a call is for. Each side has a share of its own. */
export type Side = 'sealing' | 'opening'

/** Sealing first: a flood of forged envelopes must not stop it. */
const SIDES: readonly Side[] = ['sealing', 'opening']

/** How much of the concurrency of a service calls for opening may take. */
const OPENING_PART = 0.75

export interface RateLimits {
  readonly shares: Readonly<Record<Side, Share>>
  /** How long a call may wait for its turn. */
  readonly maxWaitMs: number
  readonly clock: Clock
}

interface Waiter {
  readonly side: Side
  readonly limits: KmsCallLimits
  readonly untilMs: number
  start(end: () => void): void
  fail(error: EnvelopeError): void
}

type Rate = NonNullable<KmsCallLimits['rate']>
type Concurrency = NonNullable<KmsCallLimits['concurrency']>

/** Calls that run at the same time. */
type Running = Record<Side, number>

/**
 * The one limiter of a KMS. A call waits first for its side's share of calls (`kmsRateLimit`), then for the limits that
 * the provider states: so many calls in a second, so many at the same time. First come, first served, but sealing before
 * opening. The line for a share is no longer than what it serves in time, so that a flood of calls costs little.
 */
export class RateLimiter {
  readonly #limits: RateLimits
  readonly #shares: Readonly<Record<Side, TokenBucket>>
  readonly #elapsedMs: () => number
  /** Wait for their share, in the order in which they came. */
  readonly #inLine: Readonly<Record<Side, Set<Waiter>>> = { sealing: new Set(), opening: new Set() }
  /** Have had their share, and wait for the limits of the service. */
  readonly #admitted: Readonly<Record<Side, Set<Waiter>>> = { sealing: new Set(), opening: new Set() }
  readonly #running = new Map<string, Running>()
  readonly #windows = new Map<string, SlidingWindow>()
  /** Set exactly while a call waits. */
  #cancelTimer: (() => void) | undefined

  constructor(limits: RateLimits) {
    const { shares, clock } = limits
    this.#limits = limits
    this.#shares = {
      sealing: new TokenBucket(shares.sealing, clock),
      opening: new TokenBucket(shares.opening, clock),
    }
    this.#elapsedMs = stopwatch(clock)
  }

  /**
   * Waits for the call's turn. Resolves to what ends the turn.
   * @throws EnvelopeError KMS_RATE_LIMITED where the turn does not come in time: at once where that is known; as
   * `cancelled` says where the signal aborts first
   */
  async acquire(side: Side, limits: KmsCallLimits, signal: AbortSignal): Promise<() => void> {
    refuseCancelled(signal)
    const waitMs = this.#shares[side].delayMs(this.#inLine[side].size + 1)
    if (waitMs > this.#limits.maxWaitMs) throw this.#shareUsedUp(side)
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        side,
        limits,
        untilMs: this.#elapsedMs() + this.#limits.maxWaitMs,
        start: (end) => {
          stop()
          resolve(end)
        },
        fail: (error) => {
          stop()
          reject(error)
        },
      }
      this.#inLine[side].add(waiter)
      const stop = onAbort(signal, () => {
        this.#inLine[side].delete(waiter)
        this.#admitted[side].delete(waiter)
        reject(cancelled(signal))
        this.#serve()
      })
      this.#serve()
    })
  }

  /** Starts the calls that may start, fails those that waited too long, and comes back when that changes with time. */
  #serve(): void {
    const delays = [
      ...SIDES.map((side) => this.#admit(side)),
      ...this.#startAdmitted(),
      ...SIDES.map((side) => this.#failLate(side)),
    ]
    this.#cancelTimer?.()
    const nextMs = Math.min(...delays)
    const serve = (): void => {
      this.#serve()
    }
    this.#cancelTimer =
      nextMs === Infinity ? undefined : this.#limits.clock.timeout(serve, Math.max(1, Math.ceil(nextMs)))
  }

  /** Gives the share of a side to those in line for it. Returns how long the next one must wait. */
  #admit(side: Side): number {
    const share = this.#shares[side]
    for (const waiter of this.#inLine[side]) {
      const delayMs = share.delayMs()
      if (delayMs > 0) return delayMs
      share.take()
      this.#inLine[side].delete(waiter)
      this.#admitted[side].add(waiter)
    }
    return Infinity
  }

  /** Starts those that the limits of the service allow. Returns how long the others must wait, where that is known. */
  #startAdmitted(): Iterable<number> {
    const delays = new Map<string, number>()
    for (const waiter of SIDES.flatMap((side) => [...this.#admitted[side]])) {
      const { side, limits } = waiter
      if (limits.concurrency !== undefined && this.#isFull(limits.concurrency, side)) continue
      if (limits.rate !== undefined) {
        const { group, calls = 1 } = limits.rate
        const window = this.#window(limits.rate)
        const delayMs = delays.get(group) ?? window.delayMs(calls)
        if (delayMs > 0) {
          delays.set(group, delayMs)
          continue
        }
        window.take(calls)
      }
      this.#admitted[side].delete(waiter)
      waiter.start(this.#run(limits.concurrency, side))
    }
    return delays.values()
  }

  /** Fails the calls of a side that have waited too long. Returns when the next one has. */
  #failLate(side: Side): number {
    const nowMs = this.#elapsedMs()
    let nextMs = Infinity
    for (const waiting of [this.#inLine[side], this.#admitted[side]])
      for (const waiter of waiting) {
        const leftMs = waiter.untilMs - nowMs
        if (leftMs > 0) {
          nextMs = Math.min(nextMs, leftMs)
          break
        }
        waiting.delete(waiter)
        waiter.fail(
          waiting === this.#inLine[side]
            ? this.#shareUsedUp(side)
            : heldBack(waiter.limits, this.#limits.maxWaitMs),
        )
      }
    return nextMs
  }

  #isFull({ group, max }: Concurrency, side: Side): boolean {
    const { sealing, opening } = this.#runningIn(group)
    if (sealing + opening >= max) return true
    return side === 'opening' && opening >= Math.max(1, Math.floor(max * OPENING_PART))
  }

  /** Counts a call that starts. Returns what ends it. */
  #run(concurrency: Concurrency | undefined, side: Side): () => void {
    if (concurrency === undefined) return () => undefined
    const running = this.#runningIn(concurrency.group)
    running[side]++
    return () => {
      running[side]--
      this.#serve()
    }
  }

  #runningIn(group: string): Running {
    const running = this.#running.get(group) ?? { sealing: 0, opening: 0 }
    this.#running.set(group, running)
    return running
  }

  #window({ group, perSecond }: Rate): SlidingWindow {
    const window = this.#windows.get(group) ?? new SlidingWindow(perSecond, this.#limits.clock)
    this.#windows.set(group, window)
    return window
  }

  #shareUsedUp(side: Side): EnvelopeError {
    const { shares, maxWaitMs } = this.#limits
    return new EnvelopeError(
      'KMS_RATE_LIMITED',
      `more calls for ${side} are waiting than this process may make within ${String(maxWaitMs)} ms: it may make ${String(shares[side].perSecond)} a second (\`kmsRateLimit.${side}\`)`,
    )
  }
}

function heldBack({ rate, concurrency }: KmsCallLimits, maxWaitMs: number): EnvelopeError {
  const limits = [
    ...(rate ? [`${String(rate.perSecond)} a second (${rate.group})`] : []),
    ...(concurrency ? [`${String(concurrency.max)} at the same time (${concurrency.group})`] : []),
  ]
  return new EnvelopeError(
    'KMS_RATE_LIMITED',
    `the call waited for ${String(maxWaitMs)} ms: this process makes at most ${limits.join(' and ')}`,
    {
      remedy:
        'Retry later; if this persists, look for a flood of foreign envelopes, or raise the limits passed to the provider (for example `quota` of tencentKms()), but not above those of the account',
    },
  )
}
