import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Admin } from 'kafkajs'

/** The largest batch that any part sends, in plain and sealed. */
export const MAX_BATCH_BYTES = 90 * 2 ** 20

export function benchKafka(): Kafka {
  const brokers = process.env['KAFKA_BROKERS']
  if (!brokers) throw new Error('KAFKA_BROKERS is not set: `npm run bench` provides a broker')
  return new Kafka({ clientId: 'bench', brokers: brokers.split(','), logLevel: logLevel.NOTHING })
}

/** Runs `use` with new topics of one partition, named after `names`, and deletes them. */
export async function withTopics<T>(
  names: readonly string[],
  use: (topicOf: (name: string) => string) => Promise<T>,
): Promise<T> {
  const run = randomUUID().slice(0, 8)
  const topicOf = (name: string): string => `bench.${run}.${name}`
  const topics = names.map(topicOf)
  const admin = benchKafka().admin()
  await admin.connect()
  try {
    const configEntries = [
      { name: 'max.message.bytes', value: String(MAX_BATCH_BYTES) },
      // Large topics leave the disk at once.
      { name: 'file.delete.delay.ms', value: '0' },
    ]
    await admin.createTopics({
      topics: topics.map((topic) => ({ topic, configEntries })),
      waitForLeaders: false,
    })
    for (const topic of topics) await led(admin, topic)
    const result = await use(topicOf)
    await admin.deleteTopics({ topics })
    return result
  } finally {
    await admin.disconnect()
  }
}

/** KafkaJS's own wait for leaders fails where the broker does not know a new topic yet. */
async function led(admin: Admin, topic: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const offsets = await admin.fetchTopicOffsets(topic).catch(() => [])
    if (offsets.length > 0) return
    if (attempt === 500) throw new Error(`topic ${topic} has no leader`)
    await sleep(20)
  }
}
