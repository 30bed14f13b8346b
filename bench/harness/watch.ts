import { monitorEventLoopDelay } from 'node:perf_hooks'

/** The finest that Node.js has. */
const RESOLUTION_MS = 1

/** How long callbacks that are due wait, in milliseconds. */
export interface LoopDelay {
  readonly p99: number
  readonly longest: number
}

/** Watches the event loop; the function returned says how late it was since. */
export function watchLoop(): () => LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return () => {
    histogram.disable()
    // It records the time between two ticks of a timer, in nanoseconds. One in time is not late.
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
    return { p99: late(histogram.percentile(99)), longest: late(histogram.max) }
  }
}

/** Watches how long the event loop is busy at a stretch, from now on; the function returned says the longest, in milliseconds. */
export function watchStretches(): () => number {
  let longest = 0
  let last = performance.now()
  const tick = (): void => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    next = setImmediate(tick)
  }
  let next = setImmediate(tick)
  return () => {
    clearImmediate(next)
    return Math.max(longest, performance.now() - last)
  }
}
