import { Distinct } from './distinct.js'
import type { PartitionReport, ScanReport, TopicReport } from './report.js'
import { addAll, cmkIdOf, emptyTally } from './tally.js'

/**
 * One report of several scans: of different topics or partitions, or of runs of offsets that follow each other.
 * @throws Error if two of them read the same record, or leave out offsets between them
 */
export function mergeReports(reports: readonly ScanReport[]): ScanReport {
  const watched = [...new Set(reports.flatMap((report) => report.watched))]
  const topics = groups(
    reports.flatMap((report) => report.topics),
    ({ topic }) => topic,
  ).map((same) => mergeTopic(same, watched))
  const isRead = ({ partitions }: TopicReport): boolean => partitions.every(({ next, to }) => next === to)
  return {
    version: 1,
    startedAt: reports.map(({ startedAt }) => startedAt).toSorted()[0] ?? '',
    isComplete: topics.every(isRead),
    watched,
    topics,
  }
}

function mergeTopic(same: readonly TopicReport[], watched: readonly string[]): TopicReport {
  const topic = same[0]?.topic ?? ''
  const cmks = [...new Set(same.flatMap(({ deks }) => Object.keys(deks)))]
  const partitions = groups(
    same.flatMap((report) => report.partitions),
    ({ partition }) => partition,
  )
  return {
    topic,
    sessions: union(same.map(({ sessions }) => sessions)),
    deks: Object.fromEntries(cmks.map((cmk) => [cmk, union(same.map(({ deks }) => deks[cmk]))])),
    partitions: partitions.map((runs) => mergePartition(topic, runs, watched)),
  }
}

function mergePartition(
  topic: string,
  runs: readonly PartitionReport[],
  watched: readonly string[],
): PartitionReport {
  const [first, ...others] = runs.toSorted((a, b) => Number(BigInt(a.from) - BigInt(b.from)))
  if (first === undefined) throw new Error('nothing to merge')
  return others.reduce((before, after) => {
    if (before.next !== after.from) {
      const [what, from, to] =
        BigInt(before.next) > BigInt(after.from)
          ? ['were read by two scans', after.from, before.next]
          : ['were read by no scan', before.next, after.from]
      throw new Error(
        `topic ${topic}, partition ${String(first.partition)}: the offsets from ${from} up to ${to} ${what}`,
      )
    }
    const tally = emptyTally()
    const isWatched = (value: string): boolean => watched.includes(cmkIdOf(value))
    for (const each of [before, after]) addAll(tally, each.tally, isWatched)
    return {
      partition: first.partition,
      from: before.from,
      next: after.next,
      to: BigInt(before.to) > BigInt(after.to) ? before.to : after.to,
      records: before.records + after.records,
      bytes: before.bytes + after.bytes,
      overheadBytes: before.overheadBytes + after.overheadBytes,
      tally,
      lastRecord: after.lastRecord ?? before.lastRecord,
      openFrom: after.openFrom,
    }
  }, first)
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
