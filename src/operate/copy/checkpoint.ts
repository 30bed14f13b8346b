import type { Admin } from 'kafkajs'

/** How far the copy of one partition is: what one transaction commits together with the records that it writes. */
export interface Checkpoint {
  /** The offset in the source topic of the first record that is not copied yet. */
  readonly next: bigint
  /** The offset in the target topic after what was written: the records, and the marker that committed them. */
  readonly target: bigint
  /** An end of the source partition that was reached although `next` is below it: the broker gave nothing in between. */
  readonly reached?: bigint
}

/** The topics and the consumer group of a copy. */
export interface CopyRoute {
  readonly from: string
  readonly to: string
  readonly group: string
}

/**
 * The offsets that a transaction commits for a checkpoint. Both topics get one, with the same metadata: KafkaJS itself
 * overwrites that of the source topic if retention removes the record that it was about to fetch, and a broker forgets
 * that of the target topic, which the group does not read, after `offsets.retention.minutes`.
 */
export function committed(
  { from, to }: CopyRoute,
  partition: number,
  checkpoint: Checkpoint,
): {
  topic: string
  partitions: { partition: number; offset: string; metadata: string }[]
}[] {
  const { next, target, reached } = checkpoint
  const metadata = JSON.stringify({
    ...{ from, to, next: String(next), target: String(target) },
    ...(reached !== undefined && { reached: String(reached) }),
  })
  return [
    { topic: from, partitions: [{ partition, offset: String(next), metadata }] },
    { topic: to, partitions: [{ partition, offset: String(target), metadata }] },
  ]
}

/**
 * The checkpoints of a group, by partition.
 * @throws Error if the group has offsets of something else than this copy
 */
export async function readCheckpoints(admin: Admin, route: CopyRoute): Promise<Map<number, Checkpoint>> {
  const checkpoints = new Map<number, Checkpoint>()
  const topics = await admin.fetchOffsets({ groupId: route.group, topics: [route.from, route.to] })
  const offsets = topics.flatMap(({ topic, partitions }) => partitions.map((each) => ({ ...each, topic })))
  for (const { topic, partition, offset, metadata } of offsets) {
    if (BigInt(offset) < 0n) continue
    const checkpoint = parseCheckpoint(metadata, route)
    if (checkpoint === undefined) {
      throw new Error(
        `group ${route.group} has offsets of ${topic} that are not of a copy from ${route.from} to ${route.to}: choose another group`,
      )
    }
    const other = checkpoints.get(partition)
    if (other === undefined || other.next < checkpoint.next) checkpoints.set(partition, checkpoint)
  }
  return checkpoints
}

/** Whether the metadata of an offset is that of a copy, whatever its topics are. */
export function isCopied(metadata: string | null): boolean {
  const { from, to, next, target } = parsed(metadata)
  return typeof from === 'string' && typeof to === 'string' && isOffset(next) && isOffset(target)
}

function parseCheckpoint(metadata: string | null, route: CopyRoute): Checkpoint | undefined {
  const { from, to, next, target, reached } = parsed(metadata)
  if (from !== route.from || to !== route.to || !isOffset(next) || !isOffset(target)) return undefined
  return {
    ...{ next: BigInt(next), target: BigInt(target) },
    ...(isOffset(reached) && { reached: BigInt(reached) }),
  }
}

function parsed(
  metadata: string | null,
): Partial<Record<'from' | 'to' | 'next' | 'target' | 'reached', unknown>> {
  try {
    const value: unknown = JSON.parse(metadata ?? '')
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

function isOffset(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,19}$/.test(value)
}
