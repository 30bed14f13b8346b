import { types } from 'node:util'
import { byteLength, type Bytes, type PlainRecord } from './record.js'

/**
 * The overhead of a record batch (Kafka protocol, "Record Batch"): 61 bytes, and at most this much for each record in
 * addition to its content.
 */
export const BATCH_OVERHEAD = 61
const RECORD_OVERHEAD = 36
const HEADER_OVERHEAD = 10

/** An upper bound for the bytes of a batch. */
export function batchBytes(records: readonly PlainRecord[]): number {
  let bytes = BATCH_OVERHEAD
  for (const record of records) bytes += recordBytes(record)
  return bytes
}

/** An upper bound for the bytes of a record in a batch. */
export function recordBytes({ key, value, headers }: PlainRecord): number {
  let bytes = RECORD_OVERHEAD + contentBytes(key) + contentBytes(value)
  if (headers === undefined) return bytes
  for (const name of Object.keys(headers)) {
    const values = headers[name]
    const overhead = HEADER_OVERHEAD + Buffer.byteLength(name)
    if (!Array.isArray(values)) bytes += overhead + contentBytes(values)
    else for (const one of values) bytes += overhead + contentBytes(one)
  }
  return bytes
}

/** The bytes of a key, value or header; none if it has none. */
export function contentBytes(content: unknown): number {
  // Whether a buffer is sound was checked before, where that matters.
  return typeof content === 'string' || types.isUint8Array(content) ? byteLength(content as Bytes) : 0
}
