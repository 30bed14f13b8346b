import { stopwatch, type Clock } from '../clock.js'
import type { Kms, KmsCallLimits } from './kms.js'
import { SlidingWindow } from './rates.js'
import { SIDES, type Side, type Subject } from './side.js'

/** The part of a service's concurrency that calls for opening may use. */
const OPENING_PART = 0.75

/** A call that waits for its turn. */
export interface WaitingCall {
  readonly side: Side
  readonly subject: Subject
  readonly limits: KmsCallLimits
  start(end: () => void): void
  /** Ends the call because it waited too long. */
  fail(): void
}

type Rate = NonNullable<KmsCallLimits['rate']>
type Concurrency = NonNullable<KmsCallLimits['concurrency']>

/** Calls that run at the same time. */
type Running = Record<Side, number>

/**
 * Keeps the calls of a KMS within the limits that its provider states: calls per second, and concurrent calls. First
 * come, first served, but sealing before opening, and DEKs before secrets.
 */
export class ServiceLimits {
  readonly #clock: Clock
  readonly #elapsedMs: () => number
  /** Each call, with the time at which it will have waited too long. */
  readonly #waiting: Readonly<Record<Side, Map<WaitingCall, number>>> = {
    sealing: new Map(),
    opening: new Map(),
  }
  readonly #running = new Map<string, Running>()
  readonly #windows = new Map<string, SlidingWindow>()
  /** Set if and only if a call waits. */
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#elapsedMs = stopwatch(clock)
  }

  /** Starts the call at its turn, or fails it after `maxWaitMs`. */
  enter(call: WaitingCall, maxWaitMs: number): void {
    this.#waiting[call.side].set(call, this.#elapsedMs() + maxWaitMs)
    this.#serve()
  }

  /** Removes a call that was cancelled: another one may have its turn. */
  leave(call: WaitingCall): void {
    if (this.#waiting[call.side].delete(call)) this.#serve()
  }

  /** Starts the calls that may start, fails those that waited too long, and sets the timer for the next change. */
  #serve(): void {
    const nextMs = Math.min(...this.#start(), this.#failLate())
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    // Those that had to wait may have failed since.
    const isWaiting = SIDES.some((side) => this.#waiting[side].size > 0)
    if (!isWaiting || nextMs === Infinity) return
    const serve = (): void => {
      this.#serve()
    }
    this.#cancelTimer = this.#clock.timeout(serve, Math.max(1, Math.ceil(nextMs)))
  }

  /** Starts the calls that the limits allow. Returns how long the others must wait, if that is known. */
  #start(): Iterable<number> {
    const delays = new Map<string, number>()
    for (const call of this.#inOrder()) {
      const { side, limits } = call
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
      this.#waiting[side].delete(call)
      call.start(this.#run(limits.concurrency, side))
    }
    return delays.values()
  }

  #inOrder(): readonly WaitingCall[] {
    const waiting = SIDES.flatMap((side) => [...this.#waiting[side].keys()])
    const about = (subject: Subject): WaitingCall[] => waiting.filter((call) => call.subject === subject)
    return [...about('dek'), ...about('secret')]
  }

  /** Fails the calls that have waited too long. Returns when the next one will have. */
  #failLate(): number {
    const nowMs = this.#elapsedMs()
    let nextMs = Infinity
    for (const waiting of Object.values(this.#waiting)) {
      for (const [call, untilMs] of waiting) {
        if (untilMs > nowMs) {
          nextMs = Math.min(nextMs, untilMs - nowMs)
          continue
        }
        waiting.delete(call)
        call.fail()
      }
    }
    return nextMs
  }

  #isFull({ group, max }: Concurrency, side: Side): boolean {
    const { sealing, opening } = this.#runningIn(group)
    if (sealing + opening >= max) return true
    return side === 'opening' && opening >= Math.max(1, Math.floor(max * OPENING_PART))
  }

  /** Counts a call that starts. Returns a function that ends it. */
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
    const window = this.#windows.get(group) ?? new SlidingWindow(perSecond, this.#clock)
    this.#windows.set(group, window)
    return window
  }
}

const ofKms = new WeakMap<Kms, ServiceLimits>()

/** Returns the limits of a KMS. All encryptions that use the object share them, because it stands for one account. */
export function serviceLimitsOf(kms: Kms, clock: Clock): ServiceLimits {
  const limits = ofKms.get(kms) ?? new ServiceLimits(clock)
  ofKms.set(kms, limits)
  return limits
}
