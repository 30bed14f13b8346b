import type { KafkaMessage, Message } from 'kafkajs'
import { deadLetterHeaders } from '../../record/dead-letter.js'
import { headerValues } from '../../record/headers.js'
import type { Bytes } from '../../record/record.js'
import type { Rejection } from '../shared/delivery.js'

const EMPTY = Buffer.alloc(0)
/** What KafkaJS reads where the name of a header is not UTF-8. */
const REPLACEMENT = '\ufffd'

/**
 * A record as KafkaJS read it, and why it is a dead letter. Value, key and headers are the record's; headers of an
 * earlier dead letter are replaced, so that each describes the last time only. The timestamp is that of
 * writing: the writer of the record chose its own, which could make the letter expire at once or be refused.
 */
export function deadLetter(
  { key, value, headers, timestamp }: Pick<KafkaMessage, 'key' | 'value' | 'headers' | 'timestamp'>,
  rejection: Rejection,
): Message {
  const kept: [string, Bytes[]][] = []
  const nullHeaders: string[] = []
  let replacedNames = 0
  for (const [name, given] of Object.entries(headers ?? {})) {
    const values = headerValues(given, name)
    // KafkaJS cannot write a null header: it throws over it.
    if (values.includes(null)) nullHeaders.push(name)
    if (name.includes(REPLACEMENT)) replacedNames++
    kept.push([name, values.map((one) => one ?? EMPTY) as Bytes[]])
  }
  return {
    key,
    value,
    headers: {
      // Not by assignment: a header may be named `__proto__`.
      ...(Object.fromEntries(kept) as Record<string, (Buffer | string)[]>),
      ...deadLetterHeaders({ ...rejection, timestamp, nullHeaders, replacedNames }),
    },
  }
}
