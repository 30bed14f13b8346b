import { Distinct } from './distinct.js'
import type { OpenTransaction, PartitionReport, ScanReport, TopicReport } from './report.js'
import { confirmed, joinRuns, runsInOrder, type NameOf } from './runs.js'
import { cmkIdOf } from './tally.js'

/**
 * One report of several scans: of different topics or partitions, of runs of offsets that follow each other, or of the
 * members of a group that shared a scan. It is complete only if nothing is missing.
 * @param names of the reports, such as those of their files, for errors
 * @throws Error if two of them read the same record, leave out offsets between them, or are of different clusters
 */
export function mergeReports(reports: readonly ScanReport[], names: readonly string[] = []): ScanReport {
  const clusterId = clusterOf(reports, names)
  const nameOf = (run: PartitionReport): string | undefined =>
    names[reports.findIndex(({ topics }) => topics.some(({ partitions }) => partitions.includes(run)))]
  const watched = [...new Set(reports.flatMap((report) => report.watched))]
  const ended = reports.filter((report) => hasEnded(report, reports)).flatMap(({ topics }) => topics)
  const readToTheEnd = new Set(ended.flatMap(({ partitions }) => partitions))
  const topics = groups(
    reports.flatMap((report) => report.topics),
    ({ topic }) => topic,
  ).map((same) => mergeTopic(same, watched, readToTheEnd, nameOf))
  return {
    version: 1,
    startedAt: reports.map(({ startedAt }) => startedAt).toSorted()[0] ?? '',
    clusterId,
    isComplete: topics.every((topic) => isWhole(topic.merged) && topic.hasEnd),
    watched,
    topics: topics.map(({ merged }) => merged),
  }
}

function clusterOf(reports: readonly ScanReport[], names: readonly string[]): string | undefined {
  const [first, other] = [...new Set(reports.flatMap(({ clusterId }) => clusterId ?? []))]
  if (first === undefined || other === undefined) return first
  const told = [first, other].map((id) => {
    const name = names[reports.findIndex(({ clusterId }) => clusterId === id)]
    return name === undefined ? id : `${id} (${name})`
  })
  throw new Error(`the reports are of different clusters, ${told.join(' and ')}: merge those of one cluster`)
}

/**
 * Only a scan that has ended knows the transactions that are open at the ends of its partitions. In a group, one member
 * that has ended knows them for all.
 */
function hasEnded({ group, isComplete }: ScanReport, reports: readonly ScanReport[]): boolean {
  if (group === undefined) return isComplete
  return reports.some((other) => other.group?.id === group.id && other.group.isDone)
}

/** Each partition is there, and was read from the offset that the scan began at to its end. */
function isWhole({ partitions, partitionCount = partitions.length }: TopicReport): boolean {
  return (
    partitions.length >= partitionCount &&
    partitions.every(({ begin, from, next, to }) => from === (begin ?? from) && next === to)
  )
}

interface MergedTopic {
  readonly merged: TopicReport
  /** Whether the last run of each partition is of a scan that has ended. */
  readonly hasEnd: boolean
}

function mergeTopic(
  same: readonly TopicReport[],
  watched: readonly string[],
  ended: ReadonlySet<PartitionReport>,
  nameOf: NameOf,
): MergedTopic {
  const topic = same[0]?.topic ?? ''
  const cmks = [...new Set(same.flatMap(({ deks }) => Object.keys(deks)))]
  const open = same.flatMap((report) => report.open ?? [])
  const partitions = groups(
    same.flatMap((report) => report.partitions),
    ({ partition }) => partition,
  ).map((runs) => mergePartition({ topic, runs, watched, open, nameOf }))
  const counts = same.flatMap(({ partitionCount }) => partitionCount ?? [])
  const merged = {
    topic,
    ...(counts.length > 0 && { partitionCount: Math.max(...counts) }),
    sessions: union(same.map(({ sessions }) => sessions)),
    deks: Object.fromEntries(cmks.map((cmk) => [cmk, union(same.map(({ deks }) => deks[cmk]))])),
    partitions: partitions.map(({ merged }) => merged).toSorted((a, b) => a.partition - b.partition),
  }
  return { merged, hasEnd: partitions.every(({ last }) => ended.has(last)) }
}

interface MergedPartition {
  readonly topic: string
  readonly runs: readonly PartitionReport[]
  readonly watched: readonly string[]
  readonly open: readonly OpenTransaction[]
  readonly nameOf: NameOf
}

function mergePartition({ topic, runs, watched, open, nameOf }: MergedPartition): {
  readonly merged: PartitionReport
  readonly last: PartitionReport
} {
  const isWatched = (value: string): boolean => watched.includes(cmkIdOf(value))
  try {
    const [first, ...others] = runsInOrder(runs, nameOf)
    if (first === undefined) throw new Error('nothing to merge')
    const merged = confirmed(others.reduce((before, after) => joinRuns(before, after, isWatched), first))
    // Another member may have read the end than the one that knows the transaction.
    const openFrom =
      merged.openFrom ??
      runs.find((run) => run.from === merged.next && run.next === merged.next)?.openFrom ??
      open.find(({ partition }) => partition === merged.partition)?.from
    return {
      merged: { ...merged, to: endOf(merged, runs), ...(openFrom !== undefined && { openFrom }) },
      last: others.at(-1) ?? first,
    }
  } catch (error) {
    throw new Error(
      `topic ${topic}, partition ${String(runs[0]?.partition)}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
}

/** Also of a scan that was interrupted before it had read anything. */
function endOf({ to }: PartitionReport, runs: readonly PartitionReport[]): string {
  return runs
    .filter(({ isUnconfirmed }) => isUnconfirmed === undefined)
    .reduce((largest, run) => (BigInt(run.to) > BigInt(largest) ? run.to : largest), to)
}

function union(all: readonly (Distinct | undefined)[]): Distinct {
  const distinct = new Distinct()
  for (const each of all) if (each !== undefined) distinct.addAll(each)
  return distinct
}

function groups<T>(items: readonly T[], keyOf: (item: T) => string | number): T[][] {
  const found = new Map<string | number, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const same = found.get(key)
    if (same === undefined) found.set(key, [item])
    else same.push(item)
  }
  return [...found.values()]
}
