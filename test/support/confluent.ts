import type {
  Admin,
  Consumer,
  EachBatchHandler,
  EachMessageHandler,
  Producer,
  TopicPartition,
  TopicPartitionOffset,
} from 'kafkajs'
import { createRequire } from 'node:module'

/** Confluent's client. `npm run install:confluent` compiles it; the root has no types of it. */
export interface Confluent extends Rdkafka {
  readonly KafkaJS: { readonly Kafka: new (config: Readonly<Record<string, unknown>>) => ConfluentKafka }
}

/** The part of its KafkaJS-compatible API that tests call. */
export interface ConfluentKafka {
  producer(config?: Readonly<Record<string, unknown>>): ConfluentProducer
  consumer(config: Readonly<Record<string, unknown>>): ConfluentConsumer
  admin(): Pick<Admin, 'connect' | 'disconnect' | 'createTopics' | 'fetchOffsets'>
}

export interface ConfluentProducer extends Pick<Producer, 'connect' | 'disconnect' | 'send' | 'sendBatch'> {
  flush(options?: { timeout?: number }): Promise<void>
  transaction(): Promise<ConfluentProducer>
  commit(): Promise<void>
  abort(): Promise<void>
  sendOffsets(offsets: {
    consumer: unknown
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
  }): Promise<void>
}

export interface ConfluentConsumer extends Pick<
  Consumer,
  'connect' | 'disconnect' | 'subscribe' | 'commitOffsets' | 'pause' | 'resume' | 'paused'
> {
  run(config: {
    eachMessage?: EachMessageHandler
    eachBatch?: EachBatchHandler
    eachBatchAutoResolve?: boolean
    partitionsConsumedConcurrently?: number
  }): Promise<void>
  seek(position: TopicPartitionOffset): void
  assignment(): TopicPartition[]
}

/** The part of the API of node-rdkafka that tests call. Confluent's package has it too. */
export interface Rdkafka {
  readonly Producer: new (config: Readonly<Record<string, unknown>>) => RdkafkaProducer
}

export interface RdkafkaProducer {
  connect(options: object, done: (error: Error | null) => void): void
  produce(
    topic: string,
    partition: number | null,
    value: Buffer | null,
    key?: Buffer | string | null,
    timestamp?: number | null,
    opaque?: unknown,
    headers?: readonly Readonly<Record<string, Buffer | string>>[],
  ): void
  flush(timeoutMs: number, done: (error: Error | null) => void): void
  disconnect(done: (error: Error | null) => void): void
}

const load = createRequire(new URL('confluent/package.json', import.meta.url))

/** Why tests with Confluent's client cannot run here; undefined if they can. */
export const whyNoConfluent = whyNo('@confluentinc/kafka-javascript')

/** Why tests with node-rdkafka cannot run here; undefined if they can. */
export const whyNoNodeRdkafka = whyNo('node-rdkafka')

export function loadConfluent(): Confluent {
  return load('@confluentinc/kafka-javascript') as Confluent
}

export function loadNodeRdkafka(): Rdkafka {
  return load('node-rdkafka') as Rdkafka
}

function whyNo(client: string): string | undefined {
  try {
    load(client)
    return undefined
  } catch {
    return `left out: ${client} is not compiled for this Node.js, run npm run install:confluent`
  }
}
