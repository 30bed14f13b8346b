import type { KafkaMessage, Message } from 'kafkajs'
import { deadLetterHeaders, type DeadLetterReason } from '../../record/dead-letter.js'
import { headerValues, type Bytes } from '../../record/record.js'

const EMPTY = Buffer.alloc(0)

/**
 * A record as it came, and why it is a dead letter. Value, key and headers are the record's; headers of an
 * earlier dead letter are replaced, so that each tells of the last time only. The timestamp is that of
 * writing: whoever wrote the record chose its own, which could make the letter expire at once or be refused.
 */
export function deadLetter(
  { key, value, headers }: KafkaMessage,
  reason: Omit<DeadLetterReason, 'nullHeaders'>,
): Message {
  const kept: [string, Bytes[]][] = []
  const nullHeaders: string[] = []
  for (const [name, given] of Object.entries(headers ?? {})) {
    const values = headerValues(given, name)
    // KafkaJS cannot write a null header: it throws over it.
    if (values.includes(null)) nullHeaders.push(name)
    kept.push([name, values.map((one) => one ?? EMPTY) as Bytes[]])
  }
  return {
    key,
    value,
    headers: {
      // Not by assignment: a header may be named `__proto__`.
      ...(Object.fromEntries(kept) as Record<string, (Buffer | string)[]>),
      ...deadLetterHeaders({ ...reason, nullHeaders }),
    },
  }
}
