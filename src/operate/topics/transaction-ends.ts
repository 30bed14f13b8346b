import type { RawMessage } from './raw-message.js'

/** The type of a control record: after two bytes of version, 0 for the end of an aborted transaction, 1 of a committed one. */
const COMMIT = 1

interface End {
  readonly offset: bigint
  readonly isCommit: boolean
}

/**
 * Which records of a partition belong to committed transactions, from the markers that end transactions. KafkaJS's own
 * filter delivers aborted records if transactions overlap, or if a record has the bytes of a marker as its key, such as
 * the integer 0.
 */
export class TransactionEnds {
  readonly #ends = new Map<string, End[]>()

  /** Call it with the markers of a partition, in order, each once. */
  learn({ offset, key, batchContext }: RawMessage): void {
    if (batchContext === undefined || key === null) return
    const end = { offset: BigInt(offset), isCommit: key.length >= 4 && key.readInt16BE(2) === COMMIT }
    const ends = this.#ends.get(batchContext.producerId)
    if (ends === undefined) this.#ends.set(batchContext.producerId, [end])
    else ends.push(end)
  }

  /** Whether a record is committed; undefined if the end of its transaction is not known yet. */
  isCommitted({ offset, batchContext }: Pick<RawMessage, 'offset' | 'batchContext'>): boolean | undefined {
    if (batchContext?.inTransaction !== true) return true
    const ends = this.#ends.get(batchContext.producerId) ?? []
    return ends[countBefore(ends, BigInt(offset))]?.isCommit
  }

  /** Forgets markers before this offset. */
  forgetBefore(offset: bigint): void {
    for (const [producerId, ends] of this.#ends) {
      ends.splice(0, countBefore(ends, offset))
      if (ends.length === 0) this.#ends.delete(producerId)
    }
  }
}

/** How many of them are before this offset. There can be very many: some producers end a transaction after each record. */
function countBefore(ends: readonly End[], offset: bigint): number {
  let [from, to] = [0, ends.length]
  while (from < to) {
    const middle = (from + to) >> 1
    const end = ends[middle]
    if (end !== undefined && end.offset < offset) from = middle + 1
    else to = middle
  }
  return from
}
