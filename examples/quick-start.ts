// Sends one encrypted record, reads it back, and shows what the broker holds.
import { Kafka } from 'kafkajs'
import { createEncryption } from 'kafka-envelope'
import { decryptConsumer, encryptProducer, envelopeOf } from 'kafka-envelope/kafkajs'
import { localKms } from 'kafka-envelope/kms/local'

const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: './dev.keyring' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
})
const kafka = new Kafka({ brokers: [process.env.KAFKA_BROKERS ?? 'localhost:9092'] })
const admin = kafka.admin()
const producer = encryptProducer(kafka.producer(), encryption)
const consumer = decryptConsumer(kafka.consumer({ groupId: 'billing' }), encryption)
await Promise.all([admin.connect(), producer.connect(), consumer.connect()])

await admin.createTopics({ topics: [{ topic: 'orders' }] })
await producer.send({ topic: 'orders', messages: [{ key: '42', value: '{"total":"19.90 €"}' }] })

await consumer.subscribe({ topic: 'orders', fromBeginning: true })
await new Promise<void>((resolve) => {
  void consumer.run({
    eachMessage: async ({ message }) => {
      console.log(String(message.value), 'sealed under', envelopeOf(message)?.cmkId)
      resolve()
    },
  })
})

// In this order: sends and deliveries in progress still need their keys.
await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()])
await encryption.close()
