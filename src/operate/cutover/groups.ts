import type { Admin } from 'kafkajs'
import { groupPositions } from '../topics/group-positions.js'

/** A consumer group that has committed offsets of a topic. */
export interface GroupCutover {
  readonly groupId: string
  /** The offset, decimal, that it reads next in each partition for which it has committed one. */
  readonly next: Readonly<Record<number, string>>
  /** Its members now. Whether they are wrapped, no broker knows. */
  readonly members: readonly { readonly clientId: string; readonly host: string }[]
}

/** The groups of each topic. A group that has committed nothing is not among them. */
export async function groupsOf(
  admin: Admin,
  topics: readonly string[],
): Promise<ReadonlyMap<string, readonly GroupCutover[]>> {
  const positions = await groupPositions(admin, topics)
  const ids = [...new Set(positions.map(({ groupId }) => groupId))]
  const { groups } = ids.length === 0 ? { groups: [] } : await admin.describeGroups(ids)
  const members = new Map(
    groups.map((group) => [
      group.groupId,
      group.members.map(({ clientId, clientHost }) => ({ clientId, host: clientHost.replace(/^\//, '') })),
    ]),
  )
  return new Map(
    topics.map((topic) => [
      topic,
      ids
        .map((groupId) => ({
          groupId,
          next: Object.fromEntries(
            positions
              .filter((each) => each.groupId === groupId && each.topic === topic)
              .map(({ partition, next }) => [partition, String(next)]),
          ),
          members: members.get(groupId) ?? [],
        }))
        .filter(({ next }) => Object.keys(next).length > 0),
    ]),
  )
}
