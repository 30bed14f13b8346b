import type { Kafka } from 'kafkajs'
import type { OffsetRange } from './ranges.js'
import { readTopics } from './read-topics.js'
import { partitionName } from './reading-progress.js'

/** A fetch answers at once if there is a record. */
const PATIENCE = { fetches: 2, fetchMs: 100 }

/**
 * Where partitions really end that have records after the end of these ranges: new ones, or such of transactions that
 * were open when the ranges were made. KafkaJS asks for the ends as a reader of committed records.
 * @returns the ends by `partitionName`
 * @throws as `readTopics`
 */
export async function endsWithOpenTransactions(
  kafka: Kafka,
  ranges: readonly OffsetRange[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> {
  const ends = new Map<string, bigint>()
  await readTopics({
    kafka,
    purpose: 'ends',
    ranges: ranges.map((range) => ({ ...range, from: range.to, to: range.to + 1n })),
    readUncommitted: true,
    patience: PATIENCE,
    onBatch: ({ topic, partition, end }) => void ends.set(partitionName(topic, partition), BigInt(end)),
    ...(signal && { signal }),
  })
  return ends
}

/**
 * Where records of transactions begin that are open still.
 * @param ends what `endsWithOpenTransactions` returned earlier: all that readers of committed records do not see of it by
 * now is behind the first record of an open transaction
 * @param now the ranges of the same partitions now
 */
export function openTransactions(
  ends: ReadonlyMap<string, bigint>,
  now: readonly OffsetRange[],
): OffsetRange[] {
  return now.flatMap(({ topic, partition, to }) => {
    const end = ends.get(partitionName(topic, partition)) ?? 0n
    return to < end ? [{ topic, partition, from: to, to: end }] : []
  })
}
