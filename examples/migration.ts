// Moves a topic from plaintext to envelopes without stopping it. Each step is one deployment.
import { Kafka } from 'kafkajs'
import { createEncryption } from 'kafka-envelope'
import { decryptConsumer, encryptProducer } from 'kafka-envelope/kafkajs'
import { localKms } from 'kafka-envelope/kms/local'

const topic = 'migration.users'
const kafka = new Kafka({ brokers: [process.env.KAFKA_BROKERS ?? 'localhost:9092'] })
const admin = kafka.admin()
const plain = kafka.producer()
await Promise.all([admin.connect(), plain.connect()])
await admin.createTopics({ topics: [{ topic }] })
await plain.send({ topic, messages: [{ value: 'written before the migration' }] })
await plain.disconnect()

/** Accepts plaintext before these offsets, one for each partition. */
const encryptionWith = (untilOffsets: Record<number, string>) =>
  createEncryption({
    kms: { dev: localKms({ keyring: './dev.keyring' }) },
    cmks: { users: [{ kms: 'dev', id: 'orders' }] },
    topics: [
      {
        match: [topic],
        encrypt: { cmk: 'users' },
        decrypt: { cmk: 'users', plaintext: { untilOffsets: { [topic]: untilOffsets } } },
      },
    ],
  })

// 1. Consumers first, with the largest possible offset: they open envelopes, and accept plaintext everywhere.
const during = await encryptionWith({ 0: '9223372036854775807' })

// 2. Then the producers, one after the other: they seal.
const producer = encryptProducer(kafka.producer(), during)
await producer.connect()
await producer.send({ topic, messages: [{ value: 'written after the migration' }] })
await producer.disconnect()
await during.close()

// 3. No producer writes plaintext any longer, so it ends at these offsets. Deploy consumers with them.
const ends = await admin.fetchTopicOffsets(topic)
const untilOffsets = Object.fromEntries(ends.map(({ partition, high }) => [partition, high]))
console.log('untilOffsets:', JSON.stringify(untilOffsets))
const after = await encryptionWith(untilOffsets)
const consumer = decryptConsumer(kafka.consumer({ groupId: 'migration' }), after)
await consumer.connect()
await consumer.subscribe({ topic, fromBeginning: true })
await new Promise<void>((resolve) => {
  const eachMessage = async ({ message }: { message: { value: Buffer | null } }) => {
    console.log(String(message.value))
    if (String(message.value).includes('after')) resolve()
  }
  void consumer.run({ eachMessage })
})

// 4. Once retention has removed the plaintext, delete `plaintext` from the rule.
await Promise.all([admin.disconnect(), consumer.disconnect()])
await after.close()
