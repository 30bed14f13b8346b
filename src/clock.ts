import { AsyncResource } from 'node:async_hooks'

/** Time and chance. Injected through internal constructors only, so that tests control both. */
export interface Clock {
  /** Milliseconds since some start; may stand still while the machine sleeps. Measure with `stopwatch` or `ageMeter`. */
  monotonicMs(): number
  /** Milliseconds since the epoch; runs through sleep, but may step. */
  wallMs(): number
  /** Calls back once; returns what cancels it. For work in the background: the process may end before. */
  schedule(callback: () => void, ms: number): () => void
  /** The same for what a caller waits for: it keeps the process alive. */
  timeout(callback: () => void, ms: number): () => void
  /** A random share from 0 to below 1. Spreads delays, so that many processes do not retry at the same time. */
  jitter(): number
}

/**
 * A background timer belongs to no request: what it does later is not part of the request or trace in which it was set,
 * and it must not keep that alive for an hour.
 */
class Outside extends AsyncResource {
  /** For tools that look for what keeps a process alive, such as Jest with `--detectOpenHandles`. */
  hasRef(): boolean {
    return false
  }
}
const outside = new Outside('KafkaEnvelopeTimer')

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: (callback, ms) => {
    const timer = outside.runInAsyncScope(() => setTimeout(callback, ms))
    // A number where the globals are a browser's, as under Jest's jsdom.
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
 * Milliseconds that the clock has moved on since this call. It may step back under a running process: fake timers in a
 * test, a restored virtual machine. Such a step counts as no time, and what follows it counts again, so what this returns
 * never falls and is never negative.
 */
export function stopwatch(clock: Pick<Clock, 'monotonicMs'> = systemClock): () => number {
  let last = clock.monotonicMs()
  let elapsed = 0
  return () => {
    const reading = clock.monotonicMs()
    elapsed += Math.max(0, reading - last)
    last = reading
    return elapsed
  }
}

/** A longer wait is taken in steps: a timer stands still while the machine sleeps, and Node's end at 24.8 days. */
export const MAX_TIMER_STEP_MS = 3_600_000

/** By how much the wall clock must run ahead between two readings to count as a sleep, or as a step forward. */
const JUMP_MS = 1000

/**
 * Tells the age of something from now on: by the wall clock, or by the monotonic clock and whatever the wall clock
 * jumped ahead of it between two readings, whichever is more. So a sleep counts, also where the wall clock is set back
 * after it, and no step of the wall clock makes a key live longer. Read it at least once an hour, as timers here do.
 */
export function ageMeter(clock: Clock): () => number {
  const elapsedMs = stopwatch(clock)
  const startWall = clock.wallMs()
  let elapsed = 0
  let wall = startWall
  let slept = 0
  return () => {
    const nowElapsed = elapsedMs()
    const nowWall = clock.wallMs()
    const jump = nowWall - wall - (nowElapsed - elapsed)
    if (jump >= JUMP_MS) slept += jump
    elapsed = nowElapsed
    wall = nowWall
    return Math.max(elapsed + slept, wall - startWall)
  }
}
