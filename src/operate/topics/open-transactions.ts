import type { Kafka } from 'kafkajs'
import { partitionName, type OffsetRange } from './ranges.js'
import { readTopics } from './read-topics.js'

/** A fetch from a partition that has nothing there waits so long, and so many of them in a row tell it. */
const PATIENCE = { fetches: 5, fetchMs: 100 }

/**
 * Where partitions really end, with the records of open transactions. KafkaJS asks for the ends as a reader of committed
 * records only, but the answer to a fetch has the other one, too. So what is before the end of each range is fetched. Of
 * partitions where nothing is, a broker is asked several times before that is believed.
 *
 * @param ranges as `rangesOf` gives them
 * @returns the ends by `partitionName`
 * @throws as `readTopics`
 */
export async function endsWithOpenTransactions(
  kafka: Kafka,
  ranges: readonly OffsetRange[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> {
  const ends = new Map(ranges.map(({ topic, partition, to }) => [partitionName(topic, partition), to]))
  await readTopics({
    kafka,
    purpose: 'ends',
    ranges: ranges.map(({ from, to, ...place }) =>
      from < to ? { ...place, from: to - 1n, to } : { ...place, from: to, to: to + 1n },
    ),
    readUncommitted: true,
    patience: PATIENCE,
    onFetched: ({ topic, partition, end }) => {
      const name = partitionName(topic, partition)
      if (BigInt(end) > (ends.get(name) ?? 0n)) ends.set(name, BigInt(end))
    },
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
