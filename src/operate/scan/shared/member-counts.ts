import { systemClock } from '../../../clock.js'
import { partitionName, type OffsetRange } from '../../topics/ranges.js'
import type { ReadBatch } from '../../topics/read-topics.js'
import { Findings } from '../findings.js'
import { mergeReports } from '../merge.js'
import { PartitionScan } from '../partition-scan.js'
import type { ScanReport } from '../report.js'
import { cmkIdOf } from '../tally.js'
import { TopicCounts } from '../topic-counts.js'
import { PartitionRuns } from './partition-runs.js'

interface Shared {
  /** Of the group. */
  readonly id: string
  readonly clusterId: string | undefined
  readonly watch: readonly string[]
}

/** What one member of a group has counted, in this process and in an earlier one with the same report. */
export class MemberCounts {
  readonly #group: string
  readonly #clusterId: string | undefined
  readonly #startedAt: string
  readonly #watched: readonly string[]
  readonly #topics = new Map<string, { readonly counts: TopicCounts; readonly partitions: PartitionRuns[] }>()
  readonly #byName = new Map<string, PartitionRuns>()
  #isDone = false
  #open: readonly OffsetRange[] = []

  /** @param ranges of all partitions of the topics */
  constructor({ id, clusterId, watch }: Shared, ranges: readonly OffsetRange[], before?: ScanReport) {
    this.#group = id
    this.#clusterId = clusterId
    this.#startedAt = before?.startedAt ?? new Date(systemClock.wallMs()).toISOString()
    this.#watched = [...new Set([...(before?.watched ?? []), ...watch])]
    const isWatched = (value: string): boolean => this.#watched.includes(cmkIdOf(value))
    const findings = new Findings()
    const newScan = (range: OffsetRange): PartitionScan => new PartitionScan(range, findings, isWatched)
    for (const { topic, partition } of ranges) {
      const earlier = before?.topics.find((each) => each.topic === topic)
      const scanned = this.#topics.get(topic) ?? { counts: new TopicCounts(earlier), partitions: [] }
      this.#topics.set(topic, scanned)
      const closed = earlier?.partitions.filter((run) => run.partition === partition) ?? []
      const runs = new PartitionRuns(closed, newScan, isWatched)
      scanned.partitions.push(runs)
      this.#byName.set(partitionName(topic, partition), runs)
    }
  }

  /** Undefined for a partition that was added since. */
  of(topic: string, partition: number): PartitionRuns | undefined {
    return this.#byName.get(partitionName(topic, partition))
  }

  get all(): IterableIterator<[name: string, runs: PartitionRuns]> {
    return this.#byName.entries()
  }

  count({ topic, partition, messages }: Pick<ReadBatch, 'topic' | 'partition' | 'messages'>): void {
    this.of(topic, partition)?.count(messages, (finding) => {
      this.#topics.get(topic)?.counts.add(finding)
    })
  }

  /**
   * @param isDone whether the group has read everything
   * @param open where transactions are open
   */
  finish(isDone: boolean, open: readonly OffsetRange[]): void {
    this.#isDone = isDone
    this.#open = open
  }

  report(): ScanReport {
    const report: ScanReport = {
      version: 1,
      startedAt: this.#startedAt,
      clusterId: this.#clusterId,
      isComplete: false,
      watched: this.#watched,
      group: { id: this.#group, isDone: this.#isDone },
      topics: [...this.#topics].map(([topic, { counts, partitions }]) => ({
        topic,
        partitionCount: partitions.length,
        open: this.#open
          .filter((each) => each.topic === topic)
          .map(({ partition, from }) => ({ partition, from: String(from) })),
        sessions: counts.sessions,
        deks: counts.deks,
        partitions: partitions.flatMap((runs, partition) =>
          runs.report(this.#open.find((each) => each.topic === topic && each.partition === partition)?.from),
        ),
      })),
    }
    return { ...report, isComplete: this.#isDone && isWhole(report) }
  }
}

/** Whether this member has read all. */
function isWhole(report: ScanReport): boolean {
  try {
    return mergeReports([report]).isComplete
  } catch {
    // Another one has read what is between its runs.
    return false
  }
}
