import type { Kafka, ProducerConfig } from 'kafkajs'
import type { Encryption } from '../../encryption.js'
import { internalsOf } from '../../record/internals.js'
import { delegate } from '../shared/delegate.js'
import { decryptingConsumer } from './consumer.js'
import { OwnedDeadLetterProducer } from './dead-letter-producer.js'
import { checkGiven } from './given.js'
import { encryptionPartitioner } from './partitioner.js'
import { encryptProducer } from './producer.js'

/**
 * A client whose producers and consumers are all wrapped; otherwise the one given, which is not changed. Where some rule has
 * dead letters, or a handler, each consumer has a producer for them, which connects and disconnects with it.
 *
 * @throws EnvelopeError CONFIG_INVALID where one of them is not what its type says
 */
export function encryptKafka(kafka: Kafka, encryption: Encryption): Kafka {
  checkGiven(kafka, 'kafka', 'encryptKafka')
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
