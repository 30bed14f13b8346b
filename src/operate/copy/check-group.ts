import type { Admin } from 'kafkajs'
import { isCopied, type CopyRoute } from './checkpoint.js'

/**
 * Refuses a group that something else uses. KafkaJS gives each member of a group partitions of the topics that one of
 * them reads, so neither of the two would get all that it has to read, and both would wait for it without a word.
 * @throws Error that says what else uses the group
 */
export async function checkGroup(admin: Admin, { from, group }: CopyRoute): Promise<void> {
  const { groups } = await admin.describeGroups([group])
  for (const { protocolType, members } of groups) {
    if (protocolType !== '' && protocolType !== 'consumer')
      throw new Error(`group ${group} is one of ${protocolType}, not of consumers: choose another group`)
    const other = members
      .flatMap(({ memberMetadata }) => topicsOf(memberMetadata))
      .find((topic) => topic !== from)
    if (other !== undefined)
      throw new Error(`group ${group} has a member that reads ${other}: choose another group`)
  }
  // A consumer that is not running now will come back. Earlier copies of other topics do not matter.
  for (const { topic, partitions } of await admin.fetchOffsets({ groupId: group })) {
    if (partitions.some(({ offset, metadata }) => BigInt(offset) >= 0n && !isCopied(metadata)))
      throw new Error(`group ${group} has offsets of ${topic} that are not of a copy: choose another group`)
  }
}

/** The topics in the subscription of a member. A broker leaves it out while the group assigns its partitions anew. */
function topicsOf(memberMetadata: Buffer): string[] {
  const topics: string[] = []
  if (memberMetadata.length < 6) return topics
  let at = 6
  for (let left = memberMetadata.readInt32BE(2); left > 0 && at + 2 <= memberMetadata.length; left--) {
    const end = at + 2 + memberMetadata.readUInt16BE(at)
    topics.push(memberMetadata.toString('utf8', at + 2, end))
    at = end
  }
  return topics
}
