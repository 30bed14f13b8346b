import type { Admin, Kafka } from 'kafkajs'

/** As KafkaJS calls them, in bytes. */
export interface FetchLimits {
  readonly maxBytesPerPartition: number
  readonly maxBytes: number
}

/** Whether a transaction is committed is known with its marker: the more a fetch returns, the fewer have to be looked for. */
const PARTITION_BYTES = 4 * 1024 * 1024
const MARKER_BYTES = 1024 * 1024
/** The default of KafkaJS. */
const FETCH_BYTES = 10 * 1024 * 1024

/** Limits with which a fetch returns the largest record batch that one of the topics takes, and markers behind it. */
export async function fetchLimits(kafka: Kafka, topics: readonly string[]): Promise<FetchLimits> {
  const maxBytesPerPartition = Math.max(PARTITION_BYTES, (await largestBatch(kafka, topics)) + MARKER_BYTES)
  return { maxBytesPerPartition, maxBytes: Math.max(FETCH_BYTES, 2 * maxBytesPerPartition) }
}

/** Zero if this user may not see the configuration of the topics. */
async function largestBatch(kafka: Kafka, topics: readonly string[]): Promise<number> {
  const admin = kafka.admin()
  // `ConfigResourceTypes.TOPIC` of KafkaJS, which is not loaded here.
  const resources = topics.map((name) => ({ type: 2, name, configNames: ['max.message.bytes'] }))
  const query: unknown = { includeSynonyms: false, resources }
  await admin.connect()
  try {
    const found = await admin.describeConfigs(query as Parameters<Admin['describeConfigs']>[0])
    return Math.max(...found.resources.map(({ configEntries }) => Number(configEntries[0]?.configValue ?? 0)))
  } catch {
    return 0
  } finally {
    await admin.disconnect()
  }
}
