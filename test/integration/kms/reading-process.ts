/** A process that reads a topic with a provider that may only unwrap, and reports what it gets to its parent. */
import { setTimeout } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { createEncryption } from '../../../src/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'

/** As JSON in the first argument. */
export interface ReadingSetup {
  readonly topic: string
  /** URL of a module that exports `readingKms(options)`, and what it is given. */
  readonly module: string
  readonly options: unknown
  readonly cmkId: string
  readonly acceptPublicKeySealing: boolean
}

export type FromReading = { readonly value: string } | { readonly stopped: string }

const { topic, module, options, cmkId, acceptPublicKeySealing } = JSON.parse(
  process.argv[2] ?? '',
) as ReadingSetup
const { readingKms } = (await import(module)) as { readonly readingKms: (options: unknown) => Kms }

function tell(message: FromReading): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

const encryption = await createEncryption({
  kms: { own: readingKms(options) },
  cmks: { orders: [{ kms: 'own', id: cmkId }] },
  topics: [{ match: [topic], decrypt: { cmk: 'orders', acceptPublicKeySealing } }],
})
encryption.on('consumer.stopped', ({ code }) => {
  tell({ stopped: code ?? 'no code' })
})
const kafka = new Kafka({
  brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
  logLevel: logLevel.NOTHING,
})
const consumer = decryptConsumer(kafka.consumer({ groupId: topic, maxWaitTimeInMs: 50 }), encryption)
process.once('disconnect', () => process.exit())

/** Runs again when its parent says so, as after a stop. */
async function run(): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: ({ message }) => {
      tell({ value: message.value?.toString() ?? '' })
      return Promise.resolve()
    },
  })
}
process.on('message', () => {
  void again()
})

/** KafkaJS may still be closing the connections of the run that stopped, and fail for that. */
async function again(): Promise<void> {
  await run().catch(() => setTimeout(100).then(again))
}
await run()
