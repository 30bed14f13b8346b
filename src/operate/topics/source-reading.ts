import type { FetchedOffsets, PartitionReading, Taken } from './partition-reading.js'
import type { RawBatch, RawMessage } from './raw-message.js'
import { TransactionEnds } from './transaction-ends.js'

/** The limit of a fetch may part markers from the record before them, if other partitions take what is left of it. */
const MAX_MARKERS_ALONE = 100

/**
 * Reads one partition as a reader of committed records, from batches that were fetched without regard to transactions.
 * No record between `next` and `end` is left out, wherever a fetch begins.
 */
export class SourceReading implements PartitionReading {
  readonly end: bigint
  readonly #ends = new TransactionEnds()
  #next: bigint
  /** Everything from `next` up to, but without, this offset was seen, so the markers there are known. */
  #seen: bigint
  /** The record at `next`, while the end of its transaction is looked for. */
  #undecided: RawMessage | undefined
  /** The offset of the last record that was seen; markers may follow it. */
  #lastRecord: bigint
  #markersAlone = 0
  #fetchAt: bigint

  constructor(next: bigint, end: bigint) {
    this.#next = next
    this.#fetchAt = next
    this.#seen = next
    this.#lastRecord = next
    this.end = end
  }

  get next(): bigint {
    return this.#next
  }

  get isDone(): boolean {
    return this.#next >= this.end
  }

  get fetchAt(): bigint {
    return this.#fetchAt
  }

  rewind(): void {
    this.#undecided = undefined
    this.#fetchAt = this.#next
  }

  take(batch: Pick<RawBatch, 'fetchedOffset' | 'rawMessages' | 'lastOffset'>): Taken<RawMessage> | undefined {
    const from = BigInt(batch.fetchedOffset)
    const to = BigInt(batch.lastOffset()) + 1n
    // If the next record is gone, a fetch begins elsewhere than it was asked to, maybe where markers were looked for.
    if (from > this.#seen || (from > this.#next && from !== this.#fetchAt)) return undefined
    this.#see(batch.rawMessages, to)
    if (from > this.#next) return this.#lookAhead()
    this.#undecided = undefined
    const messages: RawMessage[] = []
    for (const message of batch.rawMessages) {
      const offset = BigInt(message.offset)
      if (offset < this.#next || message.isControlRecord === true) continue
      if (offset >= this.end) break
      const isCommitted = this.#ends.isCommitted(message)
      if (isCommitted === undefined) {
        // A fetch that begins with this record may well have its end, too. If this was one, look further.
        if (offset > from) return this.#taken(messages, offset, offset)
        this.#undecided = message
        return this.#taken(messages, this.#next, this.#seen)
      }
      if (isCommitted) messages.push(message)
    }
    return this.#taken(messages, to, to)
  }

  /**
   * The same for a fetch that returned markers alone, of which KafkaJS tells the offsets only. Without a first offset, it
   * returned nothing, because compaction removed what it asked for.
   * @throws Error if the markers cannot be read
   */
  takeMarkers({ firstOffset, lastOffset }: FetchedOffsets): Taken<RawMessage> {
    const to = BigInt(lastOffset) + 1n
    if (this.#undecided !== undefined && firstOffset !== null) {
      if (++this.#markersAlone > MAX_MARKERS_ALONE) {
        throw new Error(
          `the broker never returned the markers before offset ${String(to)} with the record before them`,
        )
      }
      return this.#taken([], this.#next, this.#lastRecord)
    }
    if (to > this.#seen) this.#seen = to
    return this.#taken([], this.#undecided === undefined ? to : this.#next, this.#seen)
  }

  passed(offset: bigint): void {
    if (offset <= this.#next) return
    this.#next = offset
    this.#undecided = undefined
    this.#markersAlone = 0
    this.#ends.forgetBefore(offset)
    if (this.#seen < offset) this.#seen = offset
    if (this.#fetchAt < offset) this.#fetchAt = offset
    if (this.#lastRecord < offset) this.#lastRecord = offset
  }

  #see(messages: readonly RawMessage[], to: bigint): void {
    for (const message of messages) {
      const offset = BigInt(message.offset)
      if (offset < this.#seen) continue
      if (message.isControlRecord === true) this.#ends.learn(message)
      else this.#lastRecord = offset
    }
    if (to > this.#seen) this.#seen = to
  }

  #lookAhead(): Taken<RawMessage> {
    const isDecided = this.#undecided === undefined || this.#ends.isCommitted(this.#undecided) !== undefined
    if (isDecided) this.#undecided = undefined
    return this.#taken([], this.#next, isDecided ? this.#next : this.#seen)
  }

  #taken(messages: readonly RawMessage[], to: bigint, fetchAt: bigint): Taken<RawMessage> {
    this.#fetchAt = fetchAt
    const upTo = to < this.end ? to : this.end
    return { messages, upTo: upTo > this.#next ? upTo : this.#next }
  }
}
