interface PartitionOffsets {
  readonly partition: number
  /** The first offset that the partition still has. */
  readonly low: string
  /** The offset of the next record that a reader of committed records would get, if there were one. */
  readonly high: string
}

/** How far a topic is read, up to the end that each partition had at the start. */
export class TopicProgress {
  /** How many records there are at most: an offset need not have one, after compaction or a transaction. */
  readonly atMost: number
  readonly #partitions: ReadonlyMap<number, { next: bigint; readonly end: bigint }>

  constructor(offsets: readonly PartitionOffsets[]) {
    this.#partitions = new Map(
      offsets.map(({ partition, low, high }) => [partition, { next: BigInt(low), end: BigInt(high) }]),
    )
    this.atMost = [...this.#partitions.values()].reduce((sum, { next, end }) => sum + Number(end - next), 0)
  }

  /** Whether a record is one to read. After a rebalance, KafkaJS delivers from the beginning again. */
  isAhead(partition: number, offset: string): boolean {
    const at = this.#partitions.get(partition)
    return at !== undefined && BigInt(offset) >= at.next && BigInt(offset) < at.end
  }

  /** Everything up to this offset was read, or holds no record. */
  passed(partition: number, offset: string): void {
    const at = this.#partitions.get(partition)
    if (at !== undefined && BigInt(offset) >= at.next) at.next = BigInt(offset) + 1n
  }

  get isDone(): boolean {
    return [...this.#partitions.values()].every(({ next, end }) => next >= end)
  }
}
