import { KafkaJS } from '@confluentinc/kafka-javascript'
import { createEncryption } from 'kafka-envelope'
import { decryptConsumer, encryptKafka, encryptProducer, envelopeOf } from 'kafka-envelope/confluent'

// Each constant has the client's own type.
const encryption = await createEncryption({ kms: {}, cmks: {}, topics: [] })
const plain = new KafkaJS.Kafka({ kafkaJS: { brokers: ['localhost:9092'] } })
const kafka: KafkaJS.Kafka = encryptKafka(plain, encryption)
const producer: KafkaJS.Producer = encryptProducer(plain.producer(), encryption)
const consumer: KafkaJS.Consumer = decryptConsumer(
  plain.consumer({ kafkaJS: { groupId: 'billing' } }),
  encryption,
  { deadLetters: plain.producer(), groupId: 'billing' },
)
const transaction: KafkaJS.Transaction = await producer.transaction()
await transaction.sendOffsets({ consumer, topics: [] })
await kafka.consumer({ kafkaJS: { groupId: 'billing' } }).run({
  eachMessage: async ({ message }) => console.log(envelopeOf(message)?.topic, message.value),
})
// @ts-expect-error it is no producer
encryptProducer({}, encryption)
