import type { Admin, Kafka } from 'kafkajs'

/** As KafkaJS calls them, in bytes. */
export interface FetchLimits {
  readonly maxBytesPerPartition: number
  readonly maxBytes: number
}

/** Whether a transaction is committed is known with its marker: the more a fetch returns, the fewer have to be looked for. */
export const PARTITION_BYTES = 4 * 1024 * 1024
const MARKER_BYTES = 1024 * 1024
const DEFAULT_BATCH_BYTES = 1024 * 1024 + 12
/** The default of KafkaJS. */
const FETCH_BYTES = 10 * 1024 * 1024

/**
 * Limits with which a fetch returns the largest record batch that one of the topics takes, and markers behind it.
 * @param partitionBytes how much of a partition it returns besides
 */
export async function fetchLimits(
  kafka: Kafka,
  topics: readonly string[],
  partitionBytes = PARTITION_BYTES,
): Promise<FetchLimits> {
  const maxBytesPerPartition = Math.max(partitionBytes, (await largestBatch(kafka, topics)) + MARKER_BYTES)
  return { maxBytesPerPartition, maxBytes: Math.max(FETCH_BYTES, 2 * maxBytesPerPartition) }
}

/** The default of brokers if this user may not see the configuration of the topics. */
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
    return DEFAULT_BATCH_BYTES
  } finally {
    await admin.disconnect()
  }
}
