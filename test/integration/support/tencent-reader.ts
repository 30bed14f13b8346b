/**
 * The reading process of a test: runs a decrypting consumer when its parent says so, and reports the messages. Its
 * rights at the KMS are those in its environment, its broker too.
 */
import { Kafka, logLevel } from 'kafkajs'
import { createEncryption, type CmkRef, type EncryptionEvents } from '../../../src/index.js'
import { tencentKms, type TencentKmsOptions } from '../../../src/kms/tencent/index.js'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'

/** How the process is set, as JSON in its first argument. */
export interface ReaderSetup {
  readonly topic: string
  readonly groupId: string
  /** KMS clients by name, without their credentials. */
  readonly kms: Readonly<Record<string, TencentKmsOptions>>
  readonly cmks: readonly CmkRef[]
  readonly acceptPublicKeySealing: boolean
}

/** The messages to its parent. */
export type FromReader =
  | { readonly offset: string; readonly value: string | null }
  | { readonly fatal: EncryptionEvents['consumer.stopped'] }
  | { readonly call: EncryptionEvents['kms.call'] }
  | { readonly failed: string }

const { topic, groupId, kms, cmks, acceptPublicKeySealing } = JSON.parse(process.argv[2] ?? '') as ReaderSetup

function tell(message: FromReader): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

const encryption = await createEncryption({
  kms: Object.fromEntries(
    Object.entries(kms).map(([name, options]) => [
      name,
      tencentKms({ credentials: 'environment', ...options }),
    ]),
  ),
  cmks: { orders: cmks },
  topics: [{ match: [topic], decrypt: { cmk: 'orders', acceptPublicKeySealing } }],
})
encryption.on('consumer.stopped', (fatal) => {
  tell({ fatal })
})
encryption.on('kms.call', (call) => {
  tell({ call })
})
const kafka = new Kafka({
  brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 300 },
})
const consumer = decryptConsumer(kafka.consumer({ groupId, maxWaitTimeInMs: 50 }), encryption)

/** Also again, as a supervisor would after it stopped. */
async function run(): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: ({ message: { offset, value } }) => {
      tell({ offset, value: value?.toString() ?? null })
      return Promise.resolve()
    },
  })
}

async function end(): Promise<void> {
  await consumer.disconnect()
  await encryption.close()
  if (process.connected) process.disconnect()
}

process.on('message', (message) => {
  const done = message === 'run' ? run() : end()
  done.catch((error: unknown) => {
    tell({ failed: String(error) })
  })
})
process.once('disconnect', () => process.exit())
