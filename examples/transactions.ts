// Reads orders, writes one invoice per order and commits the offset, all in one transaction.
// For several processes, and to survive crashes: "Exactly once" in docs/recipes.md.
import { Kafka } from 'kafkajs'
import { createEncryption } from 'kafka-envelope'
import { encryptKafka } from 'kafka-envelope/kafkajs'
import { localKms } from 'kafka-envelope/kms/local'

const cmk = 'orders'
const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: './dev.keyring' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: ['tx.orders', 'tx.invoices'], encrypt: { cmk }, decrypt: { cmk } }],
})
// Wraps every producer and consumer that is made from this client.
const kafka = encryptKafka(
  new Kafka({ brokers: [process.env.KAFKA_BROKERS ?? 'localhost:9092'] }),
  encryption,
)
const groupId = 'invoicing'
const producer = kafka.producer({ transactionalId: 'invoicing-1', idempotent: true, maxInFlightRequests: 1 })
const consumer = kafka.consumer({ groupId })
const admin = kafka.admin()
await Promise.all([admin.connect(), producer.connect(), consumer.connect()])
await admin.createTopics({ topics: [{ topic: 'tx.orders' }, { topic: 'tx.invoices' }] })

await producer.send({ topic: 'tx.orders', messages: [{ key: '42', value: '{"total":"19.90 €"}' }] })
await consumer.subscribe({ topic: 'tx.orders', fromBeginning: true })
await new Promise<void>((resolve) => {
  void consumer.run({
    autoCommit: false, // the transaction commits the offset
    eachMessage: async ({ topic, partition, message }) => {
      const transaction = await producer.transaction()
      try {
        const value = JSON.stringify({ invoice: JSON.parse(String(message.value)) })
        await transaction.send({ topic: 'tx.invoices', messages: [{ key: message.key, value }] })
        const offset = (BigInt(message.offset) + 1n).toString()
        await transaction.sendOffsets({
          consumerGroupId: groupId,
          topics: [{ topic, partitions: [{ partition, offset }] }],
        })
        await transaction.commit()
      } catch (error) {
        await transaction.abort()
        throw error
      }
      console.log('committed up to offset', message.offset)
      resolve()
    },
  })
})

await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()])
await encryption.close()
