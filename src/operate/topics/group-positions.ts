import type { Admin } from 'kafkajs'

export interface GroupPosition {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  /** The offset that it reads next. */
  readonly next: bigint
}

/** Where each consumer group stands that has committed offsets of these topics. */
export async function groupPositions(admin: Admin, topics: readonly string[]): Promise<GroupPosition[]> {
  if (topics.length === 0) return []
  const { groups } = await admin.listGroups()
  const found: GroupPosition[] = []
  for (const { groupId } of groups) {
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: [...topics] })) {
      for (const { partition, offset } of partitions) {
        if (BigInt(offset) >= 0n) found.push({ groupId, topic, partition, next: BigInt(offset) })
      }
    }
  }
  return found
}
