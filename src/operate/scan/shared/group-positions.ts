import type { Admin } from 'kafkajs'
import { partitionName, type OffsetRange } from '../../topics/ranges.js'

/** The range of a partition that a group scans, and how far it has come. */
export interface GroupPosition extends OffsetRange {
  readonly next: bigint
}

/** Stands with each committed offset, so that all members have the same range. */
const METADATA = /^kafka-envelope scan (\d{1,19})-(\d{1,19})$/

export function metadataOf({ from, to }: OffsetRange): string {
  return `kafka-envelope scan ${String(from)}-${String(to)}`
}

/**
 * What the members of a group have committed, by `partitionName`.
 * @throws Error if something else uses the group
 */
export async function groupPositions(
  admin: Admin,
  groupId: string,
  topics: readonly string[],
): Promise<ReadonlyMap<string, GroupPosition>> {
  const positions = new Map<string, GroupPosition>()
  for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: [...topics] })) {
    for (const { partition, offset, metadata } of partitions) {
      // KafkaJS commits a negative one if retention has removed the offset to go on at.
      if (BigInt(offset) < 0n) continue
      const [, from, to] = METADATA.exec(metadata ?? '') ?? []
      if (from === undefined || to === undefined) {
        throw new Error(
          `consumer group ${groupId} has other offsets than those of a scan: choose another name`,
        )
      }
      positions.set(partitionName(topic, partition), {
        ...{ topic, partition, next: BigInt(offset) },
        ...{ from: BigInt(from), to: BigInt(to) },
      })
    }
  }
  return positions
}
