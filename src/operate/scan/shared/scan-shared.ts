import { fetchLimits } from '../../topics/fetch-limits.js'
import { endsWithOpenTransactions, openTransactions } from '../../topics/open-transactions.js'
import { rangesOf } from '../../topics/ranges.js'
import { clusterIdOf, refuseOtherCluster } from '../cluster.js'
import { mergeReports } from '../merge.js'
import type { ScanReport } from '../report.js'
import type { SharedScanOptions } from '../scan-options.js'
import { groupPositions } from './group-positions.js'
import { isDone, Member } from './member.js'
import { MemberCounts } from './member-counts.js'

/**
 * Reads what the group assigns to this member, and ends when all members together have read everything. The range of a
 * partition is fixed by the member that has read of it first, and stands in the metadata of the group's offsets.
 */
export async function scanShared(options: SharedScanOptions): Promise<ScanReport> {
  const { kafka, group, start, watch = [], resume, onCheckpoint, signal } = options
  const topics = [...new Set(options.topics)]
  if (resume !== undefined) refuseOtherReport(resume, group, topics)
  const admin = kafka.admin()
  try {
    await admin.connect()
    const clusterId = await clusterIdOf(admin)
    if (resume !== undefined) refuseOtherCluster(resume, clusterId)
    const ranges = await rangesOf(admin, topics, start)
    const counts = new MemberCounts({ id: group, clusterId, watch }, ranges, resume)
    const ends = await endsWithOpenTransactions(kafka, ranges, signal)
    const isRead =
      isDone(await groupPositions(admin, group, topics), ranges) ||
      (await new Member(admin, counts, options, await fetchLimits(kafka, topics)).read(ranges))
    counts.finish(isRead, openTransactions(ends, await rangesOf(admin, topics)))
    const part = counts.report()
    await onCheckpoint?.(part)
    // Of one member, or of one that has read all: other reports have nothing to add.
    return part.isComplete ? mergeReports([part]) : part
  } catch (error) {
    // An error that comes after an interruption is not what the caller has to know.
    signal?.throwIfAborted()
    throw error
  } finally {
    await admin.disconnect()
  }
}

function refuseOtherReport(
  { group, topics: before }: ScanReport,
  id: string,
  topics: readonly string[],
): void {
  if (group?.id !== id) {
    throw new Error(
      group === undefined
        ? 'the earlier scan was not shared by a group: give another file for the report'
        : `the earlier scan was shared by group ${group.id}: give this name, or another file for the report`,
    )
  }
  const left = before.filter(({ topic }) => !topics.includes(topic))
  if (left.length > 0) {
    throw new Error(
      `the earlier scan was also of ${left.map(({ topic }) => topic).join(', ')}: name these topics, too`,
    )
  }
}
