/**
 * Milliseconds that `now` has moved on since this call. A clock may step back under a running process: fake timers in a
 * test, a restored virtual machine. Such a step counts as no time, and what follows it counts again, so what this returns
 * never falls and is never negative.
 */
export function stopwatch(now: () => number = () => performance.now()): () => number {
  let last = now()
  let elapsed = 0
  return () => {
    const reading = now()
    elapsed += Math.max(0, reading - last)
    last = reading
    return elapsed
  }
}
