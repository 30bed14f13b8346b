import type { Admin } from 'kafkajs'

/** Offsets of one partition: from `from` up to, but without, `to`. */
export interface OffsetRange {
  readonly topic: string
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
}

/** The first record of a time or later, or an offset in each partition. */
export type Place = { readonly time: Date } | { readonly offset: bigint }

/** Where a reading begins: at the oldest record, or at a place. */
export type Start = 'beginning' | Place

/**
 * What the partitions of topics hold now, for readers of committed records.
 * @param end the place of the first record that is left out; default: none is
 * @throws Error for a topic that does not exist
 */
export async function rangesOf(
  admin: Admin,
  topics: readonly string[],
  start: Start = 'beginning',
  end?: Place,
): Promise<OffsetRange[]> {
  // To ask for the offsets of a topic that does not exist could create it.
  const existing = new Set(await admin.listTopics())
  const missing = topics.filter((topic) => !existing.has(topic))
  if (missing.length > 0) throw new Error(missing.map((topic) => `topic ${topic} does not exist`).join('; '))
  return (await Promise.all(topics.map((topic) => rangesOfTopic(admin, topic, start, end)))).flat()
}

async function rangesOfTopic(
  admin: Admin,
  topic: string,
  start: Start,
  end: Place | undefined,
): Promise<OffsetRange[]> {
  const offsets = await admin.fetchTopicOffsets(topic)
  const [first, last] = await Promise.all([
    offsetsOf(admin, topic, start),
    offsetsOf(admin, topic, end ?? 'beginning'),
  ])
  return offsets
    .map(({ partition, low, high }) => {
      const to = end === undefined ? BigInt(high) : min(BigInt(high), last(partition))
      const from = max(BigInt(low), first(partition))
      return { topic, partition, from: min(from, to), to }
    })
    .toSorted((a, b) => a.partition - b.partition)
}

/** The offset of a place in a partition. */
async function offsetsOf(admin: Admin, topic: string, place: Start): Promise<(partition: number) => bigint> {
  if (place === 'beginning') return () => 0n
  if ('offset' in place) return () => place.offset
  // A broker takes negative times for names of other places, such as -1 for the end.
  const found = await admin.fetchTopicOffsetsByTimestamp(topic, Math.max(0, place.time.getTime()))
  const offsets = new Map(found.map(({ partition, offset }) => [partition, BigInt(offset)]))
  return (partition) => offsets.get(partition) ?? 0n
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/** A topic has no space in its name. */
export function partitionName(topic: string, partition: number): string {
  return `${topic} ${String(partition)}`
}
