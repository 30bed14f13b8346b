import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { PARTITIONS } from './topic.js'

/** Makes a topic. KafkaJS's own wait for leaders fails if the broker does not know the topic yet. */
export async function createTopic(admin: Admin, topic: string): Promise<void> {
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: false })
  const isLed = async (): Promise<boolean> => (await admin.fetchTopicOffsets(topic)).length === PARTITIONS
  const end = Date.now() + 20_000
  while (!(await isLed().catch(() => false))) {
    if (Date.now() > end) throw new Error(`topic ${topic} has no leaders`)
    await sleep(50)
  }
}
