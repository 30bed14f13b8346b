/** `kafka-envelope/platformatic`: producers that seal and consumers that open, around those of `@platformatic/kafka`. */
export { encryptProducer, type EncryptOptions } from './producer.js'
export { decryptConsumer, type DecryptOptions } from './consumer.js'
export { envelopeOf, type MessageEnvelope } from '../shared/messages.js'
