import { systemClock } from '../../clock.js'

/** KafkaJS itself sends one only as often as the consumer has to. */
const INTERVAL_MS = 500

/**
 * Tells the broker that this process is alive while the work goes on. If the broker answers that this process has to join
 * its group again, the signal of the work aborts, and the call rejects once the work has ended.
 * @throws the error of the heartbeat, or of the work
 */
export async function whileHeartbeating(
  heartbeat: () => Promise<void>,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const lost = new AbortController()
  let failure: { readonly error: unknown } | undefined
  let isOver = false
  let cancel = (): void => undefined
  const beatLater = (): void => {
    cancel = systemClock.timeout(() => void beat(), INTERVAL_MS)
  }
  const beat = async (): Promise<void> => {
    try {
      await heartbeat()
      if (!isOver) beatLater()
    } catch (error) {
      failure = { error }
      lost.abort(error)
    }
  }
  beatLater()
  try {
    await work(AbortSignal.any([signal, lost.signal]))
  } finally {
    isOver = true
    cancel()
  }
  if (failure !== undefined) throw failure.error
}
