import type { PartitionFeed } from './partition-feed.js'
import type { RawMessage } from './raw-message.js'

/** A committed record. */
export interface CommittedRecord {
  readonly topic: string
  readonly partition: number
  readonly message: RawMessage
}

/** Enough that a KMS is asked for the keys of many records at once, and little enough to hold. */
const MAX_RECORDS = 500
const MAX_BYTES = 2 ** 20

/**
 * Takes the next records: of the partition whose first record is the oldest, as far as the first record of each partition
 * is known. Records of one partition stay in the order of their offsets. Of the same age, those of lower partitions come
 * first.
 */
export function takeOldest(feeds: readonly PartitionFeed[]): CommittedRecord[] {
  const taken: CommittedRecord[] = []
  for (let bytes = 0; taken.length < MAX_RECORDS && bytes < MAX_BYTES;) {
    if (feeds.some(({ waits }) => waits)) break
    const feed = oldest(feeds)
    if (feed?.first === undefined) break
    const { topic, partition, first: message } = feed
    taken.push({ topic, partition, message })
    bytes += message.value?.length ?? 0
    feed.shift()
  }
  return taken
}

function oldest(feeds: readonly PartitionFeed[]): PartitionFeed | undefined {
  let found: PartitionFeed | undefined
  let age = Infinity
  for (const feed of feeds) {
    const time = feed.first === undefined ? Infinity : Number(feed.first.timestamp)
    if (time >= age) continue
    found = feed
    age = time
  }
  return found
}
