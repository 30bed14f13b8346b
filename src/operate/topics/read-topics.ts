import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs'
import { onAbort } from '../../cancellation.js'
import { fetchLimits } from './fetch-limits.js'
import { IdleFetches } from './idle-fetches.js'
import { ownGroup } from './own-group.js'
import { UncommittedReading, type PartitionReading } from './partition-reading.js'
import { partitionName, type OffsetRange } from './ranges.js'
import type { RawBatch } from './raw-message.js'
import { Readings } from './readings.js'
import { SourceReading } from './source-reading.js'

/** Records of one partition, in the order of their offsets. */
export interface ReadBatch {
  readonly topic: string
  readonly partition: number
  /** Those of the range, each once. There is at least one. */
  readonly messages: readonly KafkaMessage[]
  /** Tells the broker that this process is alive. Call it every few seconds if the records take long. */
  readonly heartbeat: () => Promise<void>
}

/** What a fetch returned of a partition. */
export interface Fetched {
  readonly topic: string
  readonly partition: number
  /**
   * The offset that it began with, be it of a record that is not read, such as a marker of a transaction. Null if
   * compaction removed everything that was fetched.
   */
  readonly firstOffset: string | null
  /** The end that the partition has, decimal; records of open transactions are before it, too. */
  readonly end: string
}

export interface TopicsReading {
  readonly kafka: Kafka
  /** For the name of the consumer group: `kafka-envelope-<purpose>-<host>-<process>-<random>`. */
  readonly purpose: string
  /** They end where the first open transaction begins, or earlier, unless records are read uncommitted. */
  readonly ranges: readonly OffsetRange[]
  /**
   * Called for one batch after the other. `'stop'` ends the reading. A rejection ends it with this error, unless it is an
   * error of KafkaJS that may pass: then the batch is read again.
   */
  readonly onBatch?: (batch: ReadBatch) => Promise<'stop' | undefined> | 'stop' | undefined
  /** Records of aborted and of open transactions are read as well. They are as KafkaJS, or what wraps it, delivers them. */
  readonly readUncommitted?: boolean
  /** Called after each fetch. */
  readonly onFetched?: (fetched: Fetched) => void
  /** How long a fetch waits for records, and how many without one end the reading. Default: 10 of half a second. */
  readonly patience?: { readonly fetches: number; readonly fetchMs: number }
  readonly signal?: AbortSignal
}

/** The end of a partition may hold no record that can be fetched. So many fetches without a record end the reading. */
const PATIENCE = { fetches: 10, fetchMs: 500 }
/** How often KafkaJS may start a consumer again after a failure that could pass. */
export const MAX_RESTARTS = 5

/**
 * Reads ranges of partitions, as a reader of committed records. Commits no offsets, creates no topic, and leaves no
 * consumer group behind.
 *
 * @returns the offsets that were not read: all that are left after `'stop'`, or those for which the broker gave nothing,
 * such as those at the end of a partition that compaction removed
 * @throws the error of `onBatch` or of KafkaJS, the reason of `signal`, or an Error if a partition has no leader, or was
 * not assigned
 */
export async function readTopics(reading: TopicsReading): Promise<readonly OffsetRange[]> {
  const { kafka, purpose, ranges, signal, readUncommitted = false, patience = PATIENCE } = reading
  signal?.throwIfAborted()
  const progress = new Progress(ranges, readUncommitted ? UncommittedReading : SourceReading)
  if (progress.isDone) return []
  const topics = topicsOf(ranges)
  const limits = readUncommitted ? {} : await fetchLimits(kafka, topics)
  const group = await ownGroup({
    ...{ kafka, purpose, topics },
    // KafkaJS itself cannot tell which records are committed, see `TransactionEnds`.
    settings: { ...limits, readUncommitted: true, maxWaitTimeInMs: patience.fetchMs },
  })
  try {
    signal?.throwIfAborted()
    const assigned = new Set<string>()
    const end = await readAll(group, progress, reading, assigned)
    signal?.throwIfAborted()
    if (end === 'idle') {
      await refuseLeaderless(group.admin, progress.left)
      refuseUnassigned(assigned, progress.left)
    }
    return progress.left
  } finally {
    await group.leave()
  }
}

/** How far each range has been read. */
class Progress {
  readonly #all: readonly { readonly range: OffsetRange; readonly reading: PartitionReading }[]

