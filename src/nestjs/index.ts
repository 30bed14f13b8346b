/** `kafka-envelope/nestjs`: the Kafka transport of NestJS 11 and 12, with sealed requests, events, replies and errors. */
export { SealedServerKafka } from './server.js'
export { SealedClientKafka } from './client.js'
export type { SealedKafkaOptions } from './options.js'
export { ENCRYPTION, EncryptionModule, type EncryptionModuleOptions } from './module.js'
export { envelopeOf, type MessageEnvelope } from '../clients/kafkajs/index.js'
