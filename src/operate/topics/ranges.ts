import type { Admin } from 'kafkajs'

/** Offsets of one partition: from `from` up to, but without, `to`. */
export interface OffsetRange {
  readonly topic: string
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
}

/** Where a reading begins: at the oldest record, at the first one of a time or later, or at an offset in each partition. */
export type Start = 'beginning' | { readonly time: Date } | { readonly offset: bigint }

/**
 * What the partitions of topics hold now, for readers of committed records.
 * @throws Error for a topic that does not exist
 */
export async function rangesOf(
  admin: Admin,
  topics: readonly string[],
  start: Start = 'beginning',
): Promise<OffsetRange[]> {
  // To ask for the offsets of a topic that does not exist could create it.
  const existing = new Set(await admin.listTopics())
  const missing = topics.filter((topic) => !existing.has(topic))
  if (missing.length > 0) throw new Error(missing.map((topic) => `topic ${topic} does not exist`).join('; '))
  return (await Promise.all(topics.map((topic) => rangesOfTopic(admin, topic, start)))).flat()
}

async function rangesOfTopic(admin: Admin, topic: string, start: Start): Promise<OffsetRange[]> {
  const offsets = await admin.fetchTopicOffsets(topic)
  const first =
    typeof start === 'object' && 'time' in start
      ? new Map(
          (await admin.fetchTopicOffsetsByTimestamp(topic, start.time.getTime())).map(
            ({ partition, offset }) => [partition, BigInt(offset)],
          ),
        )
      : undefined
  return offsets
    .map(({ partition, low, high }) => {
      const to = BigInt(high)
      const wanted =
        first?.get(partition) ?? (typeof start === 'object' && 'offset' in start ? start.offset : 0n)
      const from = max(BigInt(low), wanted)
      return { topic, partition, from: from > to ? to : from, to }
    })
    .toSorted((a, b) => a.partition - b.partition)
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

/** A topic has no space in its name. */
export function partitionName(topic: string, partition: number): string {
  return `${topic} ${String(partition)}`
}
