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
    const at = BigInt(offset)
    return this.#ends.get(batchContext.producerId)?.find((end) => end.offset > at)?.isCommit
  }

  /** Forgets markers before this offset. */
  forgetBefore(offset: bigint): void {
    for (const [producerId, ends] of this.#ends) {
      const left = ends.filter((end) => end.offset >= offset)
      if (left.length > 0) this.#ends.set(producerId, left)
      else this.#ends.delete(producerId)
    }
  }
}
