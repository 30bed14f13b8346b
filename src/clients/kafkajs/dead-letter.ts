import type { KafkaMessage, Message } from 'kafkajs'
import { deadLetterHeaders, OVERRIDE_HEADER } from '../../record/dead-letter.js'
import { headerValues } from '../../record/headers.js'
import type { Bytes } from '../../record/record.js'
import type { Rejection } from '../shared/delivery.js'

const EMPTY = Buffer.alloc(0)
/** The character that KafkaJS reads for bytes of a header name that are not UTF-8. */
const REPLACEMENT = '\ufffd'

/**
 * Makes a dead letter from a record as KafkaJS read it. Value, key and headers are those of the record. Headers of an
 * earlier dead letter are replaced, so that they describe only the last failure. The timestamp is the time of writing:
 * the writer of the record chose that of the record, and could make the letter expire immediately or be refused.
 */
export function deadLetter(
  { key, value, headers, timestamp }: Pick<KafkaMessage, 'key' | 'value' | 'headers' | 'timestamp'>,
  rejection: Rejection,
): Message {
  const kept: [string, Bytes[]][] = []
  const nullHeaders: string[] = []
  let replacedNames = 0
  for (const [name, given] of Object.entries(headers ?? {})) {
    // Most dead letters have none that would replace it.
    if (name === OVERRIDE_HEADER) continue
    const values = headerValues(given, name)
    // KafkaJS throws for a null header.
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
