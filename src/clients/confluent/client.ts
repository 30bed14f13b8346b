/*
 * The parts of `@confluentinc/kafka-javascript` that this entry uses, so that it needs neither the package nor its types.
 * The client's own types match these.
 */

export interface Message {
  readonly key?: Buffer | string | null
  readonly value: Buffer | string | null
  readonly partition?: number
  readonly headers?: Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>
  readonly timestamp?: string
}

export interface TopicMessages {
  readonly topic: string
  readonly messages: Message[]
}

export interface RecordMetadata {
  readonly topicName: string
  readonly partition: number
  readonly errorCode: number
}

/** A producer of the KafkaJS-compatible API, which is also each of its transactions. */
export interface ConfluentProducer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  send(record: TopicMessages): Promise<RecordMetadata[]>
  sendBatch(batch: { topicMessages?: TopicMessages[] }): Promise<RecordMetadata[]>
  flush(args?: { timeout?: number }): Promise<void>
  transaction(): Promise<ConfluentProducer>
  commit(): Promise<void>
  abort(): Promise<void>
}

export interface KafkaMessage {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: string
  readonly offset: string
  readonly headers?: Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>
  readonly leaderEpoch?: number
}

export interface Batch {
  readonly topic: string
  readonly partition: number
  readonly highWatermark: string
  messages: KafkaMessage[]
  isEmpty(): boolean
  firstOffset(): string | null
  lastOffset(): string
  offsetLag(): string
}

export interface EachMessagePayload {
  readonly topic: string
  readonly partition: number
  readonly message: KafkaMessage
  heartbeat(): Promise<void>
  pause(): () => void
}

export interface EachBatchPayload {
  readonly batch: Batch
  resolveOffset(offset: string, leaderEpoch?: number): void
  heartbeat(): Promise<void>
  pause(): () => void
  commitOffsetsIfNecessary(): Promise<void>
  isRunning(): boolean
  isStale(): boolean
}

export interface RunConfig {
  readonly eachBatchAutoResolve?: boolean
  readonly partitionsConsumedConcurrently?: number
  eachMessage?(payload: EachMessagePayload): Promise<void>
  eachBatch?(payload: EachBatchPayload): Promise<void>
}

export type EachBatch = NonNullable<RunConfig['eachBatch']>
export type EachMessage = NonNullable<RunConfig['eachMessage']>

export interface PausedTopic {
  readonly topic: string
  readonly partitions?: number[]
}

export interface Subscription {
  readonly topic?: string | RegExp
  readonly topics?: (string | RegExp)[]
}

/** A consumer of the KafkaJS-compatible API. */
export interface ConfluentConsumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(subscription: Subscription): Promise<void>
  run(config?: RunConfig): Promise<void>
  seek(to: { topic: string; partition: number; offset: string }): void
  pause(topics: PausedTopic[]): unknown
  paused(): { topic: string; partitions: number[] }[]
  resume(topics: PausedTopic[]): void
  assignment(): { topic: string; partition: number }[]
}

/** The class that makes producers and consumers. */
export interface ConfluentKafka {
  producer(config?: object): ConfluentProducer
  consumer(config: object): ConfluentConsumer
}
