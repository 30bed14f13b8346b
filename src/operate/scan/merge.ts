import { Distinct } from './distinct.js'
import type { PartitionReport, ScanReport, TopicReport } from './report.js'
import { confirmed, joinRuns, runsInOrder } from './runs.js'
import { cmkIdOf } from './tally.js'

/**
 * One report of several scans: of different topics or partitions, of runs of offsets that follow each other, or of the
 * members of a group that shared a scan. It is complete only if nothing is missing.
 * @throws Error if two of them read the same record, or leave out offsets between them
 */
export function mergeReports(reports: readonly ScanReport[]): ScanReport {
  const watched = [...new Set(reports.flatMap((report) => report.watched))]
  const topics = groups(
    reports.flatMap((report) => report.topics),
    ({ topic }) => topic,
  ).map((same) => mergeTopic(same, watched))
  return {
    version: 1,
    startedAt: reports.map(({ startedAt }) => startedAt).toSorted()[0] ?? '',
    isComplete: topics.every(isWhole),
    watched,
    topics,
  }
}

/** Each partition is there, and was read from the offset that the scan began at to its end. */
function isWhole({ partitions, partitionCount = partitions.length }: TopicReport): boolean {
  return (
    partitions.length >= partitionCount &&
    partitions.every(({ begin, from, next, to }) => from === (begin ?? from) && next === to)
  )
}

function mergeTopic(same: readonly TopicReport[], watched: readonly string[]): TopicReport {
  const topic = same[0]?.topic ?? ''
  const cmks = [...new Set(same.flatMap(({ deks }) => Object.keys(deks)))]
  const partitions = groups(
    same.flatMap((report) => report.partitions),
    ({ partition }) => partition,
  )
  const counts = same.flatMap(({ partitionCount }) => partitionCount ?? [])
  return {
    topic,
    ...(counts.length > 0 && { partitionCount: Math.max(...counts) }),
    sessions: union(same.map(({ sessions }) => sessions)),
    deks: Object.fromEntries(cmks.map((cmk) => [cmk, union(same.map(({ deks }) => deks[cmk]))])),
    partitions: partitions
      .map((runs) => mergePartition(topic, runs, watched))
      .toSorted((a, b) => a.partition - b.partition),
  }
}

function mergePartition(
  topic: string,
  runs: readonly PartitionReport[],
  watched: readonly string[],
): PartitionReport {
  const isWatched = (value: string): boolean => watched.includes(cmkIdOf(value))
  try {
    const [first, ...others] = runsInOrder(runs)
    if (first === undefined) throw new Error('nothing to merge')
    const merged = others.reduce((before, after) => joinRuns(before, after, isWatched), first)
    return confirmed(merged)
  } catch (error) {
    throw new Error(
      `topic ${topic}, partition ${String(runs[0]?.partition)}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
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
