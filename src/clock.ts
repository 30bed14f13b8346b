import { AsyncResource } from 'node:async_hooks'
import { setImmediate } from 'node:timers'

/** Time and randomness. Injected through internal constructors only, so that tests control both. */
export interface Clock {
  /**
   * Milliseconds since an arbitrary start; may stop while the machine sleeps. Measure with `stopwatch` or `ageMeter`.
   */
  monotonicMs(): number
  /** Milliseconds since the epoch; runs through sleep, but may step. */
  wallMs(): number
  /** Calls back once; returns a function that cancels the call. For background work: the process may end before it. */
  schedule(callback: () => void, ms: number): () => void
  /** The same for work that a caller waits for: it keeps the process alive. */
  timeout(callback: () => void, ms: number): () => void
  /** A random share from 0 to below 1. Spreads delays, so that many processes do not retry at the same time. */
  jitter(): number
}

/**
 * A background timer belongs to no request: its work is not part of the request or trace in which it was set, and must
 * not keep that alive for an hour.
 */
class Outside extends AsyncResource {
  /** For tools that look for anything that keeps a process alive, such as Jest with `--detectOpenHandles`. */
  hasRef(): boolean {
    return false
  }
}
const outside = new Outside('KafkaEnvelopeTimer')

export const systemClock: Clock = {
  // The global one, as fake timers replace it.
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: (callback, ms) => {
    const timer = outside.runInAsyncScope(() => setTimeout(callback, ms))
    // It is a number if the globals are a browser's, as under Jest's jsdom.
    if (typeof timer === 'object') timer.unref()
    return () => {
      clearTimeout(timer)
    }
  },
  timeout: (callback, ms) => {
    const timer = setTimeout(callback, ms)
    return () => {
      clearTimeout(timer)
    }
  },
  jitter: () => Math.random(),
}

/**
 * Counts milliseconds from this call on. The clock may step back under a running process: fake timers in a test, a
 * restored virtual machine. Such a step counts as no time, and time after it counts again, so the result never falls
 * and is never negative.
 */
export function stopwatch(clock: Pick<Clock, 'monotonicMs'>): () => number {
  let last = clock.monotonicMs()
  let elapsed = 0
  return () => {
    const reading = clock.monotonicMs()
    elapsed += Math.max(0, reading - last)
    last = reading
    return elapsed
  }
}

/** As it was when this was loaded: jsdom has no global one, and fake timers replace it there and in the module. */
const immediate = setImmediate

/** Resolves after a turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    immediate(resolve)
  })
}

/** A longer wait is split into steps: timers pause while the machine sleeps, and Node limits them to 24.8 days. */
export const MAX_TIMER_STEP_MS = 3_600_000

/** By how much the wall clock must run ahead between two readings to count as a sleep, or as a step forward. */
const JUMP_MS = 1000

/** A reading of a clock. Its first two values never fall. */
export interface Instant {
  /** How long this process has run. Pauses while the machine sleeps. */
  readonly runningMs: number
  /** How much time has passed, including sleep as far as the wall clock showed it. */
  readonly elapsedMs: number
  /** Milliseconds since the epoch; may step. */
  readonly wallMs: number
}

/**
 * Reads a clock as instants. If the wall clock jumps ahead of the monotonic one between two readings, the jump counts
 * as time that has passed. So a sleep counts, even if the wall clock is set back after it. Read it at least once an
 * hour, as timers here do.
 */
export function instants(clock: Clock): () => Instant {
  const passage = new Passage(clock)
  return () => {
    passage.read()
    const { runningMs, elapsedMs, wallMs } = passage
    return { runningMs, elapsedMs, wallMs }
  }
}

/** The instant at which a clock was read last. */
class Passage implements Instant {
  runningMs = 0
  elapsedMs = 0
  wallMs: number
  readonly #clock: Clock
  #monotonicMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#monotonicMs = clock.monotonicMs()
    this.wallMs = clock.wallMs()
  }

  read(): void {
    const monotonicMs = this.#clock.monotonicMs()
    const wallMs = this.#clock.wallMs()
    // As in `stopwatch`.
    const ran = Math.max(0, monotonicMs - this.#monotonicMs)
    const jump = wallMs - this.wallMs - ran
    this.#monotonicMs = monotonicMs
    this.runningMs += ran
    this.elapsedMs += ran + (jump >= JUMP_MS ? jump : 0)
    this.wallMs = wallMs
  }
}

/** How long ago `then` was, by whichever clock shows more: no step of the wall clock makes a key live longer. */
export function msSince(then: Instant, now: Instant): number {
  return Math.max(now.elapsedMs - then.elapsedMs, now.wallMs - then.wallMs)
}

/** Returns a function that gives the time since this call, as `msSince` does. */
export function ageMeter(clock: Clock): () => number {
  // An opening asks for the age of its key for each message, so this makes no objects.
  const passage = new Passage(clock)
  const { runningMs, elapsedMs, wallMs } = passage
  const start = { runningMs, elapsedMs, wallMs }
  return () => {
    passage.read()
    return msSince(start, passage)
  }
}
