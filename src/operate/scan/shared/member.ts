import type { Admin, Consumer, EachBatchPayload } from 'kafkajs'
import { stopwatch, systemClock } from '../../../clock.js'
import type { FetchLimits } from '../../topics/fetch-limits.js'
import { IdleFetches } from '../../topics/idle-fetches.js'
import type { RawBatch } from '../../topics/raw-message.js'
import { partitionName, rangesOf, type OffsetRange } from '../../topics/ranges.js'
import { isOfKafkaJs, refuseLeaderless } from '../../topics/read-topics.js'
import { Readings } from '../../topics/readings.js'
import { SourceReading } from '../../topics/source-reading.js'
import { groupPositions, metadataOf, type GroupPosition } from './group-positions.js'
import type { MemberCounts } from './member-counts.js'
import type { SharedScanOptions } from '../scan-options.js'

const CHECKPOINT_MS = 10_000
/** How often a member looks how far the others are. */
const LOOK_MS = 500
const IDLE_FETCHES = 10
/** A member that was killed is replaced after so long. */
const SESSION_MS = 10_000
const MAX_RESTARTS = 5
/** While a group assigns its partitions anew, no offsets can be committed. */
const MAX_FAILING_MS = 60_000

/** Reads the partitions that the group assigns to this process. */
export class Member {
  readonly #admin: Admin
  readonly #consumer: Consumer
  readonly #counts: MemberCounts
  readonly #options: SharedScanOptions
  readonly #topics: readonly string[]
  readonly #idle: IdleFetches
  readonly #readings: Readings
  #ranges: readonly OffsetRange[] = []
  /** Counts the assignments. What was begun under an earlier one must not be finished. */
  #assignment = 0
  #sinceCheckpoint = stopwatch(systemClock)
  #sinceCommit = stopwatch(systemClock)

