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
