import type { OffsetRange } from './ranges.js'

interface At {
  readonly range: OffsetRange
  next: bigint
}

/** How far each range has been read. */
export class ReadingProgress {
  readonly #partitions = new Map<string, At>()
  #unfinished = 0

  constructor(ranges: readonly OffsetRange[]) {
    for (const range of ranges) {
      this.#partitions.set(partitionName(range.topic, range.partition), { range, next: range.from })
      if (range.from < range.to) this.#unfinished++
    }
  }

  /** The records of a batch that are to be read. After a rebalance, KafkaJS may deliver some again. */
  ahead<R extends { readonly offset: string }>(
    topic: string,
    partition: number,
    records: readonly R[],
  ): readonly R[] {
    const at = this.#partitions.get(partitionName(topic, partition))
    const [first, last] = [records[0], records.at(-1)]
    if (at === undefined || first === undefined || last === undefined) return []
    const isAhead = ({ offset }: R): boolean => BigInt(offset) >= at.next && BigInt(offset) < at.range.to
    // Offsets ascend, so the ends speak for all.
    return isAhead(first) && isAhead(last) ? records : records.filter(isAhead)
  }

  /** Everything up to this offset was read, or has no record. Returns whether that finishes the partition. */
  passed(topic: string, partition: number, offset: string): boolean {
    const at = this.#partitions.get(partitionName(topic, partition))
    if (at === undefined) return false
    const next = BigInt(offset) + 1n
    if (next > at.next && at.next < at.range.to) {
      at.next = next < at.range.to ? next : at.range.to
      if (at.next === at.range.to) this.#unfinished--
    }
    return at.next === at.range.to
  }

  /** The offset to go on at; undefined if nothing of the partition is left to read. */
  next(topic: string, partition: number): bigint | undefined {
    const at = this.#partitions.get(partitionName(topic, partition))
    return at !== undefined && at.next < at.range.to ? at.next : undefined
  }

  /** What is left to read. */
  get left(): OffsetRange[] {
    return [...this.#partitions.values()]
      .filter(({ next, range }) => next < range.to)
      .map(({ next, range }) => ({ ...range, from: next }))
  }

  get isDone(): boolean {
    return this.#unfinished === 0
  }
}

/** A topic has no space in its name. */
export function partitionName(topic: string, partition: number): string {
  return `${topic} ${String(partition)}`
}
