import { readHeaders } from '../../record/headers.js'
import { byteLength, offsetText, type Bytes, type RecordHeaders } from '../../record/record.js'
import type { InspectedRecord } from './inspected-record.js'

/** The parts of a record beside its value. Keys and values of headers are not shown, only how long they are. */
export interface RecordDescription {
  readonly topic?: string
  readonly partition?: number
  /** Decimal. */
  readonly offset?: string
  /** ISO 8601, UTC. */
  readonly timestamp?: string
  /** Null if there is no key. */
  readonly key: { readonly bytes: number } | null
  readonly headers: readonly RecordHeaderDescription[]
  /** Why and where a consumer rejected the record, if it is a dead letter: its headers, without `kafka-envelope.`. */
  readonly deadLetter?: Readonly<Record<string, string>>
}

/** All headers with one name. */
export interface RecordHeaderDescription {
  readonly name: string
  /** The length of each value, in record order; null for a null value. */
  readonly bytes: readonly (number | null)[]
}

const DEAD_LETTER = 'kafka-envelope.'
/** A header of a dead letter is shorter; that of anything else may have any length. */
const SHOWN_BYTES = 256

/** @throws EnvelopeError INVALID_RECORD for headers or an offset in a form that no client has */
export function describeRecord(record: InspectedRecord): RecordDescription {
  const { topic, partition, offset, timestamp, key } = record
  const headers = readHeaders(record.headers) ?? {}
  const time = timestamp === undefined ? undefined : timeOf(timestamp)
  const deadLetter = deadLetterOf(headers)
  return {
    ...(topic !== undefined && { topic }),
    ...(partition !== undefined && { partition }),
    ...(offset !== undefined && { offset: offsetText(offset) }),
    ...(time !== undefined && { timestamp: time }),
    key: key === undefined || key === null ? null : { bytes: byteLength(key) },
    headers: Object.keys(headers).map((name) => ({
      name,
      bytes: valuesOf(headers, name).map((value) => (value === null ? null : byteLength(value))),
    })),
    ...(deadLetter && { deadLetter }),
  }
}

function timeOf(timestamp: string): string | undefined {
  const date = new Date(Number(timestamp))
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

function deadLetterOf(headers: RecordHeaders): Record<string, string> | undefined {
  if (!Object.hasOwn(headers, `${DEAD_LETTER}error`)) return undefined
  const own = Object.keys(headers).filter((name) => name.startsWith(DEAD_LETTER))
  return Object.fromEntries(
    own.map((name) => [name.slice(DEAD_LETTER.length), shortText(valuesOf(headers, name)[0])]),
  )
}

function shortText(value: Bytes | null | undefined): string {
  return Buffer.from(value ?? '')
    .subarray(0, SHOWN_BYTES)
    .toString()
}

function valuesOf(headers: RecordHeaders, name: string): readonly (Bytes | null)[] {
  const given = headers[name]
  if (given === undefined) return []
  return typeof given === 'object' && given !== null && !Buffer.isBuffer(given) ? given : [given]
}
