import { types } from 'node:util'
import { ownCopy, type Bytes } from '../envelope/bytes.js'
import { EnvelopeError } from '../errors.js'
import { describe, isBytes, type HeaderValue, type RecordHeaders, type SealedRecord } from './record.js'

/**
 * Headers in one of the forms that clients use. Any other form is INVALID_RECORD, because a header that goes unnoticed
 * would be neither authenticated nor sent.
 */
export type GivenHeaders =
  /** A plain object, with one value or a list of values for a name. */
  | RecordHeaders
  /** `[['type', 'created']]`, or a `Map` of the same. */
  | readonly (readonly [name: string, value: Bytes | null])[]
  | ReadonlyMap<string, HeaderValue>
  /**
   * `[{ type: 'created' }]`. The bytes of a value may be numbers, as AWS Lambda gives them: `[{ type: [99, 114] }]`.
   */
  | readonly Readonly<Record<string, Bytes | readonly number[] | null>>[]

/**
 * Headers of any documented form by name, as copies.
 * @throws EnvelopeError INVALID_RECORD
 */
export function readHeaders(given: unknown): RecordHeaders | undefined {
  if (given === undefined || given === null) return undefined
  if (types.isMap(given)) return byName([...given].flatMap(([name, value]) => listed(name, value)))
  if (!Array.isArray(given)) return plainHeaders(given)
  return byName(
    given.flatMap((entry: unknown): [string, unknown][] => {
      if (Array.isArray(entry) && entry.length === 2) return listed(entry[0], bytesOf(entry[1]))
      if (!isPlain(entry)) throw wrong(`a header in the list is ${describe(entry)}`)
      return Object.entries(entry).map(([name, value]) => [name, bytesOf(value)])
    }),
  )
}

/**
 * Headers in a plain object, as copies.
 * @throws EnvelopeError INVALID_RECORD
 */
export function plainHeaders(given: unknown): RecordHeaders {
  if (!isPlain(given)) throw wrong(`headers is ${describe(given)}`)
  const own: Record<string, HeaderValue> = {}
  for (const name of Object.keys(given)) {
    const value = (given as Readonly<Record<string, unknown>>)[name]
    const copy = Array.isArray(value)
      ? headerValues(value, name).map((one) => ownValue(one, name))
      : ownValue(value, name)
    if (isMemberOfAll(name)) define(own, name, copy)
    else own[name] = copy
  }
  return own
}

/** Assigning would not add a member that is named `__proto__`, nor others if a program has frozen those of all objects. */
function define(headers: Record<string, HeaderValue>, name: string, value: HeaderValue): void {
  Object.defineProperty(headers, name, { value, writable: true, enumerable: true, configurable: true })
}

const PLAIN: Readonly<Record<string, unknown>> = {}

/** Whether a name is that of a member of every object, as `constructor` is. */
function isMemberOfAll(name: string): boolean {
  return name in PLAIN
}

/**
 * The values of one header in record order. If a header has the name of a member that every object has, a client that
 * collects headers in a plain object gives that member and then the values. Such a header must not stop a consumer.
 */
export function headerValues(given: unknown, name: string): readonly unknown[] {
  const values: readonly unknown[] = Array.isArray(given) ? given : [given]
  return isMemberOfAll(name) && values[0] === PLAIN[name] ? values.slice(1) : values
}

/** Restores the headers that were written, if a client misread some of them as `headerValues` says. */
export function withHeadersAsWritten<R extends SealedRecord>(
  records: readonly R[],
): readonly (R | SealedRecord)[] {
  if (!records.some(hasMisreadHeader)) return records
  return records.map((record) => ({ ...record, headers: writtenHeaders(record) }))
}

/** Whether a client misread a header as `headerValues` says. */
export function hasMisreadHeader({ headers }: SealedRecord): boolean {
  // Most records have none, and a list of their names takes longer.
  for (const name in headers) if (isMemberOfAll(name)) return true
  return false
}

function writtenHeaders({ headers = {} }: SealedRecord): RecordHeaders {
  // Not by assignment: a header may be named `__proto__`.
  return Object.fromEntries(
    Object.entries(headers).map(([name, given]) => [name, headerValues(given, name)]),
  ) as RecordHeaders
}

/**
 * A copy in the same form, and that by name, so that the headers that are sent are those that are authenticated.
 * @throws EnvelopeError INVALID_RECORD
 */
export function ownHeaders(given: unknown): {
  readonly copy: unknown
  readonly byName: RecordHeaders | undefined
} {
  const isPlainForm = given !== null && given !== undefined && !Array.isArray(given) && !types.isMap(given)
  const copy = isPlainForm ? plainHeaders(given) : copyOfHeaders(given)
  return { copy, byName: isPlainForm ? (copy as RecordHeaders) : readHeaders(copy) }
}

/** A copy in the same form. */
function copyOfHeaders(given: unknown): unknown {
  if (isBytes(given)) return ownCopy(given)
  if (Array.isArray(given)) return given.map(copyOfHeaders)
  if (types.isMap(given)) return new Map([...given].map(([name, value]) => [name, copyOfHeaders(value)]))
  if (!isPlain(given)) return given
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, copyOfHeaders(value)]))
}

/** Whether it is a plain object, of any realm. Data that a class keeps elsewhere would be lost silently. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function listed(name: unknown, value: unknown): [string, unknown][] {
  if (typeof name !== 'string') throw wrong(`the name of a header is ${describe(name)}`)
  return (Array.isArray(value) ? value : [value]).map((one: unknown) => [name, one])
}

/** The bytes of a value that is given as numbers. Those of Lambda are signed. */
function bytesOf(value: unknown): unknown {
  const isList = Array.isArray(value) && value.every((n) => Number.isInteger(n) && n >= -128 && n <= 255)
  return isList ? Buffer.from(value as number[]) : value
}

function byName(entries: readonly (readonly [string, unknown])[]): RecordHeaders {
  const values = new Map<string, (Bytes | null)[]>()
  for (const [name, value] of entries) {
    const before = values.get(name)
    const own = ownValue(value, name)
    if (before) before.push(own)
    else values.set(name, [own])
  }
  return Object.fromEntries(values)
}

function ownValue(value: unknown, name: string): Bytes | null {
  if (value === null) return null
  if (!isBytes(value)) throw wrong(`header ${JSON.stringify(name)} is ${describe(value)}`)
  return ownCopy(value)
}

function wrong(what: string): EnvelopeError {
  return new EnvelopeError('INVALID_RECORD', what, {
    remedy: 'Pass headers as a plain object of names and Buffers or text, or lists of these',
  })
}
