import type { Encryption } from '../../encryption.js'
import { internalsOf } from '../../record/internals.js'
import { delegate } from '../shared/delegate.js'
import { checkGiven } from '../shared/given.js'
import type { ConfluentKafka } from './client.js'
import { decryptingConsumer } from './consumer.js'
import { ownedLetterProducer } from './letters.js'
import { encryptProducer } from './producer.js'

const EXPECTED = {
  what: "an instance of the Kafka class of Confluent's client",
  methods: ['producer', 'consumer'],
} as const

/**
 * Wraps a client, without changing it: all producers and consumers of the returned client are wrapped. If a rule has a
 * dead-letter topic or a handler, each consumer gets its own producer for dead letters, which connects and disconnects
 * with it.
 *
 * @throws EnvelopeError CONFIG_INVALID if an argument does not match its type
 */
export function encryptKafka<K extends ConfluentKafka>(kafka: K, encryption: Encryption): K {
  checkGiven(kafka, EXPECTED, 'encryptKafka(kafka, …)')
  const inner: ConfluentKafka = kafka
  const internals = internalsOf(encryption, 'encryptKafka')
  const own: Partial<ConfluentKafka> = {
    producer: (config) => encryptProducer(inner.producer(config), encryption),
    consumer: (config) =>
      decryptingConsumer(inner.consumer(config), {
        ...internals,
        deadLetters: internals.rules.mayHaveDeadLetters ? ownedLetterProducer(inner) : undefined,
        groupId: groupOf(config),
      }),
  }
  return delegate<ConfluentKafka>(kafka, own) as K
}

/** The configuration has either form, and may be missing: the client's own configuration may name the group. */
function groupOf(config: object | undefined): string | undefined {
  const { kafkaJS, 'group.id': id = kafkaJS?.groupId } = (config ?? {}) as {
    readonly kafkaJS?: { readonly groupId?: unknown }
    readonly 'group.id'?: unknown
  }
  return typeof id === 'string' ? id : undefined
}
