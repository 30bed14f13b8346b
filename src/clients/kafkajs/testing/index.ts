/** `kafka-envelope/kafkajs/testing`: replaces Kafka in tests of an application that uses KafkaJS. */
export { memoryConsumer, type MemoryConsumer } from './memory-consumer.js'
export { sealedMessages, type SealedMessagesOptions } from './sealed-messages.js'
