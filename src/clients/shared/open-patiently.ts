import type { EnvelopeError } from '../../errors.js'
import type { Opening } from '../../record/opening.js'
import type { ConsumedRecord, WaitFor } from './part.js'
import type { RetryWait } from './retry-while-transient.js'

/** A batch is cut once its opened values take more memory than this, and more than its sealed values. */
const MIN_OPENED_BYTES = 2 ** 25
/** How long opened records wait for those after them. */
const HOLD_BACK_MS = 1000

/**
 * Opens the rest of a run, up to the limit of a batch, and waits in place for keys. Closes the opening.
 * @returns the transient failure that outlasted the wait
 * @throws EnvelopeError as `Opening.proceed` does; the errors of `RetryWait.attempt`
 */
export async function openPatiently(
  opening: Opening,
  records: readonly ConsumedRecord[],
  waitFor: (what: () => WaitFor) => RetryWait,
): Promise<EnvelopeError | undefined> {
  const { results } = opening
  const sealedBytes = records.reduce((total, { value }) => total + (value?.length ?? 0), 0)
  const maxBytes = Math.max(MIN_OPENED_BYTES, sealedBytes)
  const wait = waitFor(() => records[results.length] as ConsumedRecord)
  try {
    do {
      if (opening.openedBytes >= maxBytes) return undefined
      const { failure, settledKeys } = opening
      const leftMs = results.some(({ error }) => error === undefined)
        ? Math.max(0, HOLD_BACK_MS - wait.waitedMs)
        : Infinity
      if (failure !== undefined) {
        wait.failed(failure)
        if (wait.isOver) return failure
        if (leftMs < Infinity) return undefined
        await wait.pause()
      } else if (opening.waits && results.length > 0 && (leftMs === 0 || wait.isOver)) return undefined
      if (!(await wait.attempt(opening.ready(), opening.waits ? leftMs : Infinity))) return undefined
      if (opening.settledKeys > settledKeys) wait.progressed()
      opening.proceed()
    } while (!opening.isDone)
    return undefined
  } finally {
    opening.close()
  }
}
