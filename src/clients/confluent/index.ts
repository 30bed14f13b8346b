/** `kafka-envelope/confluent`: producers that seal, around those of Confluent's client. */
export { encryptProducer } from './producer.js'
export type { ConfluentProducer } from './client.js'
