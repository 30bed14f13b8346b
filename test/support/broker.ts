import { randomUUID } from 'node:crypto'
import { Kafka, logLevel, type KafkaConfig } from 'kafkajs'
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

/** A new topic. Names that start with `raw.` hold envelopes that a test copied or changed on purpose. */
export async function newTopic(name: string, numPartitions = 1): Promise<string> {
  const topic = `${name}.${randomUUID().slice(0, 8)}`
  const admin = testKafka().admin()
  await admin.connect()
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true })
  } finally {
    await admin.disconnect()
  }
  return topic
}
