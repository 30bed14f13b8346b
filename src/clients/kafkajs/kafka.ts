import type { Kafka, ProducerConfig } from 'kafkajs'
import type { Encryption } from '../../encryption.js'
import { internalsOf } from '../../record/internals.js'
import { delegate } from '../shared/delegate.js'
import { checkGiven } from '../shared/given.js'
import { decryptingConsumer } from './consumer.js'
import { OwnedDeadLetterProducer } from './dead-letter-producer.js'
import { encryptionPartitioner } from './partitioner.js'
import { encryptProducer } from './producer.js'

const EXPECTED = { what: "an instance of KafkaJS's Kafka class", methods: ['producer', 'consumer'] } as const

/**
 * Wraps a KafkaJS client, without changing it: all producers and consumers of the returned client are wrapped. If a rule
 * has a dead-letter topic or a handler, each consumer gets its own producer for dead letters, which connects and
 * disconnects with it.
 *
 * @throws EnvelopeError CONFIG_INVALID if an argument does not match its type
 */
export function encryptKafka(kafka: Kafka, encryption: Encryption): Kafka {
  checkGiven(kafka, EXPECTED, 'encryptKafka(kafka, …)')
  const internals = internalsOf(encryption, 'encryptKafka')
  const withPartitioner = (config?: ProducerConfig): ProducerConfig | undefined =>
    config?.createPartitioner
      ? { ...config, createPartitioner: encryptionPartitioner(config.createPartitioner, encryption) }
      : config
  return delegate(kafka, {
    producer: (config) => encryptProducer(kafka.producer(withPartitioner(config)), encryption),
    consumer: (config) =>
      decryptingConsumer(kafka.consumer(config), {
        ...internals,
        deadLetters: internals.rules.mayHaveDeadLetters ? new OwnedDeadLetterProducer(kafka) : undefined,
      }),
  })
}
