/** `kafka-envelope/confluent`: producers that seal and consumers that open, around those of Confluent's client. */
export { encryptKafka } from './kafka.js'
export { encryptProducer } from './producer.js'
export { decryptConsumer, type DecryptOptions } from './consumer.js'
export { envelopeOf, type MessageEnvelope } from '../shared/messages.js'
export type { ConfluentConsumer, ConfluentKafka, ConfluentProducer } from './client.js'
