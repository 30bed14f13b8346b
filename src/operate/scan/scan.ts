import type { Admin, Kafka } from 'kafkajs'
import { stopwatch, systemClock } from '../../clock.js'
import { partitionName, rangesOf, type OffsetRange, type Start } from '../topics/ranges.js'
import { endsWithOpenTransactions, openTransactions } from '../topics/open-transactions.js'
import { readTopics, type ReadBatch } from '../topics/read-topics.js'
import { clusterIdOf, refuseOtherCluster } from './cluster.js'
import { Findings } from './findings.js'
import { PartitionScan } from './partition-scan.js'
import type { ScanOptions } from './scan-options.js'
import type { PartitionReport, ScanReport, TopicReport } from './report.js'
import { scanShared } from './shared/scan-shared.js'
import { cmkIdOf } from './tally.js'
import { TopicCounts } from './topic-counts.js'

const CHECKPOINT_MS = 10_000

/**
 * Reads topics up to the end that they have now, and counts what is in them, without any key. Commits no offsets but those
 * of a `group`. As a reader of committed records, it does not see records of aborted or open transactions; it says where
 * there is an open one.
 *
 * @throws Error for a topic that does not exist or was made again, or an unfit `resume`, such as one of another cluster; the
 * errors of KafkaJS; the reason of `signal`
 */
export async function scan(options: ScanOptions): Promise<ScanReport> {
  const { kafka, start, watch = [], resume, onCheckpoint, onProgress, signal } = options
  if (options.group !== undefined) return scanShared({ ...options, group: options.group })
  if (resume?.group !== undefined) {
    throw new Error(`the earlier scan was shared by group ${resume.group.id}: give its name, too`)
  }
  const topics = [...new Set(options.topics)]
  // An error that comes after an interruption is not what the caller has to know.
  const passOn = (error: unknown): never => {
    signal?.throwIfAborted()
    throw error
  }
  const clusterId = await withAdmin(kafka, clusterIdOf).catch(passOn)
  if (resume !== undefined) refuseOtherCluster(resume, clusterId)
  const present = await presentRanges(kafka, topics).catch(passOn)
  const wanted = await wantedRanges(kafka, present, start, resume).catch(passOn)
  const scanned = new Scan(wanted, { watch, clusterId }, resume)
  let sinceCheckpoint = stopwatch(systemClock)
  const onBatch = async (batch: ReadBatch): Promise<undefined> => {
    scanned.count(batch)
    onProgress?.(Number(scanned.done), Number(scanned.total))
    if (onCheckpoint !== undefined && sinceCheckpoint() >= CHECKPOINT_MS) {
      await onCheckpoint(scanned.report())
      sinceCheckpoint = stopwatch(systemClock)
    }
  }
  try {
    const read = (ranges: readonly OffsetRange[]): Promise<readonly OffsetRange[]> =>
      readTopics({ kafka, purpose: 'scan', ranges, onBatch, ...(signal && { signal }) })
    const ends = await endsWithOpenTransactions(kafka, present, signal)
    scanned.extend(ends, await presentRanges(kafka, topics))
    const unread = await read(scanned.readingRanges(present))
    // Of transactions that were open when the scan began, those that have ended meanwhile.
    const now = await presentRanges(kafka, topics)
    const rest = scanned.extend(ends, now).filter((range) => !unread.some(isSamePartition(range)))
    scanned.finish([...unread, ...(await read(rest))], openTransactions(ends, now))
  } catch (error) {
    await onCheckpoint?.(scanned.report())
    return passOn(error)
  }
  const report = scanned.report()
  await onCheckpoint?.(report)
  return report
}

function presentRanges(kafka: Kafka, topics: readonly string[], start?: Start): Promise<OffsetRange[]> {
  return withAdmin(kafka, (admin) => rangesOf(admin, topics, start))
}

async function withAdmin<T>(kafka: Kafka, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin()
  try {
    await admin.connect()
    return await ask(admin)
  } finally {
    await admin.disconnect()
  }
}

/** From the start on, or what an earlier scan has not read. */
async function wantedRanges(
  kafka: Kafka,
  present: readonly OffsetRange[],
  start: Start = 'beginning',
  earlier?: ScanReport,
): Promise<readonly OffsetRange[]> {
  const topics = [...new Set(present.map(({ topic }) => topic))]
  const left = earlier?.topics.filter(({ topic }) => !topics.includes(topic)) ?? []
  if (left.length > 0) {
    throw new Error(
      `the earlier scan was also of ${left.map(({ topic }) => topic).join(', ')}: name these topics, too`,
    )
  }
  const fromStart = start === 'beginning' ? present : await presentRanges(kafka, topics, start)
  return present.map((range) => {
    const before = earlier && partitionOf(earlier.topics, range)
    if (before !== undefined) return continued(range, before)
    const name = partitionName(range.topic, range.partition)
    const from = fromStart.find((each) => partitionName(each.topic, each.partition) === name)?.from
    return { ...range, from: from === undefined || from > range.to ? range.to : from }
  })
}

