import { randomUUID } from 'node:crypto'
import { Kafka, logLevel, type Admin, type KafkaConfig } from 'kafkajs'
import { emitted } from './emissions.js'

/** A KafkaJS client on the broker that `npm test` provides; its log lines are recorded for the aftermath. */
export function testKafka(config: Partial<KafkaConfig> = {}): Kafka {
  const brokers = process.env['KAFKA_BROKERS']
  if (!brokers) throw new Error('KAFKA_BROKERS is not set: run `npm test`, which provides a broker')
  return new Kafka({
    brokers: brokers.split(','),
    logLevel: logLevel.DEBUG,
    logCreator: () => (entry) => {
      // Debug entries of the protocol hold requests; what counts is what a user's log would show.
      if (entry.level <= logLevel.INFO) emitted('log', entry)
    },
    ...config,
  })
}

/** Resolves once every partition of a topic has a leader that answers: the metadata may be ahead of the leaders. */
async function led(admin: Admin, topic: string, partitions: number): Promise<void> {
  const isLed = async (): Promise<boolean> => (await admin.fetchTopicOffsets(topic)).length === partitions
  const end = Date.now() + 20_000
  while (!(await isLed().catch(() => false))) {
    if (Date.now() > end) throw new Error(`topic ${topic} has no leaders`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A new topic. Names that start with `raw.` hold envelopes that a test copied or changed on purpose. */
export async function newTopic(name: string, numPartitions = 1): Promise<string> {
  const topic = `${name}.${randomUUID().slice(0, 8)}`
  await createTopic(topic, numPartitions)
  return topic
}

/** Creates a topic, and waits until it can be used. */
export async function createTopic(topic: string, numPartitions = 1): Promise<void> {
  const admin = testKafka().admin()
  await admin.connect()
  try {
    // KafkaJS's own wait for leaders fails if the broker does not know the topic yet.
    await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: false })
    await led(admin, topic, numPartitions)
  } finally {
    await admin.disconnect()
  }
}

/** Deletes topics, and waits until they are gone, because the next test may create them again. */
export async function removeTopics(topics: string[]): Promise<void> {
  const admin = testKafka().admin()
  await admin.connect()
  await admin.deleteTopics({ topics })
  while ((await admin.listTopics()).some((topic) => topics.includes(topic))) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await admin.disconnect()
}
