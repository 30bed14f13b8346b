import * as v from 'valibot'
import type { RecordParts, OpenedRecord } from '../../src/record/record.js'

export const hex = v.pipe(v.string(), v.toLowerCase(), v.regex(/^([0-9a-f]{2})*$/))

/** The members of every kind of vector. */
export const recordMembers = {
  name: v.string(),
  topic: v.string(),
  key: v.nullable(hex),
  headers: v.array(v.tuple([v.string(), v.nullable(hex)])),
  plaintext: v.nullable(hex),
  error: v.nullable(v.string()),
}

/** The record of a vector. */
interface VectorRecord {
  readonly key: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

/** The result of a vector: a plaintext in hex (null for a tombstone), or a code. */
export interface Outcome {
  readonly plaintext: string | null
  readonly error: string | null
}

export function outcomeOf(opened: OpenedRecord | undefined): Outcome {
  return opened?.error === undefined
    ? { plaintext: opened?.value?.toString('hex') ?? null, error: null }
    : { plaintext: null, error: opened.error.code }
}

/** Key and headers as a Kafka client returns them. */
export function partsOf({ key, headers }: VectorRecord): Required<RecordParts> {
  const byName = Object.create(null) as Record<string, (Buffer | null)[]>
  for (const [name, value] of headers) {
    ;(byName[name] ??= []).push(value === null ? null : Buffer.from(value, 'hex'))
  }
  return { key: key === null ? null : Buffer.from(key, 'hex'), headers: byName }
}
