/** `kafka-envelope/kafkajs`: producers that seal and consumers that open, around those of KafkaJS. */
export { encryptKafka } from './kafka.js'
export { encryptProducer } from './producer.js'
export { encryptionPartitioner } from './partitioner.js'
export { decryptConsumer, type DecryptOptions } from './consumer.js'
export { envelopeOf, type MessageEnvelope } from '../shared/messages.js'
