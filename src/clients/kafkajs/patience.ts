import { setTimeout as sleep } from 'node:timers/promises'
import type { EnvelopeError } from '../../errors.js'

/** Something that may fail for now. */
export interface Trial<T> {
  readonly run: () => T | Promise<T>
  /** The transient error in a result, if it is one to wait for. */
  readonly transientOf: (result: T) => EnvelopeError | undefined
  /** The result to go on with once nobody shall wait for `run` any longer. Asked with each heartbeat. */
  readonly late?: (waitedMs: number) => T | undefined
}

/** What waiting needs of whoever waits. */
export interface Patience {
  /** Keeps the group membership; rejects when the group rebalances. KafkaJS limits its rate itself. */
  readonly heartbeat: () => Promise<void>
  /** Aborted when the consumer is told to stop. */
  readonly stopping: AbortSignal
  /** How long to wait in place, in ms. */
  readonly maxWaitMs: number
  /** Called before each wait. */
  readonly onWait: (error: EnvelopeError, waitedMs: number) => void
}

const HEARTBEAT_MS = 1000
const FIRST_PAUSE_MS = 200
const MAX_PAUSE_MS = 10_000

/**
 * Tries again and again while it fails for now: with full jitter, and with heartbeats, so that the wait
 * costs neither the group membership nor KafkaJS's count of retries, which never resets.
 *
 * @throws the transient error once `maxWaitMs` is over or the consumer stops; KafkaJS then restarts at the
 * same offset. What `heartbeat` rejects with.
 */
export async function patiently<T>(trial: Trial<T>, patience: Patience): Promise<T> {
  const started = performance.now()
  const late = (): T | undefined => trial.late?.(performance.now() - started)
  for (let attempt = 0; ; attempt++) {
    const running = trial.run()
    const result =
      running instanceof Promise ? await withHeartbeats(running, patience.heartbeat, late) : running
    const transient = trial.transientOf(result)
    if (transient === undefined) return result
    const waitedMs = performance.now() - started
    if (waitedMs >= patience.maxWaitMs || patience.stopping.aborted) throw transient
    patience.onWait(transient, waitedMs)
    const pauseMs = Math.random() * Math.min(FIRST_PAUSE_MS * 2 ** attempt, MAX_PAUSE_MS)
    const pause = sleep(Math.min(pauseMs, patience.maxWaitMs - waitedMs), undefined, {
      signal: patience.stopping,
    })
    // An aborted pause ends the wait: the loop sees why.
    await withHeartbeats(
      pause.catch(() => undefined),
      patience.heartbeat,
    )
  }
}

async function withHeartbeats<T>(
  work: Promise<T>,
  heartbeat: () => Promise<void>,
  late?: () => T | undefined,
): Promise<T> {
  // Where a heartbeat fails or it is too late nobody waits for the work any more.
  work.catch(() => undefined)
  for (;;) {
    const clock = new AbortController()
    const tick = sleep(HEARTBEAT_MS, undefined, { signal: clock.signal }).catch(() => undefined)
    const done = await Promise.race([work.then((result) => ({ result })), tick]).finally(() => {
      clock.abort()
    })
    if (done !== undefined) return done.result
    const instead = late?.()
    if (instead !== undefined) return instead
    await heartbeat()
  }
}
