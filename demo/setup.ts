import { Kafka, logLevel } from 'kafkajs'
import { createEncryption, type Encryption } from '../src/index.js'
import { kmsAt, type KmsPlace } from './kms.js'

/** The topics of one run of the demo. */
export interface DemoTopics {
  /** Its DEKs rotate by messages. */
  readonly orders: string
  /** Its DEKs rotate by bytes. */
  readonly payments: string
  /** Its DEKs rotate by age. */
  readonly audit: string
  /** Each of these gets one bad record. */
  readonly tampered: string
  readonly moved: string
  readonly plaintext: string
}

export function topicsOf(run: string): DemoTopics {
  return {
    orders: `demo.orders.${run}`,
    payments: `demo.payments.${run}`,
    audit: `demo.audit.${run}`,
    tampered: `demo.tampered.${run}`,
    moved: `demo.moved.${run}`,
    plaintext: `demo.plaintext.${run}`,
  }
}

/** The topics that orders go to. */
export function orderTopics({ orders, payments, audit }: DemoTopics): string[] {
  return [orders, payments, audit]
}

/** `silent` is for a consumer that is meant to crash. */
export function demoKafka({ silent = false } = {}): Kafka {
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
  return new Kafka({
    brokers: (process.env['KAFKA_BROKERS'] ?? 'localhost:9092').split(','),
    logLevel: silent ? logLevel.NOTHING : logLevel.ERROR,
    // A new broker has no coordinator yet, a new topic has no leader, and a transaction ends shortly after the broker
    // says so. KafkaJS retries, so its warnings are noise. If retrying does not help, the call itself fails.
    logCreator:
      () =>
      ({ log }) => {
        const { error } = log as { error?: unknown }
        const text = typeof error === 'string' ? `${log.message}: ${error}` : log.message
        if (!/coordinator|concurrent operation|not the leader|does not host/i.test(text))
          console.error(`  KafkaJS: ${text}`)
      },
  })
}

export function demoEncryption(place: KmsPlace, topics: DemoTopics): Promise<Encryption> {
  const { kms, id } = kmsAt(place)
  const cmk = 'orders'
  const encrypt = { cmk } as const
  const decrypt = { cmk } as const
  return createEncryption({
    kms: { demo: kms },
    cmks: { orders: [{ kms: 'demo', id }] },
    topics: [
      { match: [topics.orders], encrypt: { cmk, rotate: { maxMessages: 1000 } }, decrypt },
      {
        match: [topics.payments],
        encrypt: { cmk, rotate: { maxBytes: '1MiB' }, bindHeaders: ['type', 'tag'] },
        decrypt,
      },
      {
        match: [topics.audit],
        encrypt: { cmk, rotate: { maxAge: '1s', allowFrequentRotation: true } },
        decrypt,
      },
      {
        name: 'skipping',
        match: [topics.tampered, topics.plaintext],
        encrypt,
        decrypt: { cmk, onInvalid: 'skip', maxInvalidShare: 1 },
      },
      { name: 'stopping', match: [topics.moved], encrypt, decrypt: { cmk, onInvalid: 'stop' } },
    ],
  })
}
