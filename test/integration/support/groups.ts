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
