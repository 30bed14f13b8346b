import { setTimeout as sleep } from 'node:timers/promises'
import type { EnvelopeError } from '../../errors.js'
import type { OpenedRecord } from '../../record/opener.js'

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
 * Opens again and again while a KMS fails for now: with full jitter, and with heartbeats, so that the wait
 * costs neither the group membership nor KafkaJS's count of retries, which never resets.
 *
 * @throws the transient error once `maxWaitMs` is over or the consumer stops; KafkaJS then restarts at the
 * same offset. What `heartbeat` rejects with.
 */
export async function openPatiently(
  open: () => OpenedRecord[] | Promise<OpenedRecord[]>,
  patience: Patience,
): Promise<OpenedRecord[]> {
  const started = performance.now()
  for (let attempt = 0; ; attempt++) {
    const opening = open()
    const opened = opening instanceof Promise ? await withHeartbeats(opening, patience.heartbeat) : opening
    const transient = opened.find(({ error }) => error?.kind === 'transient')?.error
    if (transient === undefined) return opened
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

async function withHeartbeats<T>(work: Promise<T>, heartbeat: () => Promise<void>): Promise<T> {
  // Where a heartbeat fails nobody waits for the work any more.
  work.catch(() => undefined)
  for (;;) {
    const clock = new AbortController()
    const tick = sleep(HEARTBEAT_MS, undefined, { signal: clock.signal }).catch(() => undefined)
    const done = await Promise.race([work.then((result) => ({ result })), tick]).finally(() => {
      clock.abort()
    })
    if (done !== undefined) return done.result
    await heartbeat()
  }
}
