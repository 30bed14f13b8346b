import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs'
import { onAbort } from '../../cancellation.js'
import { IdleFetches } from './idle-fetches.js'
import { ownGroup } from './own-group.js'
import type { OffsetRange } from './ranges.js'
import type { RawBatch, RawMessage } from './raw-message.js'
import { partitionName, ReadingProgress } from './reading-progress.js'

/** Records of one partition, in the order of their offsets. */
export interface ReadBatch {
  readonly topic: string
  readonly partition: number
  /** Those of the range, each once. */
  readonly messages: readonly KafkaMessage[]
  /** The end of the partition, decimal; records of open transactions are before it, too. */
  readonly end: string
  /** Those and the markers of transactions between them. Markers that were fetched without a record are not delivered. */
  readonly withMarkers: readonly RawMessage[]
  /** Tells the broker that this process is alive. Call it every few seconds if the records take long. */
  readonly heartbeat: () => Promise<void>
}

export interface TopicsReading {
  readonly kafka: Kafka
  /** For the name of the consumer group: `kafka-envelope-<purpose>-<host>-<process>-<random>`. */
  readonly purpose: string
  readonly ranges: readonly OffsetRange[]
  /**
   * Called for one batch after the other. `'stop'` ends the reading. A rejection ends it with this error, unless it is an
   * error of KafkaJS that may pass: then the batch is read again.
   */
  readonly onBatch: (batch: ReadBatch) => Promise<'stop' | undefined> | 'stop' | undefined
  /** Records of aborted transactions are read as well. */
  readonly readUncommitted?: boolean
  /** How much a fetch may return of a partition. Default: 1 MiB. */
  readonly maxBytesPerPartition?: number
  /**
   * Called after each fetch with the offset that it began with, be it of a record that is not read, such as a marker of a
   * transaction. Null if compaction removed everything that was fetched.
   */
  readonly onFetched?: (firstOffset: string | null) => void
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
  const { maxBytesPerPartition } = reading
  signal?.throwIfAborted()
  const progress = new ReadingProgress(ranges)
  if (progress.isDone) return []
  const group = await ownGroup({
    ...{ kafka, purpose, topics: topicsOf(ranges) },
    settings: {
      readUncommitted,
      ...(maxBytesPerPartition !== undefined && { maxBytesPerPartition }),
      maxWaitTimeInMs: patience.fetchMs,
    },
  })
  const { consumer, admin } = group
  try {
    signal?.throwIfAborted()
    const assigned = new Set<string>()
    const end = await readAll(consumer, progress, reading, assigned)
    signal?.throwIfAborted()
    if (end === 'idle') {
      await refuseLeaderless(admin, progress.left)
      refuseUnassigned(assigned, progress.left)
    }
    return progress.left
  } finally {
    await group.leave()
  }
}

function readAll(
  consumer: Consumer,
  progress: ReadingProgress,
  { onBatch, onFetched, patience = PATIENCE, signal }: TopicsReading,
  assigned: Set<string>,
): Promise<'all' | 'stop' | 'idle'> {
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
          goOn(consumer, progress, topic, partition)
        }
      }
    })
    const idle = new IdleFetches(consumer)
    consumer.on(consumer.events.FETCH, () => {
      if (idle.count >= patience.fetches) done('idle')
    })
    // KafkaJS emits this even for a batch without records to deliver, such as one of an aborted transaction.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      const { topic, partition, firstOffset, lastOffset } = payload
      onFetched?.(firstOffset)
      if (progress.passed(topic, partition, lastOffset)) consumer.pause([{ topic, partitions: [partition] }])
      if (progress.isDone) done('all')
    })
    const eachBatch = async ({ batch, heartbeat }: EachBatchPayload): Promise<void> => {
      const { topic, partition } = batch
      const messages = progress.ahead(topic, partition, batch.messages)
      if (messages.length === 0) return
      const withMarkers = progress.ahead(topic, partition, (batch as RawBatch).rawMessages)
      const read = { topic, partition, messages, withMarkers, end: batch.highWatermark, heartbeat }
      if ((await onBatch(read)) === 'stop') done('stop')
    }
    consumer.run({ autoCommit: false, eachBatch: (payload) => eachBatch(payload).catch(passOn) }).catch(fail)

    function passOn(thrown: unknown): never {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      // KafkaJS would read the batch again, or start the consumer again.
      if (!isOfKafkaJs(error)) fail(error)
      throw error
    }
  })
  return read.finally(() => stopListening?.())
}

function goOn(consumer: Consumer, progress: ReadingProgress, topic: string, partition: number): void {
  const next = progress.next(topic, partition)
  if (next === undefined) consumer.pause([{ topic, partitions: [partition] }])
  else consumer.seek({ topic, partition, offset: String(next) })
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
