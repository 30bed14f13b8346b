import type { IHeaders, Kafka } from 'kafkajs'
import { committedRecords } from '../topics/committed-records.js'
import type { CommittedRecord } from '../topics/merge-feeds.js'
import { rangesOf, type OffsetRange, type Place, type Start } from '../topics/ranges.js'

export interface ReadRecordsOptions {
  readonly kafka: Kafka
  readonly topic: string
  /** The partitions to read. Default: all. */
  readonly partitions?: readonly number[]
  /** Where to begin. Default: at the oldest record. */
  readonly from?: Start
  /** The place of the first record that is left out. Default: the end that the topic has now. */
  readonly to?: Place
  /** Only records whose key has exactly these bytes. */
  readonly key?: Buffer
  /** How many records at most. */
  readonly limit?: number
  /** Called with offsets for which the broker gave nothing, such as those that compaction removed from an end. */
  readonly onUnread?: (range: OffsetRange) => void
  readonly signal?: AbortSignal
}

/** A record as it is stored. */
export interface StoredRecord {
  readonly topic: string
  readonly partition: number
  /** Decimal. */
  readonly offset: string
  /** In ms since 1970, decimal. */
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: IHeaders
}

/**
 * Reads the committed records that a topic holds now: those of one partition in the order of their offsets, those of
 * several partitions by their timestamps. The memory that it takes does not depend on the number of records: a partition
 * is fetched from when the caller wants more. Commits no offsets, creates no topic, and leaves no consumer group behind.
 *
 * @throws Error if there is no such topic or partition, or a partition has no leader; the errors of KafkaJS; the reason of
 * the signal
 */
export async function* readRecords(
  options: ReadRecordsOptions,
): AsyncGenerator<StoredRecord, void, undefined> {
  for await (const records of recordRuns(options)) {
    for (const record of records) {
      options.signal?.throwIfAborted()
      yield record
    }
  }
}

/** The same in runs, as they come. */
export async function* recordRuns(
  options: ReadRecordsOptions,
): AsyncGenerator<readonly StoredRecord[], void, undefined> {
  const { kafka, key, limit = Infinity, onUnread, signal } = options
  if (limit <= 0) return
  const ranges = await rangesFor(options)
  let left = limit
  for await (const run of committedRecords({
    ...{ kafka, purpose: 'cat', ranges, onUnread, signal },
  })) {
    const wanted = key === undefined ? run : run.filter(({ message }) => message.key?.equals(key) === true)
    const records = wanted.slice(0, left).map(stored)
    left -= records.length
    if (records.length > 0) yield records
    if (left === 0) return
  }
}

async function rangesFor(options: ReadRecordsOptions): Promise<readonly OffsetRange[]> {
  const { kafka, topic, from, to } = options
  const admin = kafka.admin()
  await admin.connect()
  const ranges = await rangesOf(admin, [topic], from, to).finally(() => admin.disconnect())
  return wantedRanges(options, ranges)
}

function wantedRanges(
  { topic, partitions }: ReadRecordsOptions,
  ranges: readonly OffsetRange[],
): readonly OffsetRange[] {
  if (partitions === undefined) return ranges
  const unknown = partitions.find((wanted) => !ranges.some(({ partition }) => partition === wanted))
  if (unknown !== undefined) {
    const highest = String(ranges.at(-1)?.partition ?? 0)
    throw new Error(`topic ${topic} has no partition ${String(unknown)}; it has 0 to ${highest}`)
  }
  return ranges.filter(({ partition }) => partitions.includes(partition))
}

function stored({ topic, partition, message }: CommittedRecord): StoredRecord {
  const { offset, timestamp, key, value, headers = {} } = message
  return { topic, partition, offset, timestamp, key, value, headers }
}
