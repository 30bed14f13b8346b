import { AsyncResource } from 'node:async_hooks'

/** Time as keys need it. Injected through internal constructors only. */
export interface Clock {
  /** Milliseconds since some start; never steps, but may stand still while the machine sleeps. */
  monotonicMs(): number
  /** Milliseconds since the epoch; runs through sleep, but may step. */
  wallMs(): number
  /** Calls back once, without keeping the process alive; returns what cancels it. */
  schedule(callback: () => void, ms: number): () => void
}

/**
 * A timer is nobody's: what it does later is no part of the request or trace in which it was set, and it must not keep
 * what belongs to one alive for an hour.
 */
const outside = new AsyncResource('KafkaEnvelopeTimer')

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: (callback, ms) => {
    const timer = outside.runInAsyncScope(() => setTimeout(callback, ms)).unref()
    return () => {
      clearTimeout(timer)
    }
  },
}

/** A longer wait is taken in steps: a timer stands still while the machine sleeps, and Node's end at 24.8 days. */
export const MAX_TIMER_STEP_MS = 3_600_000

/**
 * Tells the age of something from now on. Of two clocks the one that shows more counts: so a sleep or a
 * step of the wall clock, in whichever direction, never makes a key live longer.
 */
export function ageMeter(clock: Clock): () => number {
  const monotonic = clock.monotonicMs()
  const wall = clock.wallMs()
  return () => Math.max(clock.monotonicMs() - monotonic, clock.wallMs() - wall)
}
