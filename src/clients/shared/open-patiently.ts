import type { EnvelopeError } from '../../errors.js'
import type { MissingKey, Opening } from '../../record/opening.js'
import type { KeyGates } from './key-gates.js'
import type { ConsumedRecord } from './part.js'
import type { WaitInPlace } from './wait-in-place.js'

/** A batch is cut once its opened values take more memory than this, and more than its sealed values. */
const MIN_OPENED_BYTES = 2 ** 25
/** How long opened records wait for those after them, and a client for a key. */
export const PATIENCE_MS = 1000

/** How to wait for keys. */
export interface Patience {
  readonly wait: WaitInPlace
  readonly gates: KeyGates
  /** How long to wait in place for the key of the first record. */
  readonly firstKeyMs: number
}

/** The first record of a run waits for its key. */
export interface HeldUp {
  readonly key: MissingKey
  /** The failure of the last call for this key; undefined if none was made, or it has not ended. */
  readonly failure: EnvelopeError | undefined
}

/**
 * Opens the rest of a run, up to the limit of a batch, as far as its keys come soon. Closes the opening.
 * @returns what holds up the first record, if no record has its outcome
 * @throws EnvelopeError as `Opening.proceed` does; the errors of `WaitInPlace.for`
 */
export async function openPatiently(
  opening: Opening,
  records: readonly ConsumedRecord[],
  { wait, gates, firstKeyMs }: Patience,
): Promise<HeldUp | undefined> {
  const { results } = opening
  const sealedBytes = records.reduce((total, { value }) => total + (value?.length ?? 0), 0)
  const maxBytes = Math.max(MIN_OPENED_BYTES, sealedBytes)
  const heldUp = (): HeldUp | undefined => {
    const { missingKey: key, failure } = opening
    if (key === undefined) return undefined
    if (failure !== undefined) gates.failed(key, failure)
    if (results.length === 0) return { key, failure }
    if (failure !== undefined) wait.failed(failure)
    return undefined
  }
  // Others have waited for these CMKs in vain. Only a key that has just been lost again is worth a wait.
  const isKnownToFail = (key: MissingKey): boolean =>
    gates.failureOf(key) !== undefined || (gates.isAsking(key) && firstKeyMs <= PATIENCE_MS)
  let hasProgressed = false
  try {
    do {
      if (opening.openedBytes >= maxBytes) return undefined
      const { missingKey: key, failure, settledKeys } = opening
      let leftMs = Infinity
      if (key !== undefined) {
        const hasOpened = results.some(({ error }) => error === undefined)
        leftMs = Math.max(0, (hasOpened ? PATIENCE_MS : firstKeyMs) - wait.waitedMs)
        // Calls that the rate limit held back are worth another attempt, as long as others got through.
        const fails = failure === undefined ? isKnownToFail(key) : hasOpened || !hasProgressed
        if (fails || leftMs === 0) return heldUp()
      }
      if (!(await wait.for(opening.ready(), leftMs))) return heldUp()
      hasProgressed = opening.settledKeys > settledKeys
      opening.proceed()
    } while (!opening.isDone)
    return undefined
  } finally {
    opening.close()
  }
}
