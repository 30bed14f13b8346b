// A record that does not open goes to a separate topic, and the consumer goes on with the next record.
import { Kafka } from 'kafkajs'
import { createEncryption } from 'kafka-envelope'
import { decryptConsumer, encryptProducer } from 'kafka-envelope/kafkajs'
import { localKms } from 'kafka-envelope/kms/local'

const cmk = 'orders'
const deadLetter = { deadLetter: 'dl.orders.dead' } as const
const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: './dev.keyring' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [
    {
      match: ['dl.orders'],
      encrypt: { cmk },
      decrypt: { cmk, onInvalid: deadLetter, onUnreadable: deadLetter },
    },
    // To read the dead letters later: they were sealed for the original topic.
    { match: ['dl.orders.dead'], decrypt: { cmk, originalTopics: ['dl.orders'] } },
  ],
})
encryption.on('record.rejected', ({ code, offset, action }) => {
  console.log(`offset ${offset ?? '?'}: ${code}, ${action}`)
})

const kafka = new Kafka({ brokers: [process.env.KAFKA_BROKERS ?? 'localhost:9092'] })
const admin = kafka.admin()
const plain = kafka.producer() // not wrapped: dead letters are sent unchanged
const producer = encryptProducer(kafka.producer(), encryption)
const consumer = decryptConsumer(kafka.consumer({ groupId: 'billing' }), encryption, { deadLetters: plain })
await Promise.all([admin.connect(), plain.connect(), producer.connect(), consumer.connect()])
await admin.createTopics({ topics: [{ topic: 'dl.orders' }, { topic: 'dl.orders.dead' }] })

// Someone writes plaintext to the encrypted topic; a genuine order follows.
await plain.send({ topic: 'dl.orders', messages: [{ key: '41', value: '{"total":"0.01 €"}' }] })
await producer.send({ topic: 'dl.orders', messages: [{ key: '42', value: '{"total":"19.90 €"}' }] })

await consumer.subscribe({ topic: 'dl.orders', fromBeginning: true })
await new Promise<void>((resolve) => {
  void consumer.run({
    eachMessage: async ({ message }) => {
      console.log('delivered', String(message.value))
      resolve()
    },
  })
})

// The producer of dead letters comes last: the consumer may still need it.
await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()])
await plain.disconnect()
await encryption.close()
