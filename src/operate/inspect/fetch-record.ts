import type { Kafka, KafkaMessage } from 'kafkajs'
import { rangesOf, type OffsetRange } from '../topics/ranges.js'
import { readTopics } from '../topics/read-topics.js'
import type { InspectedRecord } from './inspected-record.js'

export interface RecordPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

export interface FetchOptions {
  readonly kafka: Kafka
  readonly place: RecordPlace
  readonly signal?: AbortSignal
}

/**
 * Fetches exactly this record. Commits no offsets, creates no topic, and leaves no consumer group behind.
 * @throws Error that says why there is no such record: no such topic or partition, an offset outside of those that the
 * partition has, a marker or an aborted record of a transaction, or a record that compaction removed; the errors of KafkaJS
 */
export async function fetchRecord({ kafka, place, signal }: FetchOptions): Promise<InspectedRecord> {
  const range = await rangeOf(kafka, place)
  const read = async (readUncommitted: boolean): Promise<Found> => {
    const fetched: { message?: KafkaMessage; first?: string | null } = {}
    await readTopics({
      kafka,
      purpose: 'inspect',
      ranges: [range],
      readUncommitted,
      ...(signal && { signal }),
      onBatch: ({ messages: [message] }) => {
        if (message !== undefined) fetched.message = message
        return 'stop'
      },
      onFetched: ({ firstOffset }) => {
        fetched.first ??= firstOffset
      },
    })
    return fetched
  }
  const { message, first } = await read(false)
  if (message === undefined) {
    if (first === undefined)
      throw new Error(
        `${describe(place)}: the broker returned nothing; compaction may have removed the record`,
      )
    throw absent(place, await read(true))
  }
  const { topic, partition } = place
  const { offset, timestamp, key, value, headers } = message
  return { topic, partition, offset, timestamp, key, value, ...(headers && { headers }) }
}

interface Found {
  readonly message?: KafkaMessage
  /** The offset that the first fetch began with. */
  readonly first?: string | null
}

async function rangeOf(kafka: Kafka, place: RecordPlace): Promise<OffsetRange> {
  const { topic, partition, offset } = place
  const admin = kafka.admin()
  await admin.connect()
  const ranges = await rangesOf(admin, [topic]).finally(() => admin.disconnect())
  const range = ranges.find((each) => each.partition === partition)
  if (range === undefined) {
    const highest = String(ranges.at(-1)?.partition ?? 0)
    throw new Error(`topic ${topic} has no partition ${String(partition)}; it has 0 to ${highest}`)
  }
  const { from, to } = range
  const has = from === to ? 'has no records' : `has offsets ${String(from)} to ${String(to - 1n)}`
  if (offset < from || offset >= to) {
    const why =
      offset < from
        ? 'the record was deleted, by retention or by an operator'
        : 'the record was not written yet, or its transaction is still open'
    throw new Error(`${describe(place)}: partition ${String(partition)} ${has}; ${why}`)
  }
  return { topic, partition, from: offset, to: offset + 1n }
}

function absent(place: RecordPlace, { message, first }: Found): Error {
  const why =
    message !== undefined
      ? 'belongs to a transaction that was aborted; consumers that read committed records never get it'
      : first === String(place.offset)
        ? 'is a marker of a transaction, not a record'
        : 'has no record any more; compaction removed it'
  return new Error(`${describe(place)} ${why}`)
}

function describe({ topic, partition, offset }: RecordPlace): string {
  return `${topic}:${String(partition)}:${String(offset)}`
}
