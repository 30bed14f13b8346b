import type { ErrorCode } from '../errors.js'

/** Why a record became a dead letter, and where it stood. */
export interface DeadLetterReason {
  readonly code: ErrorCode
  readonly topic: string
  readonly partition: number
  /** Kafka offset, decimal. */
  readonly offset: string
  /** Of the record, in ms since 1970, decimal. */
  readonly timestamp: string
  /** The consumer group that rejected it. */
  readonly group: string | undefined
  /** Headers that had a null value, where the client that writes the letter can only write an empty one. */
  readonly nullHeaders: readonly string[]
}

/**
 * The headers that a dead letter has besides the record's own: text, each once. All names start with
 * `kafka-envelope.` and are frozen once released. They are not authenticated.
 */
export function deadLetterHeaders(reason: DeadLetterReason): Record<string, string> {
  const { code, topic, partition, offset, timestamp, group, nullHeaders } = reason
  return {
    'kafka-envelope.error': code,
    'kafka-envelope.topic': topic,
    'kafka-envelope.partition': String(partition),
    'kafka-envelope.offset': offset,
    'kafka-envelope.timestamp': timestamp,
    ...(group === undefined ? {} : { 'kafka-envelope.group': group }),
    ...(nullHeaders.length === 0 ? {} : { 'kafka-envelope.null-headers': JSON.stringify(nullHeaders) }),
  }
}
