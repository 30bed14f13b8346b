import { deadLetterHeaders, OVERRIDE_HEADER } from '../../record/dead-letter.js'
import { headerValues } from '../../record/headers.js'
import type { Bytes } from '../../record/record.js'
import type { Rejection } from './delivery.js'
import type { ConsumedRecord } from './part.js'

/** A dead letter to send. None of its headers is null. */
export interface DeadLetter {
  readonly key: Bytes | null
  readonly value: Buffer | null
  readonly headers: Record<string, Bytes | Bytes[]>
}

const EMPTY = Buffer.alloc(0)
/** The character that clients read for bytes of a header name that are not UTF-8. */
const REPLACEMENT = '\ufffd'

/**
 * Makes a dead letter from a record as a client read it. Value, key and headers are those of the record. Headers of an
 * earlier dead letter are replaced, so that they describe only the last failure. The timestamp is the time of writing:
 * the writer of the record chose that of the record, and could make the letter expire immediately or be refused.
 */
export function deadLetter(
  { key, value, headers, timestamp }: Omit<ConsumedRecord, 'offset'>,
  rejection: Rejection,
): DeadLetter {
  const kept: [string, Bytes[]][] = []
  const nullHeaders: string[] = []
  let replacedNames = 0
  for (const [name, given] of Object.entries(headers ?? {})) {
    // Most dead letters have none that would replace it.
    if (name === OVERRIDE_HEADER) continue
    const values = headerValues(given, name)
    // Clients throw for a null header.
    if (values.includes(null)) nullHeaders.push(name)
    if (name.includes(REPLACEMENT)) replacedNames++
    kept.push([name, values.map((one) => one ?? EMPTY) as Bytes[]])
  }
  return {
    key: key ?? null,
    value,
    headers: {
      // Not by assignment: a header may be named `__proto__`.
      ...Object.fromEntries(kept),
      ...deadLetterHeaders({ ...rejection, timestamp, nullHeaders, replacedNames }),
    },
  }
}
