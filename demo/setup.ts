import { Kafka, logLevel } from 'kafkajs'
import { createEncryption, type Encryption } from '../src/index.js'
import { localKms } from '../src/kms/local/index.js'

/** The topics of one run of the demo. */
export interface DemoTopics {
  /** DEKs rotate by messages. */
  readonly orders: string
  /** By bytes. */
  readonly payments: string
  /** By age. */
  readonly audit: string
  /** Where bad records are written. */
  readonly refused: string
}

export function topicsOf(run: string): DemoTopics {
  return {
    orders: `demo.orders.${run}`,
    payments: `demo.payments.${run}`,
    audit: `demo.audit.${run}`,
    refused: `demo.refused.${run}`,
  }
}

export function demoKafka(): Kafka {
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
  return new Kafka({
    brokers: (process.env['KAFKA_BROKERS'] ?? 'localhost:9092').split(','),
    logLevel: logLevel.ERROR,
    // A new broker has no coordinator yet, and ends a transaction a moment after it says so: KafkaJS tries
    // again, which is no news.
    logCreator:
      () =>
      ({ log }) => {
        const { error } = log as { error?: unknown }
        const text = typeof error === 'string' ? `${log.message} ${error}` : log.message
        if (!/coordinator|concurrent operation/i.test(text)) console.error(text)
      },
  })
}

export function demoEncryption(keyring: string, topics: DemoTopics): Promise<Encryption> {
  const read = { cmk: 'orders' }
  return createEncryption({
    kms: { dev: localKms({ keyring }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [
      { match: [topics.orders], encrypt: { cmk: 'orders', rotate: { maxMessages: 1000 } }, read },
      {
        match: [topics.payments],
        encrypt: { cmk: 'orders', rotate: { maxBytes: '1MiB' }, bindHeaders: ['type'] },
        read,
      },
      { match: [topics.audit], encrypt: { cmk: 'orders', rotate: { maxAge: '1s' } }, read },
      {
        match: [topics.refused],
        encrypt: { cmk: 'orders' },
        read: { ...read, onInvalid: 'skip', maxInvalidShare: 1 },
      },
    ],
  })
}