  constructor(admin: Admin, counts: MemberCounts, options: SharedScanOptions, limits: FetchLimits) {
    this.#admin = admin
    this.#counts = counts
    this.#options = options
    this.#topics = [...new Set(options.topics)]
    this.#consumer = options.kafka.consumer({
      ...limits,
      groupId: options.group,
      // KafkaJS itself cannot tell which records are committed, see `TransactionEnds`.
      readUncommitted: true,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: LOOK_MS,
      sessionTimeout: SESSION_MS,
    })
    this.#idle = new IdleFetches(this.#consumer, admin, LOOK_MS)
    this.#readings = new Readings(this.#consumer, admin)
  }

  /**
   * Reads until the group has read everything, or until nothing comes from the partitions of this member.
   * @param ranges of all partitions, for those that the group has not begun
   * @returns whether the group has read everything
   */
  async read(ranges: readonly OffsetRange[]): Promise<boolean> {
    this.#ranges = ranges
    try {
      await this.#consumer.connect()
      await this.#consumer.subscribe({ topics: [...this.#topics], fromBeginning: true })
      return await new Promise((resolve, reject) => {
        this.#start(reject)
        this.#untilDone().then(resolve, reject)
      })
    } finally {
      await this.#consumer.disconnect()
    }
  }

  #start(fail: (error: unknown) => void): void {
    const consumer = this.#consumer
    let restarts = 0
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart || ++restarts > MAX_RESTARTS) fail(error)
    })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      this.#assigned(memberAssignment).catch(fail)
    })
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      // KafkaJS delivers no batch without a record.
      if (payload.batchSize > 0) return
      try {
        const upTo = this.#readings.onMarkers(payload)
        if (upTo !== undefined) this.#counts.of(payload.topic, payload.partition)?.passed(upTo)
      } catch (error) {
        fail(error)
      }
    })
    const eachBatch = async ({ batch }: EachBatchPayload): Promise<void> => {
      const { topic, partition } = batch
      await this.#readings.onBatch(batch as RawBatch, ({ messages, upTo }) => {
        this.#counts.count({ topic, partition, messages })
        this.#counts.of(topic, partition)?.passed(upTo)
        return undefined
      })
    }
    consumer.run({ autoCommit: false, eachBatch }).catch(fail)
  }

  /** Reads nothing of the new partitions before it is known how far the group is. */
  async #assigned(assignment: Readonly<Record<string, readonly number[]>>): Promise<void> {
    const now = ++this.#assignment
    const names = new Set<string>()
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) {
        this.#readings.set({ topic, partition })
        names.add(partitionName(topic, partition))
      }
    }
    for (const [name, runs] of this.#counts.all) if (!names.has(name)) runs.leave()
    const positions = await groupPositions(this.#admin, this.#options.group, this.#topics)
    const present = await rangesOf(this.#admin, this.#topics)
    if (now !== this.#assignment) return
    for (const range of this.#ranges) {
      const name = partitionName(range.topic, range.partition)
      if (names.has(name)) this.#takeUp(range, positions.get(name), present)
    }
    this.#idle.reset()
  }

  #takeUp(range: OffsetRange, position: GroupPosition | undefined, present: readonly OffsetRange[]): void {
    const { topic, partition, to } = position ?? range
    const held = present.find((each) => each.topic === topic && each.partition === partition)
    if (held === undefined || held.to < to) {
      throw new Error(
        `topic ${topic}: partition ${String(partition)} ends before offset ${String(to)}, which the group is to read: the topic was made again; begin with another group`,
      )
    }
    const runs = this.#counts.of(topic, partition)
    runs?.takeUp(position ?? { ...range, next: range.from }, position !== undefined)
    const next = runs?.next
    if (next === undefined) return
    // Retention may have removed it.
    const reading = new SourceReading(next > held.from ? next : held.from, to)
    this.#readings.set({ topic, partition }, reading)
    this.#consumer.resume([{ topic, partitions: [partition] }])
  }

  async #untilDone(): Promise<boolean> {
    const { signal, group, onProgress } = this.#options
    for (;;) {
      await pause(LOOK_MS, signal)
      // KafkaJS cannot leave a group that it is about to join.
      if (this.#assignment === 0 && signal?.aborted !== true) continue
      const isAtEnd = this.#left().length === 0
      if (signal?.aborted === true || isAtEnd || this.#sinceCheckpoint() >= CHECKPOINT_MS)
        await this.#checkpoint()
      signal?.throwIfAborted()
      const positions = await groupPositions(this.#admin, group, this.#topics)
      onProgress?.(...this.#progress(positions))
      if (isDone(positions, this.#ranges)) return true
      if (!isAtEnd && this.#idle.count >= IDLE_FETCHES) {
        if (await this.#skipRemoved()) continue
        await refuseLeaderless(this.#admin, this.#left())
        await this.#checkpoint()
        return false
      }
    }
  }

  /** Retention may have removed all that was left. Returns whether it has removed something. */
  async #skipRemoved(): Promise<boolean> {
    const present = await rangesOf(this.#admin, this.#topics)
    const removed = this.#left().flatMap(({ topic, partition, from }) => {
      const low = present.find((each) => each.topic === topic && each.partition === partition)?.from ?? from
      return low > from ? [{ topic, partition, low }] : []
    })
    for (const { topic, partition, low } of removed) this.#counts.of(topic, partition)?.passed(low)
    this.#idle.reset()
    return removed.length > 0
  }

  /** The partitions of this member that it has not read to their end. */
  #left(): OffsetRange[] {
    return this.#ranges.flatMap((range) => {
      const next = this.#counts.of(range.topic, range.partition)?.next
      return next === undefined ? [] : [{ ...range, from: next }]
    })
  }

  /** First the report, then the offsets: so the report has everything that the group will not read again. */
  async #checkpoint(): Promise<void> {
    const now = this.#assignment
    const commits = [...this.#counts.all].flatMap(([, runs]) => {
      const position = runs.toCommit
      runs.close()
      return position === undefined ? [] : [{ runs, position }]
    })
    this.#sinceCheckpoint = stopwatch(systemClock)
    if (commits.length === 0) {
      this.#sinceCommit = stopwatch(systemClock)
      return
    }
    await this.#options.onCheckpoint?.(this.#counts.report())
    if (now !== this.#assignment || !(await this.#commit(commits.map(({ position }) => position)))) return
    // The partition may have had another owner since.
    if (now !== this.#assignment) return
    for (const { runs, position } of commits) runs.confirm(position.next)
  }

  async #commit(positions: readonly GroupPosition[]): Promise<boolean> {
    const consumer = this.#consumer
    let isCommitted = false
    // KafkaJS does nothing, and says nothing, while a consumer is not running.
    const remove = consumer.on(consumer.events.COMMIT_OFFSETS, () => {
      isCommitted = true
    })
    try {
      await consumer.commitOffsets(
        positions.map((position) => ({
          topic: position.topic,
          partition: position.partition,
          offset: String(position.next),
          metadata: metadataOf(position),
        })),
      )
      this.#sinceCommit = stopwatch(systemClock)
    } catch (error) {
      // Most often the group is about to assign its partitions anew.
      if (!isPassing(error) || this.#sinceCommit() > CHECKPOINT_MS + MAX_FAILING_MS) throw error
    } finally {
      remove()
    }
    return isCommitted
  }

  #progress(positions: ReadonlyMap<string, GroupPosition>): [done: number, total: number] {
    let [done, total] = [0n, 0n]
    for (const range of this.#ranges) {
      const position = positions.get(partitionName(range.topic, range.partition))
      const { from, to } = position ?? range
      total += to - from
      done += (position?.next ?? from) - from + (this.#counts.of(range.topic, range.partition)?.ahead ?? 0n)
    }
    return [Number(done), Number(total)]
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof Error && isOfKafkaJs(error)
}

/** Whether the group has read all partitions to their ends. */
export function isDone(
  positions: ReadonlyMap<string, GroupPosition>,
  ranges: readonly OffsetRange[],
): boolean {
  return ranges.every(({ topic, partition }) => {
    const position = positions.get(partitionName(topic, partition))
    return position !== undefined && position.next >= position.to
  })
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const stop = (): void => {
      cancel()
      resolve()
    }
    const cancel = systemClock.timeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
