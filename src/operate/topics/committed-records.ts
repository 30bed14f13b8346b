import type { Admin, Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import { onAbort } from '../../cancellation.js'
import { fetchLimits, PARTITION_BYTES } from './fetch-limits.js'
import { IdleFetches } from './idle-fetches.js'
import { takeOldest, type CommittedRecord } from './merge-feeds.js'
import { ownGroup } from './own-group.js'
import { PartitionFeed } from './partition-feed.js'
import { partitionName, rangesOf, type OffsetRange } from './ranges.js'
import type { RawBatch } from './raw-message.js'
import { MAX_RESTARTS, refuseLeaderless, refuseUnassigned } from './read-topics.js'

export interface CommittedReading {
  readonly kafka: Kafka
  /** For the name of the consumer group, as for `readTopics`. */
  readonly purpose: string
  /** Of one topic. They end where the first open transaction begins. */
  readonly ranges: readonly OffsetRange[]
  /** Called with offsets for which the broker gave nothing, such as those that compaction removed from an end. */
  readonly onUnread?: ((range: OffsetRange) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** KafkaJS sleeps as long if it has nothing to fetch for now. What the ranges have, a broker returns at once. */
const FETCH_MS = 50
/** So many fetches without a record, five seconds, tell that a partition has nothing more. */
const IDLE_FETCHES = 100
/** Of all partitions together, unless their record batches are so large that they take more. */
const MEMORY_BYTES = 64 * 1024 * 1024

/**
 * Reads the committed records of ranges of one topic, by their timestamps over all partitions, and by their offsets within
 * each. Nothing is fetched of a partition as long as some of what was fetched of it is not taken: at most a fetch of each
 * partition is in memory. Commits no offsets, creates no topic, and leaves no consumer group behind.
 *
 * @throws the error of KafkaJS, the reason of `signal`, or an Error if a partition has no leader, or was not assigned
 */
export async function* committedRecords(
  reading: CommittedReading,
): AsyncGenerator<readonly CommittedRecord[], void, undefined> {
  const { kafka, purpose, signal } = reading
  signal?.throwIfAborted()
  const ranges = reading.ranges.filter(({ from, to }) => from < to)
  const [range] = ranges
  if (range === undefined) return
  const limits = await fetchLimits(
    kafka,
    [range.topic],
    Math.min(PARTITION_BYTES, Math.floor(MEMORY_BYTES / ranges.length)),
  )
  const group = await ownGroup({
    ...{ kafka, purpose, topics: [range.topic] },
    // KafkaJS itself cannot tell which records are committed, see `TransactionEnds`.
    settings: { ...limits, readUncommitted: true, maxWaitTimeInMs: FETCH_MS },
  })
  try {
    yield* new Reader(group, ranges, reading).read()
  } finally {
    await group.leave()
  }
}

class Reader {
  readonly #consumer: Consumer
  readonly #admin: Admin
  readonly #feeds: ReadonlyMap<string, PartitionFeed>
  readonly #reading: CommittedReading
  readonly #idle: IdleFetches
  readonly #assigned = new Set<string>()
  #failure: { readonly error: unknown } | undefined
  /** Wakes `read`. */
  #wake: () => void = () => undefined

  constructor(
    { consumer, admin }: { readonly consumer: Consumer; readonly admin: Admin },
    ranges: readonly OffsetRange[],
    reading: CommittedReading,
  ) {
    this.#consumer = consumer
    this.#admin = admin
    this.#reading = reading
    this.#feeds = new Map(
      ranges.map((range) => [partitionName(range.topic, range.partition), new PartitionFeed(range)]),
    )
    this.#idle = new IdleFetches(consumer, admin, FETCH_MS)
  }

  async *read(): AsyncGenerator<readonly CommittedRecord[], void, undefined> {
    const { signal } = this.#reading
    const feeds = [...this.#feeds.values()]
    const stopListening =
      signal &&
      onAbort(signal, () => {
        this.#wake()
      })
    try {
      this.#run()
      for (;;) {
        signal?.throwIfAborted()
        if (this.#failure !== undefined) throw this.#failure.error
        if (this.#isIdle) await this.#giveUp()
        else if (feeds.some(({ waits }) => waits)) await this.#change()
        else {
          const records = takeOldest(feeds)
          if (records.length === 0) return
          yield records
          this.#fetchMore()
        }
      }
    } finally {
      stopListening?.()
    }
  }

  #run(): void {
    const { events } = this.#consumer
    let restarts = 0
    this.#consumer.on(events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart || ++restarts > MAX_RESTARTS) this.#fail(error)
    })
    // Nothing is committed, so each assignment begins where the reading is.
    this.#consumer.on(events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      for (const [topic, partitions] of Object.entries(memberAssignment)) {
        for (const partition of partitions) {
          this.#assigned.add(partitionName(topic, partition))
          this.#goOn(topic, partition)
        }
      }
    })
    this.#consumer.on(events.FETCH_START, () => {
      if (this.#isIdle) this.#wake()
    })
    this.#consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
      // KafkaJS delivers no batch without a record.
      if (payload.batchSize === 0) {
        this.#added(payload, (feed) => {
          feed.addMarkers(payload)
          return true
        }).catch(this.#fail)
      }
    })
    const eachBatch = ({ batch }: EachBatchPayload): Promise<void> =>
      this.#added(batch, (feed) => feed.add(batch as RawBatch)).catch(this.#fail)
    this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch }).catch(this.#fail)
  }

  /** Adds what was fetched of a partition; what was fetched before it was needed is dropped, and fetched again. */
  async #added(
    { topic, partition }: { readonly topic: string; readonly partition: number },
    add: (feed: PartitionFeed) => boolean,
  ): Promise<void> {
    const feed = this.#feeds.get(partitionName(topic, partition))
    if (feed?.waits === true && !add(feed)) await this.#skipRemoved([feed])
    this.#goOn(topic, partition)
    this.#wake()
  }

  #fetchMore(): void {
    for (const { waits, topic, partition } of this.#feeds.values()) if (waits) this.#goOn(topic, partition)
    this.#idle.reset()
  }

  /** Fetches what a partition waits for, or nothing of it. */
  #goOn(topic: string, partition: number): void {
    const feed = this.#feeds.get(partitionName(topic, partition))
    try {
      if (feed?.waits === true) {
        this.#consumer.seek({ topic, partition, offset: String(feed.fetchAt) })
        this.#consumer.resume([{ topic, partitions: [partition] }])
      } else this.#consumer.pause([{ topic, partitions: [partition] }])
    } catch {
      // KafkaJS has stopped the consumer, maybe to start it again. Then it joins the group again.
    }
  }

  get #isIdle(): boolean {
    return this.#idle.count >= IDLE_FETCHES && [...this.#feeds.values()].some(({ waits }) => waits)
  }

  /** The broker gives nothing of the partitions that wait. */
  async #giveUp(): Promise<void> {
    const waiting = (): PartitionFeed[] => [...this.#feeds.values()].filter(({ waits }) => waits)
    await this.#skipRemoved(waiting())
    const left = waiting().map((feed) => feed.left)
    if (left.length > 0) await refuseLeaderless(this.#admin, left)
    refuseUnassigned(this.#assigned, left)
    for (const range of left) this.#reading.onUnread?.(range)
    for (const feed of waiting()) feed.skipTo(feed.left.to)
    this.#idle.reset()
  }

  /** Retention may have removed records meanwhile; they are not part of the topic any more. */
  async #skipRemoved(feeds: readonly PartitionFeed[]): Promise<void> {
    const [feed] = feeds
    if (feed === undefined) return
    const now = await rangesOf(this.#admin, [feed.topic])
    for (const each of feeds) {
      const range = now.find(({ partition }) => partition === each.partition)
      if (range !== undefined) each.skipTo(range.from)
    }
  }

  readonly #fail = (error: unknown): void => {
    this.#failure ??= { error }
    this.#wake()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
