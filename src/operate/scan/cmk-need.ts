import type { Kafka } from 'kafkajs'
import { groupPositions } from '../topics/group-positions.js'
import { endsWithOpenTransactions, openTransactions } from '../topics/open-transactions.js'
import { partitionName, rangesOf, type OffsetRange } from '../topics/ranges.js'
import { retentions } from '../topics/retentions.js'
import { clusterIdOf, refuseOtherCluster } from './cluster.js'
import { doubtsOfOffsets, doubtsOfRecords } from './doubts.js'
import type { ScanReport } from './report.js'
import { cmkIdOf, MAX_TIMESTAMP, type Occurrences } from './tally.js'

/** Whether records still need a CMK, and which. */
export interface CmkNeed {
  readonly cmkId: string
  /**
   * `no`: nothing that was scanned needs it. `yes`: records have no other wrapping. `unclear`: some could not be read, or
   * were not scanned, or may be under it by another id. Records that another CMK can open as well do not need it.
   */
  readonly needed: 'yes' | 'no' | 'unclear'
  /** Why it is unclear, one sentence each. */
  readonly unclear: readonly string[]
  /** Each partition that still has records under it. */
  readonly partitions: readonly PartitionNeed[]
}

export interface PartitionNeed {
  readonly topic: string
  readonly partition: number
  /** Records under this CMK that the partition still has, at most: some of them may be gone by retention. */
  readonly records: number
  /** Those of them that no other CMK opens. */
  readonly only: number
  /** Offsets, decimal. */
  readonly first: string
  readonly last: string
  /** The largest timestamp, in ms since 1970. */
  readonly latest?: number
  /** Consumer groups that have not read past the last one, and the next offset of each. */
  readonly groups: readonly { readonly groupId: string; readonly next: string }[]
  /** By when retention by time will have removed them, in ms since 1970; null if it never will. */
  readonly goneBy: number | null
}

export interface CmkNeedOptions {
  /** Records that were written after the scan began make the answer unclear: for a report that may be old. */
  readonly upToNow?: boolean
}

/**
 * Answers from a report, and from what the cluster says now, whether a CMK can be disabled or deleted. Only for what was
 * scanned: other topics, backups and mirrors may need it, too, and a producer may go on to seal under it.
 * @throws Error if the report is of another cluster, or a topic does not exist any more; the errors of KafkaJS
 */
export async function whoNeedsCmk(
  kafka: Kafka,
  report: ScanReport,
  cmkId: string,
  { upToNow = false }: CmkNeedOptions = {},
): Promise<CmkNeed> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    refuseOtherCluster(report, await clusterIdOf(admin))
    const now = await rangesOf(
      admin,
      report.topics.map(({ topic }) => topic),
    )
    const lows = new Map(now.map(({ topic, partition, from }) => [partitionName(topic, partition), from]))
    const left = report.topics
      .flatMap((topic) => occurrencesOf(topic, cmkId))
      .filter(
        ({ topic, partition, all }) => BigInt(all.last) >= (lows.get(partitionName(topic, partition)) ?? 0n),
      )
    const names = [...new Set(left.map(({ topic }) => topic))]
    const groups = await groupPositions(admin, names)
    const retention = await retentions(admin, names)
    const partitions = left.map(({ topic, partition, all, only }): PartitionNeed => {
      const keeps = retention.get(topic) ?? null
      return {
        topic,
        partition,
        records: all.records,
        only,
        first: all.first,
        last: all.last,
        ...(all.latest !== undefined && { latest: all.latest }),
        groups: groups
          .filter(
            (each) => each.topic === topic && each.partition === partition && each.next <= BigInt(all.last),
          )
          .map(({ groupId, next }) => ({ groupId, next: String(next) })),
        goneBy: goneBy(all.latest, keeps),
      }
    })
    const unclear = [...doubtsOfRecords(report, cmkId), ...doubtsOfOffsets(report, now, upToNow)]
    const isNeeded = partitions.some(({ only }) => only > 0)
    // It takes a moment, and matters only if nothing else does.
    if (upToNow && !isNeeded && unclear.length === 0) unclear.push(...(await doubtsOfOpen(kafka, now)))
    return { cmkId, needed: isNeeded ? 'yes' : unclear.length > 0 ? 'unclear' : 'no', unclear, partitions }
  } finally {
    await admin.disconnect()
  }
}

/** The ends that a cluster tells are before the first open transaction, so what came since the scan may be behind them. */
async function doubtsOfOpen(kafka: Kafka, now: readonly OffsetRange[]): Promise<string[]> {
  const open = openTransactions(await endsWithOpenTransactions(kafka, now), now)
  return open.map(
    ({ topic, partition, from }) =>
      `${topic}: partition ${String(partition)} has an open transaction, whose records from offset ${String(from)} on cannot be read yet`,
  )
}

function goneBy(latest: number | undefined, keeps: number | null): number | null {
  if (latest === undefined || keeps === null) return null
  return latest + keeps > MAX_TIMESTAMP ? null : latest + keeps
}

interface Under {
  readonly topic: string
  readonly partition: number
  readonly all: Occurrences
  readonly only: number
}

/** An id may occur under several providers, such as an RSA key that once wrapped in another way. */
function occurrencesOf({ topic, partitions }: ScanReport['topics'][number], cmkId: string): Under[] {
  return partitions.flatMap(({ partition, tally }) =>
    Object.entries(tally.cmk)
      .filter(([cmk]) => cmkIdOf(cmk) === cmkId)
      .map(([cmk, all]) => ({ topic, partition, all, only: tally.onlyCmk[cmk]?.records ?? 0 })),
  )
}
