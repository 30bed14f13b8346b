import type { OffsetRange } from '../topics/ranges.js'
import type { ScanReport } from './report.js'
import { cmkIdOf, OTHERS, type Occurrences, type Tally } from './tally.js'

/** Why it cannot be said what the records of a report need, one sentence each. */
export function doubtsOfRecords({ topics, isComplete }: ScanReport, cmkId: string): string[] {
  const found = isComplete ? [] : ['the scan is not complete']
  for (const { topic, partitions } of topics) {
    const sum = (pick: (tally: Tally) => Occurrences | undefined): number =>
      partitions.reduce((all, { tally }) => all + (pick(tally)?.records ?? 0), 0)
    const say = (records: number, singular: string, plural: string): void => {
      if (records === 1) found.push(`${topic}: 1 record ${singular}`)
      else if (records > 1) found.push(`${topic}: ${String(records)} records ${plural}`)
    }
    say(
      sum(({ kind }) => kind['malformed']),
      'is malformed',
      'are malformed',
    )
    say(
      sum(({ kind }) => kind['unknownFormat']),
      'has an unknown format',
      'have an unknown format',
    )
    const uncounted = 'under CMKs that were not counted one by one; scan again with this CMK'
    say(
      sum(({ cmk, onlyCmk }) => cmk[OTHERS] ?? onlyCmk[OTHERS]),
      `is ${uncounted}`,
      `are ${uncounted}`,
    )
  }
  const ids = topics.flatMap(({ partitions }) => partitions.flatMap(({ tally }) => Object.keys(tally.cmk)))
  for (const id of new Set(ids.map(cmkIdOf))) {
    if (mayBeSameCmk(id, cmkId)) {
      found.push(`records are under CMK ${id}, which may be the same one by another id, or a replica of it`)
    }
  }
  return found
}

/**
 * Which records of these topics a report does not know, one sentence each.
 * @param now the ranges that the topics have now
 * @param upToNow whether records that were written since the scan began are told, too
 */
export function doubtsOfOffsets(
  { topics }: ScanReport,
  now: readonly OffsetRange[],
  upToNow: boolean,
): string[] {
  return topics.flatMap(({ topic, partitions }) => {
    const found: string[] = []
    const present = now.filter((range) => range.topic === topic)
    for (const { partition, from: low, to: end } of present) {
      const scanned = partitions.find((each) => each.partition === partition)
      const say = (what: string): void => void found.push(`${topic}: partition ${String(partition)} ${what}`)
      if (scanned === undefined) {
        if (low < end) say('was not scanned')
        continue
      }
      const [from, to] = [BigInt(scanned.from), BigInt(scanned.to)]
      if (to > end) say(`ends before offset ${scanned.to}, which was scanned: the topic was made again`)
      if (scanned.openFrom !== undefined) {
        say(`had an open transaction, whose records from offset ${scanned.openFrom} on could not be read yet`)
      }
      if (low < from) say(`was scanned from offset ${scanned.from} on only; it begins at ${String(low)}`)
      if (upToNow && to < end && low < end) {
        say(`was scanned up to offset ${scanned.to} only; it ends at ${String(end)}`)
      }
    }
    return found
  })
}

/** Such as `1234` and `arn:aws:kms:eu-west-1:111122223333:key/1234`, or a key and a version of it. */
function mayBeSameCmk(one: string, other: string): boolean {
  if (one === other) return false
  const [a, b] = [one, other].map((id) => `/${id.toLowerCase().replaceAll(':', '/')}/`) as [string, string]
  return a.includes(b) || b.includes(a) || (multiRegionKey(one) ?? one) === multiRegionKey(other)
}

/** A key of AWS KMS whose replicas in other regions open the same. */
function multiRegionKey(id: string): string | undefined {
  return /(?:^|\/)(mrk-[0-9a-f]+)$/.exec(id)?.[1]
}
