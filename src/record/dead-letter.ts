import type { ErrorCode } from '../errors.js'

/** Why a record became a dead letter, and where it was. */
export interface DeadLetterReason {
  readonly code: ErrorCode
  readonly topic: string
  readonly partition: number
  /** Kafka offset, decimal. */
  readonly offset: string
  /** The timestamp of the record, in ms since 1970, decimal. Records of message format 0 have none. */
  readonly timestamp?: string | undefined
  /** The consumer group that rejected it. */
  readonly group: string | undefined
  /** Names of headers with a null value, if the client that writes the letter can only write an empty one. */
  readonly nullHeaders?: readonly string[]
  /** How many names of headers were not UTF-8, if the client that read the record replaced those bytes. */
  readonly replacedNames?: number
  /** Whether an override decided it, and not the rule. */
  readonly override?: boolean
}

export const OVERRIDE_HEADER = 'kafka-envelope.override'

const MAX_GROUP_BYTES = 128
const MAX_NULL_HEADERS_BYTES = 208

/**
 * The headers that a dead letter has besides the record's own: text, each once, together at most 1 KiB in a record
 * batch, for any record. All names start with `kafka-envelope.` and are frozen once released. They are not
 * authenticated.
 */
export function deadLetterHeaders(reason: DeadLetterReason): Record<string, string> {
  const {
    code,
    topic,
    partition,
    offset,
    timestamp,
    group,
    nullHeaders = [],
    replacedNames = 0,
    override = false,
  } = reason
  const { names, omitted } = fitting(nullHeaders)
  return {
    'kafka-envelope.error': code,
    'kafka-envelope.topic': topic,
    'kafka-envelope.partition': String(partition),
    'kafka-envelope.offset': offset,
    ...(timestamp === undefined ? {} : { 'kafka-envelope.timestamp': timestamp }),
    ...(group === undefined ? {} : { 'kafka-envelope.group': cut(group) }),
    ...(nullHeaders.length === 0 ? {} : { 'kafka-envelope.null-headers': JSON.stringify(names) }),
    ...(omitted === 0 ? {} : { 'kafka-envelope.null-headers-omitted': String(omitted) }),
    ...(replacedNames === 0 ? {} : { 'kafka-envelope.replaced-names': String(replacedNames) }),
    ...(override ? { [OVERRIDE_HEADER]: 'true' } : {}),
  }
}

/** The names that fit, in order, and the number of those that do not. */
function fitting(all: readonly string[]): { names: string[]; omitted: number } {
  const names: string[] = []
  let bytes = 2
  for (const name of all) {
    const size = Buffer.byteLength(JSON.stringify(name)) + 1
    if (bytes + size > MAX_NULL_HEADERS_BYTES) continue
    bytes += size
    names.push(name)
  }
  return { names, omitted: all.length - names.length }
}

/** Cuts a name to at most `MAX_GROUP_BYTES` of UTF-8; a name that was cut ends with `…`. */
function cut(group: string): string {
  if (Buffer.byteLength(group) <= MAX_GROUP_BYTES) return group
  let kept = ''
  let bytes = Buffer.byteLength('…')
  for (const character of group) {
    bytes += Buffer.byteLength(character)
    if (bytes > MAX_GROUP_BYTES) break
    kept += character
  }
  return `${kept}…`
}
