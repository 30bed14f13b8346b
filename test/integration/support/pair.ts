import type { Consumer, ConsumerConfig, Kafka, KafkaMessage, Producer, ProducerConfig } from 'kafkajs'
import type { Encryption, EncryptRule, DecryptRule } from '../../../src/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { memoryEncryption, type SeenEvent } from '../../support/encryption.js'
import type { MemoryKms } from '../../support/memory-kms.js'
import {
  decryptConsumer,
  encryptKafka,
  encryptProducer,
  type DecryptOptions,
} from '../../../src/clients/kafkajs/index.js'

/** Where a script runs: on plain KafkaJS or on wrapped clients. The script cannot tell. */
export interface Side {
  readonly name: 'plain' | 'wrapped'
  readonly kafka: Kafka
  readonly topics: readonly [string, string]
  readonly group: string
  producer(config?: ProducerConfig): Promise<Producer>
  consumer(config?: Partial<ConsumerConfig>): Promise<Consumer>
  /** Committed offsets of the group, per topic (0 or 1) and partition. */
  committed(): Promise<string[]>
  end(): Promise<void>
}

/** A delivery, without the members that always differ (timestamps, sizes). */
export interface Delivered {
  readonly topic: number
  readonly partition: number
  readonly offset: string
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string[]>>
}

export function delivered(side: Side, topic: string, partition: number, message: KafkaMessage): Delivered {
  return {
    topic: side.topics.indexOf(topic),
    partition,
    offset: message.offset,
    key: message.key?.toString() ?? null,
    value: message.value?.toString() ?? null,
    headers: Object.fromEntries(
      Object.entries(message.headers ?? {}).map(([name, values]) => [
        name,
        (Array.isArray(values) ? values : [values]).map((value) => value?.toString() ?? ''),
      ]),
    ),
  }
}

/** The result of a script on plain KafkaJS and on wrapped clients. */
export async function onBoth<T>(
  script: (side: Side) => Promise<T>,
  partitions = 1,
): Promise<{ plain: T; wrapped: T }> {
  const results: T[] = []
  for (const name of ['plain', 'wrapped'] as const) {
    const side = await makeSide(name, partitions)
    try {
      results.push(await script(side))
    } finally {
      await side.end()
    }
  }
  const [plain, wrapped] = results as [T, T]
  return { plain, wrapped }
}

async function makeSide(name: Side['name'], partitions: number): Promise<Side> {
  const topics = [
    await newTopic(`law2.${name}.a`, partitions),
    await newTopic(`law2.${name}.b`, partitions),
  ] as const
  const group = `law2.${topics[0]}`
  const made: { disconnect(): Promise<void> }[] = []
  const encryption =
    name === 'wrapped'
      ? (await memoryEncryption([{ match: topics, encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }]))
          .encryption
      : undefined
  const newKafka = (): Kafka =>
    encryption === undefined ? testKafka() : encryptKafka(testKafka(), encryption)
  const kafka = newKafka()
  return {
    name,
    kafka,
    topics,
    group,
    async producer(config) {
      const producer = kafka.producer(config)
      made.push(producer)
      await producer.connect()
      return producer
    },
    async consumer(config) {
      // Consumers of one `Kafka` and group share committed offsets in KafkaJS 2.2.4: one that joins may crash another.
      const consumer = newKafka().consumer({ groupId: group, maxWaitTimeInMs: 50, ...config })
      made.push(consumer)
      await consumer.connect()
      return consumer
    },
    async committed() {
      const admin = kafka.admin()
      await admin.connect()
      const offsets = await admin.fetchOffsets({ groupId: group, topics: [...topics] })
      await admin.disconnect()
      return offsets
        .flatMap(({ topic, partitions }) =>
          partitions.map(
            ({ partition, offset }) => `${String(topics.indexOf(topic))} ${String(partition)} ${offset}`,
          ),
        )
        .sort()
    },
    async end() {
      await Promise.all(made.map((client) => client.disconnect()))
      await encryption?.close()
    },
  }
}

/** An owner on a `MemoryKms` with one rule for one topic, and clients that end with it. */
export interface Fixture {
  readonly topic: string
  readonly kafka: Kafka
  readonly encryption: Encryption
  readonly kms: MemoryKms
  readonly events: SeenEvent[]
  readonly producer: Producer
  /** Writes to the topic without sealing. */
  readonly plain: Producer
  consumer(config?: Partial<ConsumerConfig>, options?: DecryptOptions): Promise<Consumer>
  committed(): Promise<string | undefined>
  highWatermark(): Promise<string | undefined>
  end(): Promise<void>
}

export async function fixture(
  name: string,
  {
    encrypt,
    decrypt,
    ...owner
  }: { encrypt?: Partial<EncryptRule>; decrypt?: Partial<DecryptRule>; kmsRetries?: number } = {},
): Promise<Fixture> {
  const topic = await newTopic(name)
  const newKafka = (): Kafka => testKafka({ retry: { initialRetryTime: 50, maxRetryTime: 300 } })
  const kafka = newKafka()
  const { encryption, kms, events } = await memoryEncryption(
    [{ match: [topic], encrypt: { cmk: 'main', ...encrypt }, decrypt: { cmk: 'main', ...decrypt } }],
    owner,
  )
  const producer = encryptProducer(kafka.producer(), encryption)
  const plain = kafka.producer()
  const admin = kafka.admin()
  const made: { disconnect(): Promise<void> }[] = [producer, plain, admin]
  await Promise.all([producer.connect(), plain.connect(), admin.connect()])
  const groupId = `group.${topic}`
  return {
    topic,
    kafka,
    encryption,
    kms,
    events,
    producer,
    plain,
    async consumer(config, options) {
      const consumer = decryptConsumer(
        // A `Kafka` for each consumer, as in `makeSide`.
        newKafka().consumer({ groupId, maxWaitTimeInMs: 50, ...config }),
        encryption,
        options,
      )
      made.push(consumer)
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      return consumer
    },
    async committed() {
      const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
      return offsets?.partitions[0]?.offset
    },
    async highWatermark() {
      return (await admin.fetchTopicOffsets(topic))[0]?.high
    },
    async end() {
      await Promise.all(made.map((client) => client.disconnect()))
      await encryption.close()
    },
  }
}

/** Resolves once `condition` holds; a wait that fails says for what. */
export async function until(what: string, condition: () => unknown, timeoutMs = 40_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
