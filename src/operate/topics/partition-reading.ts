import type { KafkaMessage } from 'kafkajs'
import type { RawBatch } from './raw-message.js'

/** What a fetch gives. */
export interface Taken<M extends KafkaMessage = KafkaMessage> {
  /** The records that are next. */
  readonly messages: readonly M[]
  /** Once these records are dealt with, everything before this offset is done. */
  readonly upTo: bigint
}

/** The offsets of a fetch without a record to deliver. */
export interface FetchedOffsets {
  /** Null if compaction removed everything that was fetched. */
  readonly firstOffset: string | null
  readonly lastOffset: string
}

/** Reads one partition up to an end. */
export interface PartitionReading {
  readonly end: bigint
  /** Everything before it is done. */
  readonly next: bigint
  readonly isDone: boolean
  /** Where the next fetch has to begin, once what was taken is dealt with. */
  readonly fetchAt: bigint
  /** Takes what a fetch returned. Undefined if it begins after offsets that were not seen. */
  take(batch: RawBatch): Taken | undefined
  /** The same for a fetch of which KafkaJS delivers no record. */
  takeMarkers(offsets: FetchedOffsets): Taken
  /** Everything before this offset was dealt with, or is gone. */
  passed(offset: bigint): void
  /** What was taken was not dealt with, or not all of it: it has to be fetched again. */
  rewind(): void
}

/** Takes all records that KafkaJS delivers, be their transactions committed or not. */
export class UncommittedReading implements PartitionReading {
  readonly end: bigint
  #next: bigint
  #fetchAt: bigint

  constructor(next: bigint, end: bigint) {
    this.end = end
    this.#next = this.#fetchAt = next
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

  take(batch: Pick<RawBatch, 'messages' | 'lastOffset'>): Taken {
    // After a rebalance, KafkaJS may deliver some again.
    const isAhead = ({ offset }: KafkaMessage): boolean =>
      BigInt(offset) >= this.#next && BigInt(offset) < this.end
    return this.#taken(batch.messages.filter(isAhead), batch.lastOffset())
  }

  takeMarkers({ lastOffset }: FetchedOffsets): Taken {
    return this.#taken([], lastOffset)
  }

  passed(offset: bigint): void {
    if (offset > this.#next) this.#next = offset
    if (offset > this.#fetchAt) this.#fetchAt = offset
  }

  rewind(): void {
    this.#fetchAt = this.#next
  }

  #taken(messages: readonly KafkaMessage[], lastOffset: string): Taken {
    const to = BigInt(lastOffset) + 1n
    this.#fetchAt = to
    const upTo = to < this.end ? to : this.end
    return { messages, upTo: upTo > this.#next ? upTo : this.#next }
  }
}
