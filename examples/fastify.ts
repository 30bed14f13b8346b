// An HTTP service that writes orders and reads them back, with probes and an orderly shutdown on SIGTERM.
import Fastify from 'fastify'
import { Kafka } from 'kafkajs'
import { createEncryption } from 'kafka-envelope'
import { decryptConsumer, encryptProducer } from 'kafka-envelope/kafkajs'
import { localKms } from 'kafka-envelope/kms/local'

const topic = 'fastify.orders'
const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: './dev.keyring' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: [topic], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
})
const kafka = new Kafka({ brokers: [process.env.KAFKA_BROKERS ?? 'localhost:9092'] })
const admin = kafka.admin()
const producer = encryptProducer(kafka.producer(), encryption)
const consumer = decryptConsumer(kafka.consumer({ groupId: 'fastify' }), encryption)
const app = Fastify({ logger: true })
let isReady = false

app.post('/orders', async (request, reply) => {
  await producer.send({ topic, messages: [{ value: JSON.stringify(request.body) }] })
  return reply.code(202).send()
})
// Neither probe asks the KMS. While it is down, this process still holds its keys; a restarted one has none.
app.get('/live', () => ({ status: encryption.health().status }))
app.get('/ready', (_, reply) => reply.code(isReady ? 200 : 503).send())

// Fastify first stops accepting requests and finishes those in progress; then this hook runs.
app.addHook('onClose', async () => {
  await Promise.all([consumer.disconnect(), producer.disconnect()])
  await encryption.close() // last: sends and deliveries in progress need its keys
})
process.once('SIGTERM', () => {
  isReady = false
  void app.close()
})

await Promise.all([admin.connect(), producer.connect(), consumer.connect()])
await admin.createTopics({ topics: [{ topic }] })
await admin.disconnect()
await consumer.subscribe({ topic, fromBeginning: true })
await consumer.run({ eachMessage: async ({ message }) => app.log.info(`read ${String(message.value)}`) })
await app.listen({ port: Number(process.env.PORT ?? 8080) })
isReady = true
