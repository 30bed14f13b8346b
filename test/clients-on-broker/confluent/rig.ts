import { randomUUID } from 'node:crypto'
import type { ConfluentConsumer, EachBatch, EachMessage } from '../../../src/clients/confluent/client.js'
import { encryptKafka } from '../../../src/clients/confluent/index.js'
import type { DecryptRule, Encryption } from '../../../src/index.js'
import { sealRecords } from '../../../src/record/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { loadConfluent, type ConfluentKafka, type ConfluentProducer } from '../../support/confluent.js'
import { CANARY, emitted } from '../../support/emissions.js'
import { memoryEncryption, type SeenEvent } from '../../support/encryption.js'
import { MemoryKms } from '../../support/memory-kms.js'

/** What a test reads with: an encryption of its own, so that no key is cached when it starts. */
export interface Rig {
  readonly topic: string
  readonly kms: MemoryKms
  readonly encryption: Encryption
  readonly events: SeenEvent[]
  /** Not wrapped. */
  readonly plain: ConfluentKafka
  readonly kafka: ConfluentKafka
  readonly group: string
  /** Writes numbered records, sealed by another encryption; those of `bad` are plaintext. */
  write(partition: number, from: number, to: number, bad?: readonly number[], into?: string): Promise<void>
  /** A connected consumer of the topic; closed with the rig. */
  consumer(config?: Readonly<Record<string, unknown>>, of?: string): Promise<ConfluentConsumer>
  /** A connected producer with transactions. */
  transactional(): Promise<ConfluentProducer>
  /** The committed offsets, by partition. */
  committed(): Promise<string[]>
  end(): Promise<void>
}

/** Records what a user's log would show. */
const logger = {
  ...Object.fromEntries(
    ['info', 'warn', 'error', 'debug'].map((level) => [
      level,
      (message: string) => {
        if (level !== 'debug') emitted('log', { level, message })
      },
    ]),
  ),
  namespace: () => logger,
  setLogLevel: () => undefined,
}

export async function rig(partitions = 1, decrypt: Partial<DecryptRule> = {}, dead?: string): Promise<Rig> {
  const topic = await newTopic('raw.confluent', partitions)
  const kms = new MemoryKms()
  const rules = [
    { match: ['raw.confluent.*'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', ...decrypt } },
    ...(dead === undefined ? [] : [{ match: [dead], passthrough: true as const }]),
  ]
  const writing = await memoryEncryption([{ match: ['raw.confluent.*'], encrypt: { cmk: 'main' } }], { kms })
  const { encryption, events } = await memoryEncryption(rules, { kms, kmsRetries: 0 })
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',')
  const plain = new (loadConfluent().KafkaJS.Kafka)({ kafkaJS: { brokers, logger } })
  const kafka = encryptKafka(plain as never, encryption) as ConfluentKafka
  const writer = plain.producer()
  await writer.connect()
  // That of Confluent's client crashes at times on a broker that has just started.
  const admin = testKafka().admin()
  await admin.connect()
  const group = `group.${randomUUID()}`
  const open: { disconnect(): Promise<void> }[] = []
  return {
    ...{ topic, kms, encryption, events, plain, kafka, group },
    async write(partition, from, to, bad = [], into = topic) {
      const numbers = Array.from({ length: to - from }, (_, i) => from + i)
      const values = numbers.map((n) => `${CANARY} ${String(n)}`)
      const sealed = await sealRecords(
        writing.encryption,
        values.map((value) => ({ topic: into, key: 'k', value })),
      )
      const messages = numbers.map((n, i) => {
        const value = bad.includes(n) ? (values[i] as string) : (sealed[i]?.value ?? null)
        return { key: 'k', value, partition }
      })
      await writer.send({ topic: into, messages })
    },
    async consumer(config = {}, of = topic) {
      const { kafkaJS, ...others } = config as { readonly kafkaJS?: object }
      const consumer = kafka.consumer({
        kafkaJS: { groupId: group, fromBeginning: true, autoCommitInterval: 200, ...kafkaJS },
        ...others,
      }) as unknown as ConfluentConsumer
      await consumer.connect()
      await consumer.subscribe({ topics: [of] })
      open.push(consumer)
      return consumer
    },
    async transactional() {
      for (let attempt = 1; ; attempt++) {
        const producer = kafka.producer({ kafkaJS: { transactionalId: group } })
        try {
          await producer.connect()
          return producer
        } catch (error) {
          // A new broker takes longer for its first transaction than the five seconds that the client waits.
          if (attempt === 3) throw error
        }
      }
    },
    async committed() {
      // A new broker refuses while it loads its first coordinator.
      const [found] = await admin
        .fetchOffsets({ groupId: group, topics: [topic] })
        .catch((error: unknown) => {
          if ((error as { readonly retriable?: boolean }).retriable === true) return []
          throw error
        })
      return Array.from(
        { length: partitions },
        (_, n) => found?.partitions.find(({ partition }) => partition === n)?.offset ?? '-1',
      )
    },
    async end() {
      for (const one of open) await one.disconnect()
      await writer.disconnect()
      await admin.disconnect()
      await encryption.close()
      await writing.encryption.close()
    },
  }
}

/** What a handler got, as partition/number, in order. */
export function collecting(then: (name: string) => Promise<void> | void = () => undefined): {
  got: string[]
  eachMessage: EachMessage
  eachBatch: EachBatch
} {
  const got: string[] = []
  const take = async (partition: number, value: Buffer | null): Promise<void> => {
    const name = `${String(partition)}/${value?.toString().split(' ')[1] ?? 'null'}`
    got.push(name)
    await then(name)
  }
  return {
    got,
    eachMessage: ({ partition, message }) => take(partition, message.value),
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) await take(batch.partition, value)
    },
  }
}

export function names(partition: number, from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `${String(partition)}/${String(from + i)}`)
}

export async function until(condition: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it did not become true')
    await pause(50)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
