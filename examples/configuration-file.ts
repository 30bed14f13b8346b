// Reads the rules from kafka-envelope.yaml. Only the KMS clients, which are objects, stay in code.
import { Kafka } from 'kafkajs'
import { createEncryption, isEnvelopeError } from 'kafka-envelope'
import { loadConfig } from 'kafka-envelope/config-file'
import { encryptProducer } from 'kafka-envelope/kafkajs'
import { localKms } from 'kafka-envelope/kms/local'

const kms = { dev: localKms({ keyring: './dev.keyring' }) }
const env = { ...process.env, ORDERS_CMK: process.env.ORDERS_CMK ?? 'orders' }
const config = await loadConfig('./kafka-envelope.yaml', { kms, env }).catch((error: unknown) => {
  if (!isEnvelopeError(error) || error.code !== 'CONFIG_INVALID') throw error
  // Every mistake in the file, each with its place.
  for (const { line, path, message } of error.issues) console.error(`${String(line)}: ${path}: ${message}`)
  process.exit(1)
})
const encryption = await createEncryption(config)
await encryption.verify() // fails at start, not at the first record, if a KMS or a permission is missing

const kafka = new Kafka({ brokers: [process.env.KAFKA_BROKERS ?? 'localhost:9092'] })
const admin = kafka.admin()
const producer = encryptProducer(kafka.producer(), encryption)
await Promise.all([admin.connect(), producer.connect()])
await admin.createTopics({ topics: [{ topic: 'file.orders' }, { topic: 'metrics' }] })

await producer.send({ topic: 'file.orders', messages: [{ value: 'encrypted: a rule says so' }] })
await producer.send({ topic: 'metrics', messages: [{ value: 'plain: a rule says so' }] })
await producer.send({ topic: 'other', messages: [{ value: 'never sent' }] }).catch((error: unknown) => {
  console.log('topic other:', isEnvelopeError(error) ? error.code : error)
})

await Promise.all([admin.disconnect(), producer.disconnect()])
await encryption.close()
