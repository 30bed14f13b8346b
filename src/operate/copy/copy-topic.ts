import type { Admin, Consumer } from 'kafkajs'
import { waitFor } from '../../cancellation.js'
import { stopwatch, systemClock } from '../../clock.js'
import { IdleFetches } from '../topics/idle-fetches.js'
import { endsWithOpenTransactions, openTransactions } from '../topics/open-transactions.js'
import { rangesOf, type OffsetRange } from '../topics/ranges.js'
import { refuseLeaderless } from '../topics/read-topics.js'
import { readCheckpoints, type Checkpoint, type CopyRoute } from './checkpoint.js'
import { checkGroup } from './check-group.js'
import { checkTopics, type CheckedTopics } from './check-topics.js'
import { mayPass } from './failures.js'
import { PartitionCopy } from './partition-copy.js'
import { MAX_RECORDS } from './slices.js'
import { settledCheckpoints } from './target.js'
import type { CopyOptions, CopyReport } from './types.js'

const FETCH_MS = 250
/** At least so much of a partition is fetched at once, and a record batch with the markers after it. */
const FETCH_BYTES = 4 * 1024 * 1024
const MARKER_BYTES = 1024 * 1024
const SESSION_MS = 10_000
const POLL_MS = 500
/** So many fetches without a record, ten seconds, tell that no partition has anything. */
const IDLE_FETCHES = 40
/** Batches of so many partitions are transformed and written at once. */
const CONCURRENT_PARTITIONS = 4
/** How long a cluster may fail to answer before the run ends, and how long to wait until it is asked again. */
const OUTAGE_MS = 120_000
const REJOIN_MS = 2000

/**
 * Copies what a topic holds now into another topic, exactly once: each committed record becomes one record in the same
 * partition, in the same order, with the same key, headers and timestamp, and the value that the transform gives. Records
 * and committed offsets are written in the same transactions, so a run that was killed, at whatever moment, is continued by
 * the next one with the same group. Processes that run at once with the same group share the partitions; each ends when
 * all partitions have reached the end that they had when it began.
 *
 * @throws Error if the topics do not fit each other, something else uses the group, or the target holds what this group did
 * not write; the error of the transform; the reason of the signal; the errors of KafkaJS
 */
export async function copyTopic(options: CopyOptions): Promise<CopyReport> {
  const { kafka, from, to, group, signal: stop } = options
  const route: CopyRoute = { from, to, group }
  stop?.throwIfAborted()
  const admin = kafka.admin()
  await admin.connect()
  try {
    const checked = await checkTopics(admin, route)
    await checkGroup(admin, route)
    const ranges = await rangesOf(admin, [from])
    const signal = stop ?? new AbortController().signal
    // Before anything is read or written. A process that takes a partition over makes sure again.
    await settledCheckpoints(
      { kafka, admin, route, signal },
      ranges.map(({ partition }) => partition),
    )
    const ends = await endsWithOpenTransactions(kafka, ranges, signal)
    const report = await new Copying(options, admin, checked, ranges).run(signal)
    return withOpen(report, openTransactions(ends, await rangesOf(admin, [from])))
  } finally {
    await admin.disconnect()
  }
}

/** Says where transactions are open: everything behind their first records is left, be it committed or not. */
function withOpen(report: CopyReport, open: readonly OffsetRange[]): CopyReport {
  const partitions = report.partitions.map((each) => {
    const range = open.find(({ partition }) => partition === each.partition)
    return { ...each, ...(range && { openFrom: String(range.from) }) }
  })
  return { ...report, partitions }
}

/** One run, from joining the group to leaving it. */
class Copying {
  readonly #options: CopyOptions
  readonly #route: CopyRoute
  readonly #admin: Admin
  readonly #consumer: Consumer
  readonly #ranges: readonly OffsetRange[]
  readonly #partitions: ReadonlyMap<number, PartitionCopy>
  readonly #failed = new AbortController()
  #checkpoints: ReadonlyMap<number, Checkpoint> = new Map()
  /** Offsets that were left when this run began. */
  #total: bigint | undefined
  readonly #idle: IdleFetches
  /** Time since the cluster last answered. */
  #outage = stopwatch(systemClock)
  /** Time since a partition was found that has no leader. */
  #leaderless: (() => number) | undefined
  #isOver = false
  /** Calls that use the admin client. */
  readonly #checks = new Set<Promise<void>>()