function continued(range: OffsetRange, before: PartitionReport): OffsetRange {
  const next = BigInt(before.next)
  if (next > range.to) {
    throw new Error(
      `topic ${range.topic}: partition ${String(range.partition)} ends before offset ${before.next}, which the earlier scan had read: the topic was made again; begin a new report`,
    )
  }
  return { ...range, from: next > range.from ? next : range.from }
}

function partitionOf(
  topics: readonly TopicReport[],
  { topic, partition }: Pick<OffsetRange, 'topic' | 'partition'>,
): PartitionReport | undefined {
  const found = topics.find((each) => each.topic === topic)
  return found?.partitions.find((each) => each.partition === partition)
}

interface ScannedTopic {
  readonly counts: TopicCounts
  readonly partitions: Map<number, PartitionScan>
}

function isSamePartition({
  topic,
  partition,
}: Omit<OffsetRange, 'from' | 'to'>): (range: OffsetRange) => boolean {
  return (range) => range.topic === topic && range.partition === partition
}

/** The counts of a scan that runs. */
class Scan {
  readonly #startedAt: string
  readonly #clusterId: string | undefined
  readonly #watched: readonly string[]
  readonly #topics = new Map<string, ScannedTopic>()
  #isComplete = false

  constructor(
    ranges: readonly OffsetRange[],
    { watch, clusterId }: { readonly watch: readonly string[]; readonly clusterId: string | undefined },
    before?: ScanReport,
  ) {
    this.#clusterId = clusterId
    this.#startedAt = before?.startedAt ?? new Date(systemClock.wallMs()).toISOString()
    this.#watched = [...new Set([...(before?.watched ?? []), ...watch])]
    const isWatched = (value: string): boolean => this.#watched.includes(cmkIdOf(value))
    const findings = new Findings()
    for (const range of ranges) {
      let scanned = this.#topics.get(range.topic)
      if (scanned === undefined) {
        const topic = before?.topics.find(({ topic }) => topic === range.topic)
        scanned = { counts: new TopicCounts(topic), partitions: new Map() }
        this.#topics.set(range.topic, scanned)
      }
      const earlier = before && partitionOf(before.topics, range)
      scanned.partitions.set(range.partition, new PartitionScan(range, findings, isWatched, earlier))
    }
  }

  get total(): bigint {
    return this.#all().reduce((sum, { total }) => sum + total, 0n)
  }

  get done(): bigint {
    return this.#all().reduce((sum, { done }) => sum + done, 0n)
  }

  count({ topic, partition, messages }: ReadBatch): void {
    const scanned = this.#topics.get(topic)
    scanned?.partitions.get(partition)?.count(messages, (finding) => {
      scanned.counts.add(finding)
    })
  }

  /** @param present the ranges that the partitions have */
  readingRanges(present: readonly OffsetRange[]): OffsetRange[] {
    return present.flatMap(({ topic, partition, from }) => {
      const scan = this.#topics.get(topic)?.partitions.get(partition)
      return scan === undefined ? [] : [scan.readingRange(from)]
    })
  }

  /**
   * The scan is of everything that was written before it began, but records of transactions become visible later.
   * @param ends where partitions really ended when the scan began
   * @param now the ranges that they have for readers of committed records
   * @returns what is to be read in addition
   */
  extend(ends: ReadonlyMap<string, bigint>, now: readonly OffsetRange[]): OffsetRange[] {
    return now.flatMap(({ topic, partition, to }) => {
      const scan = this.#topics.get(topic)?.partitions.get(partition)
      const end = ends.get(partitionName(topic, partition)) ?? 0n
      return scan?.extend(to < end ? to : end) ?? []
    })
  }

  /** Everything was read, but for these offsets, and there are open transactions. */
  finish(unread: readonly OffsetRange[], open: readonly OffsetRange[]): void {
    this.#isComplete = true
    for (const [topic, { partitions }] of this.#topics) {
      for (const [partition, scan] of partitions) {
        const isOfThis = isSamePartition({ topic, partition })
        scan.endsWith(open.find(isOfThis)?.from)
        // The last record of an earlier scan may be gone, if it was only to be compared.
        if (unread.some((left) => isOfThis(left) && scan.next < left.to)) this.#isComplete = false
        else scan.passed(scan.end)
      }
    }
  }

  report(): ScanReport {
    return {
      version: 1,
      startedAt: this.#startedAt,
      clusterId: this.#clusterId,
      isComplete: this.#isComplete,
      watched: this.#watched,
      topics: [...this.#topics].map(([topic, { counts, partitions }]) => ({
        topic,
        sessions: counts.sessions,
        deks: counts.deks,
        partitions: [...partitions.values()].map((partition) => partition.report()),
      })),
    }
  }

  #all(): PartitionScan[] {
    return [...this.#topics.values()].flatMap(({ partitions }) => [...partitions.values()])
  }
}
