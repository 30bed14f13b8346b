// Not the global, which is a getter: its cost shows where it is called for each record.
import { Buffer } from 'node:buffer'
import { types } from 'node:util'
import { byteLength, isTransferred, type Bytes } from '../envelope/bytes.js'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../errors.js'

export { byteLength, ownCopy, type Bytes } from '../envelope/bytes.js'
export { hasEnvelopePrefix } from '../envelope/formats.js'

/** Headers of a record: one value for a name, or several in record order. */
export type RecordHeaders = Readonly<Record<string, HeaderValue | undefined>>
export type HeaderValue = Bytes | null | readonly (Bytes | null)[]

/** The members of a record that sealing and opening use; other members pass unchanged. */
export interface RecordParts {
  readonly key?: Bytes | null | undefined
  readonly headers?: RecordHeaders | undefined
}

/** A record before sealing. `null` is a tombstone. */
export interface PlainRecord extends RecordParts {
  readonly value: Bytes | null
}

/** A record as read. */
export interface SealedRecord extends RecordParts {
  readonly value: Buffer | null
  /** Kafka offset, decimal; only a rule that still allows plaintext needs it. */
  readonly offset?: string | undefined
}

/** The source of a batch. */
export interface Source {
  readonly topic: string
  readonly partition?: number
}

/** The data that was authenticated with a value that opened. */
export interface EnvelopeInfo {
  /** Present only if a handler replaced the value (`ReplacedValue`). */
  readonly replaced?: undefined
  /** The provider name on the wire, which says how the DEK was wrapped. */
  readonly provider: string
  /** The CMK that opened it. */
  readonly cmkId: string
  /** 32 hex digits. */
  readonly sessionId: string
  /** The topic that the record was sealed for. */
  readonly topic: string
  readonly keyBound: boolean
  readonly boundHeaders: readonly string[]
  readonly context: Readonly<Record<string, string>>
  readonly suite: number
  readonly compression: 'none' | 'gzip' | 'zstd' | 'deflate-dictionary'
  /** The SHA-256 of the dictionary that it was compressed with, 64 hex digits; undefined if there was none. */
  readonly dictionary: string | undefined
}

/** The value of a record that opened. */
export interface OpenedValue {
  readonly value: Buffer | null
  /** Undefined if the record was not sealed. */
  readonly envelope: EnvelopeInfo | undefined
}

/** The outcome of a record: its value, or why there is none. A failure never becomes null. */
export type OpenedRecord =
  | (OpenedValue & { readonly error?: undefined })
  | { readonly error: EnvelopeError; readonly value?: undefined }

/** Nothing was authenticated: the record did not open, and a handler replaced its value. */
export type ReplacedValue = {
  /** Why the record did not open. */
  readonly replaced: ErrorCode
} & Readonly<Partial<Record<Exclude<keyof EnvelopeInfo, 'replaced'>, undefined>>>

/**
 * Whether `value` has a type whose bytes a client sends unchanged. For other types it might send something else, such
 * as the result of `toString`.
 */
export function isBytes(value: unknown): value is Bytes {
  return typeof value === 'string' || (Buffer.isBuffer(value) && types.isUint8Array(value) && isSound(value))
}

/** Whether its bytes exist, and are as many as it says. Native code that reads beyond them would end the process. */
function isSound(bytes: Buffer): boolean {
  const length = byteLength(bytes)
  return bytes.length === length && bytes.byteLength === length && (length > 0 || !isTransferred(bytes))
}

/** @throws EnvelopeError INVALID_RECORD */
export function checkedValue({ value }: PlainRecord): Bytes | null {
  if (value === null || isBytes(value)) return value
  throw new EnvelopeError('INVALID_RECORD', `the value is ${describe(value)}`)
}

/** The same error, with the place of its record in the arguments of the call. */
export function located(error: unknown, topic: string, path: string): unknown {
  return isEnvelopeError(error) ? error.at({ topic, path }) : error
}

/** The key as it is bound; null if there is none. */
export function boundKey({ key }: RecordParts): Bytes | null {
  if (key === undefined || key === null) return null
  if (isBytes(key)) return key
  throw new EnvelopeError('INVALID_RECORD', `a key is ${describe(key)}`)
}

/** The values of each bound header in record order; an absent header has none. */
export function boundHeaderValues(
  { headers }: RecordParts,
  names: readonly string[],
): (readonly (Bytes | null)[])[] {
  return names.map((name) => {
    if (headers === undefined || !Object.hasOwn(headers, name)) return []
    const given: unknown = headers[name]
    const values: readonly unknown[] = Array.isArray(given) ? given : [given]
    const wrong = values.findIndex((v) => v !== null && !isBytes(v))
    if (wrong >= 0)
      throw new EnvelopeError(
        'INVALID_RECORD',
        `bound header ${JSON.stringify(name)} is ${describe(values[wrong])}`,
      )
    return values as (Bytes | null)[]
  })
}

/**
 * An offset as a number. `BigInt` alone would read '' as 0, and '-1' as below every bound.
 * @throws EnvelopeError INVALID_RECORD if it is not a decimal number
 */
export function offsetNumber(offset: unknown): bigint {
  if (typeof offset === 'string' && /^\d{1,19}$/.test(offset)) return BigInt(offset)
  throw new EnvelopeError(
    'INVALID_RECORD',
    `an offset is ${typeof offset === 'string' ? 'not a decimal number' : describe(offset)}`,
    { remedy: 'Pass offsets as decimal text, a bigint or a safe integer' },
  )
}

/**
 * An offset as decimal text, from the forms that clients use: text, a bigint, or a safe integer.
 * @throws EnvelopeError INVALID_RECORD
 */
export function offsetText(offset: unknown): string {
  // The form that clients use. A BigInt takes far longer.
  if (typeof offset === 'string' && /^(?:0|[1-9]\d{0,18})$/.test(offset)) return offset
  const isExact = typeof offset === 'bigint' || Number.isSafeInteger(offset)
  return offsetNumber(isExact ? String(offset) : offset).toString()
}

export function isRecord(record: unknown): record is object {
  return typeof record === 'object' && record !== null
}

/** INVALID_RECORD for a value that is not a record. */
export function notARecord(given: unknown, path: string): EnvelopeError {
  return new EnvelopeError('INVALID_RECORD', `${path} is ${describe(given)}`, {
    remedy: 'Pass a list of records, each an object with a value',
  })
}

/** Names the type, never the content. */
export function describe(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (value === null) return 'null'
  if (typeof value !== 'object') return `a ${typeof value}`
  if (Array.isArray(value)) return 'a list'
  if (types.isMap(value)) return 'a Map'
  if (!types.isUint8Array(value)) return 'an object'
  if (!Buffer.isBuffer(value)) return 'a Uint8Array that is not a Buffer'
  if (isTransferred(value)) return 'a Buffer whose memory was transferred'
  return isSound(value) ? 'a Buffer' : 'a Buffer that misstates its length'
}