  constructor(options: CopyOptions, admin: Admin, checked: CheckedTopics, ranges: readonly OffsetRange[]) {
    const { kafka, from, to, group, transform, onWritten, maxRecords = MAX_RECORDS } = options
    this.#options = options
    this.#route = { from, to, group }
    this.#admin = admin
    this.#ranges = ranges
    const bytes = Math.max(FETCH_BYTES, checked.sourceBatchBytes + MARKER_BYTES)
    this.#consumer = kafka.consumer({
      groupId: group,
      // Which records are committed is decided here, see `TransactionEnds`.
      readUncommitted: true,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: FETCH_MS,
      maxBytesPerPartition: bytes,
      maxBytes: 2 * bytes,
      sessionTimeout: SESSION_MS,
    })
    this.#idle = new IdleFetches(this.#consumer, admin, FETCH_MS)
    const run = {
      ...{ kafka, admin, consumer: this.#consumer, route: this.#route, transform, onWritten },
      ...{ maxBatchBytes: checked.maxBatchBytes, maxRecords, signal: this.#failed.signal },
      fail: (error: unknown) => {
        this.#failed.abort(error)
      },
    }
    this.#partitions = new Map(
      ranges.map(({ partition, to: end }) => [partition, new PartitionCopy(run, partition, end)]),
    )
  }

  async run(signal: AbortSignal): Promise<CopyReport> {
    const stop = AbortSignal.any([signal, this.#failed.signal])
    try {
      if (await this.#isDone()) return this.#report()
      await this.#join(stop)
      do {
        stop.throwIfAborted()
        await waitFor(new Promise(() => undefined), { ms: POLL_MS, clock: systemClock, signal: stop })
        stop.throwIfAborted()
        await this.#lookForIdle()
      } while (!(await this.#isDone()))
      return this.#report()
    } finally {
      this.#isOver = true
      const ending = [...this.#partitions.values()].map((partition) => partition.unassign())
      await this.#consumer.disconnect()
      await Promise.all([...ending, ...this.#checks])
    }
  }

  async #join(stop: AbortSignal): Promise<void> {
    const { events } = this.#consumer
    this.#consumer.on(events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      // The group may change once more while this process leaves it. A client that is used later connects again.
      if (this.#isOver) return
      // Something else may have joined at the same time, or since then.
      const check = checkGroup(this.#admin, this.#route)
        .catch((error: unknown) => {
          if (!mayPass(error)) this.#failed.abort(error)
        })
        .finally(() => this.#checks.delete(check))
      this.#checks.add(check)
      const assigned = memberAssignment[this.#route.from] ?? []
      for (const [number, partition] of this.#partitions) {
        if (assigned.includes(number)) partition.assign()
        else void partition.unassign()
      }
      // Those that were added since the run began are for the next one.
      const added = assigned.filter((partition) => !this.#partitions.has(partition))
      this.#consumer.pause([{ topic: this.#route.from, partitions: added }])
    })
    this.#consumer.on(events.CRASH, ({ payload: { error, restart } }) => {
      if (!mayPass(error) || this.#outage() > OUTAGE_MS) this.#failed.abort(error)
      // KafkaJS gives up on some failures that pass, such as that of a coordinator that is not there yet.
      else if (!restart) void this.#rejoin(stop)
    })
    this.#consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
      // KafkaJS delivers no batch without a record.
      if (payload.batchSize === 0) void this.#partitions.get(payload.partition)?.onMarkers(payload)
    })
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topics: [this.#route.from], fromBeginning: true })
    await this.#consume()
  }

  async #consume(): Promise<void> {
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: CONCURRENT_PARTITIONS,
      eachBatch: async (payload) => this.#partitions.get(payload.batch.partition)?.onBatch(payload),
    })
  }

  /** Starts the consumer again after KafkaJS has ended it. */
  async #rejoin(stop: AbortSignal): Promise<void> {
    for (;;) {
      await waitFor(new Promise(() => undefined), { ms: REJOIN_MS, clock: systemClock, signal: stop })
      if (stop.aborted) return
      try {
        await this.#consumer.connect()
        await this.#consume()
        return
      } catch (error) {
        if (!mayPass(error) || this.#outage() > OUTAGE_MS) this.#failed.abort(error)
      }
    }
  }

  /** Compaction may have removed what is left of partitions. */
  async #lookForIdle(): Promise<void> {
    if (this.#idle.count < IDLE_FETCHES) return
    this.#idle.reset()
    if (!(await this.#hasLeaders())) return
    await Promise.all([...this.#partitions.values()].map((partition) => partition.onIdle()))
  }

  /** Nothing comes from a partition without a leader, but its records are there still. */
  async #hasLeaders(): Promise<boolean> {
    const left = this.#ranges.filter((range) => !this.#hasReached(range))
    try {
      await refuseLeaderless(this.#admin, left)
      this.#leaderless = undefined
      return true
    } catch (error) {
      this.#leaderless ??= stopwatch(systemClock)
      if (this.#leaderless() > OUTAGE_MS) throw error
      return false
    }
  }

  /** Whether all partitions have reached the end that they had, be it by this process or another one of the group. */
  async #isDone(): Promise<boolean> {
    try {
      this.#checkpoints = await readCheckpoints(this.#admin, this.#route)
      this.#outage = stopwatch(systemClock)
    } catch (error) {
      if (!mayPass(error) || this.#outage() > OUTAGE_MS) throw error
      await this.#admin.connect().catch(() => undefined)
      return false
    }
    const left = this.#ranges.reduce((sum, range) => {
      const { next } = this.#position(range)
      return next < range.to ? sum + (range.to - next) : sum
    }, 0n)
    this.#total ??= left
    this.#options.onProgress?.({ done: Number(this.#total - left), total: Number(this.#total) })
    return this.#ranges.every((range) => this.#hasReached(range))
  }

  #hasReached(range: OffsetRange): boolean {
    const { next, reached } = this.#position(range)
    return next >= range.to || (reached !== undefined && reached >= range.to)
  }

  #position({ partition, from }: OffsetRange): { readonly next: bigint; readonly reached?: bigint } {
    const checkpoint = this.#checkpoints.get(partition)
    return checkpoint === undefined || checkpoint.next < from ? { next: from } : checkpoint
  }

  #report(): CopyReport {
    const partitions = this.#ranges.map((range) => {
      const { records = 0, bytesRead = 0, bytesWritten = 0 } = this.#partitions.get(range.partition) ?? {}
      const next = String(this.#position(range).next)
      return { partition: range.partition, records, bytesRead, bytesWritten, next, end: String(range.to) }
    })
    return { ...this.#route, partitions }
  }
}
