import { testKafka } from '../../support/broker.js'
import { until } from './pair.js'

/**
 * Resolves once the broker serves groups: the first use of one creates the topic for offsets, and KafkaJS
 * retries neither `fetchOffsets` nor `sendOffsets` meanwhile.
 */
export async function groupsReady(): Promise<void> {
  const admin = testKafka().admin()
  await admin.connect()
  await until('the group coordinator', () =>
    admin.fetchOffsets({ groupId: 'groups-ready' }).then(
      () => true,
      () => false,
    ),
  )
  await admin.disconnect()
}

/** Lets a consumer group stand at an offset of each partition. `setOffsets` of KafkaJS takes five seconds. */
export async function commitOffsets(
  groupId: string,
  topic: string,
  offsets: readonly string[],
): Promise<void> {
  const consumer = testKafka().consumer({ groupId, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  const fetching = new Promise((resolve) => consumer.on(consumer.events.FETCH_START, resolve))
  await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() })
  // Before, KafkaJS commits nothing and says nothing.
  await fetching
  await consumer.commitOffsets(offsets.map((offset, partition) => ({ topic, partition, offset })))
  await consumer.disconnect()
}
