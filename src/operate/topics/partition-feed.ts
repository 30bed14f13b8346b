import type { FetchedOffsets, Taken } from './partition-reading.js'
import type { OffsetRange } from './ranges.js'
import type { RawBatch, RawMessage } from './raw-message.js'
import { SourceReading } from './source-reading.js'

/** The committed records of one partition that were fetched and are not taken yet. */
export class PartitionFeed {
  readonly topic: string
  readonly partition: number
  readonly #reading: SourceReading
  #fetched: readonly RawMessage[] = []
  #at = 0
  /** Everything before it is done once what was fetched is taken. */
  #upTo: bigint

  constructor({ topic, partition, from, to }: OffsetRange) {
    this.topic = topic
    this.partition = partition
    this.#reading = new SourceReading(from, to)
    this.#upTo = from
  }

  /** The record that comes next; undefined if it was not fetched yet, or if there is none. */
  get first(): RawMessage | undefined {
    return this.#fetched[this.#at]
  }

  /** Whether more has to be fetched. */
  get waits(): boolean {
    return this.first === undefined && !this.#reading.isDone
  }

  /** Where the next fetch has to begin. */
  get fetchAt(): bigint {
    return this.#reading.fetchAt
  }

  /** What was not read yet. */
  get left(): OffsetRange {
    const { next, end } = this.#reading
    return { topic: this.topic, partition: this.partition, from: next, to: end }
  }

  /** Takes the first record. */
  shift(): void {
    this.#at++
    if (this.first === undefined) this.#done()
  }

  /** Adds what a fetch returned. Returns false if offsets before it were not seen: retention may have removed them. */
  add(batch: RawBatch): boolean {
    const taken = this.#reading.take(batch)
    if (taken !== undefined) this.#add(taken)
    return taken !== undefined
  }

  /** The same for a fetch without a record to deliver. */
  addMarkers(offsets: FetchedOffsets): void {
    this.#add(this.#reading.takeMarkers(offsets))
  }

  /** Nothing before this offset will come. */
  skipTo(offset: bigint): void {
    const { end } = this.#reading
    this.#reading.rewind()
    this.#reading.passed(offset < end ? offset : end)
  }

  #add({ messages, upTo }: Taken<RawMessage>): void {
    this.#fetched = messages
    this.#at = 0
    this.#upTo = upTo
    if (messages.length === 0) this.#done()
  }

  #done(): void {
    this.#fetched = []
    this.#at = 0
    this.#reading.passed(this.#upTo)
  }
}