  constructor(ranges: readonly OffsetRange[], Reading: new (next: bigint, end: bigint) => PartitionReading) {
    this.#all = ranges.map((range) => ({ range, reading: new Reading(range.from, range.to) }))
  }

  of(topic: string, partition: number): PartitionReading | undefined {
    return this.#all.find(({ range }) => range.topic === topic && range.partition === partition)?.reading
  }

  get left(): OffsetRange[] {
    return this.#all
      .filter(({ reading }) => !reading.isDone)
      .map(({ range, reading }) => ({ ...range, from: reading.next }))
  }

  get isDone(): boolean {
    return this.#all.every(({ reading }) => reading.isDone)
  }
}

function readAll(
  { consumer, admin }: { readonly consumer: Consumer; readonly admin: Admin },
  progress: Progress,
  { onBatch, onFetched, patience = PATIENCE, signal }: TopicsReading,
  assigned: Set<string>,
): Promise<'all' | 'stop' | 'idle'> {
  const readings = new Readings(consumer, admin)
  let stopListening: (() => void) | undefined
  const read = new Promise<'all' | 'stop' | 'idle'>((done, fail) => {
    if (signal !== undefined) {
      stopListening = onAbort(signal, () => {
        done('stop')
      })
    }
    let restarts = 0
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart || ++restarts > MAX_RESTARTS) fail(error)
    })
    // Nothing is committed, so each assignment begins where the reading is.
    consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      for (const [topic, partitions] of Object.entries(memberAssignment)) {
        for (const partition of partitions) {
          assigned.add(partitionName(topic, partition))
          const reading = progress.of(topic, partition)
          reading?.rewind()
          readings.set({ topic, partition }, reading)
        }
      }
    })
    const idle = new IdleFetches(consumer, admin, patience.fetchMs)
    consumer.on(consumer.events.FETCH_START, () => {
      if (idle.count >= patience.fetches) done('idle')
    })
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      const { topic, partition, firstOffset, batchSize, highWatermark: end } = payload
      try {
        onFetched?.({ topic, partition, firstOffset, end })
        // KafkaJS delivers no batch without a record.
        if (batchSize === 0) readings.onMarkers(payload)
      } catch (error) {
        fail(errorOf(error))
      }
      if (progress.isDone) done('all')
    })
    const eachBatch = async ({ batch, heartbeat }: EachBatchPayload): Promise<void> => {
      const { topic, partition } = batch
      const end = await readings.onBatch(batch as RawBatch, ({ messages }) =>
        messages.length === 0 ? undefined : onBatch?.({ topic, partition, messages, heartbeat }),
      )
      if (end === 'stop') done('stop')
    }
    consumer.run({ autoCommit: false, eachBatch: (payload) => eachBatch(payload).catch(passOn) }).catch(fail)

    function passOn(thrown: unknown): never {
      const error = errorOf(thrown)
      // KafkaJS would read the batch again, or start the consumer again.
      if (!isOfKafkaJs(error)) fail(error)
      throw error
    }
  })
  return read.finally(() => stopListening?.())
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** KafkaJS fetches nothing from a partition without a leader, and says nothing about it. */
export async function refuseLeaderless(admin: Admin, left: readonly OffsetRange[]): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: topicsOf(left) })
  for (const { name, partitions } of topics) {
    for (const { partitionId, leader, partitionErrorCode } of partitions) {
      const isLeft = left.some(({ topic, partition }) => topic === name && partition === partitionId)
      if (isLeft && (leader < 0 || partitionErrorCode !== 0)) {
        throw new Error(`topic ${name}: partition ${String(partitionId)} has no leader`)
      }
    }
  }
}

/** A broker that does not know a new partition yet leaves it out. */
export function refuseUnassigned(assigned: ReadonlySet<string>, left: readonly OffsetRange[]): void {
  const unassigned = left.find(({ topic, partition }) => !assigned.has(partitionName(topic, partition)))
  if (unassigned === undefined) return
  const { topic, partition } = unassigned
  throw new Error(`topic ${topic}: partition ${String(partition)} was not assigned to this reader; try again`)
}

function topicsOf(ranges: readonly OffsetRange[]): string[] {
  return [...new Set(ranges.map(({ topic }) => topic))]
}

/** By its name, because KafkaJS is the caller's. */
export function isOfKafkaJs({ name }: Error): boolean {
  return name.startsWith('KafkaJS')
}
