import type { MessageToProduce, Serializers } from '@platformatic/kafka'
import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import { nameOfThrown } from '../../events.js'
import { describe, isBytes, isRecord, located, notARecord, ownCopy, type Bytes } from '../../record/record.js'
import { isNamed, unnamedTopic } from '../../record/topic.js'
import type { SendableBatch } from '../shared/sends.js'

/** A message with any types. */
type Given = MessageToProduce<unknown, unknown, unknown, unknown>

/** Serializers with any types. */
export type AnySerializers = Partial<Serializers<unknown, unknown, unknown, unknown>>

/** A message as bytes, before and after sealing. */
export interface Outgoing {
  readonly key: Bytes | null
  readonly value: Bytes | null
  readonly headers: Readonly<Record<string, (Bytes | null)[]>>
  /** The same headers, in order, with names that are not UTF-8 as they are. */
  readonly entries: readonly (readonly [Buffer, Buffer | undefined])[]
  readonly partition?: number
  readonly timestamp?: bigint | undefined
  /** The message as the application gave it. */
  readonly given: Given
}

/**
 * The messages given to `send`, serialized, by topic: later changes by the caller do not affect them.
 * @throws EnvelopeError INVALID_RECORD. An error of a serializer is only named, since it may quote the value
 */
export function messagesOfSend(messages: unknown, serializers: AnySerializers): SendableBatch<Outgoing>[] {
  if (!Array.isArray(messages))
    throw new EnvelopeError('INVALID_RECORD', `messages is ${describe(messages)}`, {
      remedy: 'Pass a list of messages, each with a topic and a value',
    })
  const byTopic = new Map<string, { records: Outgoing[]; paths: string[] }>()
  for (const [i, given] of (messages as readonly unknown[]).entries()) {
    const path = `messages[${String(i)}]`
    if (!isRecord(given)) throw notARecord(given, path)
    const message = { ...given } as Given
    const topic: unknown = message.topic
    if (!isNamed(topic)) throw unnamedTopic(topic, `${path}.topic`)
    const into = byTopic.get(topic) ?? { records: [], paths: [] }
    byTopic.set(topic, into)
    try {
      into.records.push(serialized(message, serializers))
    } catch (error) {
      throw located(error, topic, path)
    }
    into.paths.push(path)
  }
  return [...byTopic].map(([topic, { records, paths }]) => ({
    topic,
    records,
    pathOf: (index) => paths[index] as string,
  }))
}

function serialized(given: Given, serializers: AnySerializers): Outgoing {
  const { headerKey, headerValue } = serializers
  const givenHeaders = headersOf(given.headers)
  const headers = new Map<string, (Bytes | null)[]>()
  const entries: [Buffer, Buffer | undefined][] = []
  for (const [name, value] of givenHeaders) {
    const nameBytes = bytesOf(
      'header name',
      run('headerKey', () => (headerKey ? headerKey(name, given.metadata) : name)),
    )
    if (nameBytes === null) throw new EnvelopeError('INVALID_RECORD', 'the name of a header is undefined')
    const valueBytes = bytesOf(
      'header',
      run('headerValue', () => (headerValue ? headerValue(value, given.metadata) : value)),
    )
    entries.push([nameBytes, valueBytes ?? undefined])
    const known = headers.get(nameBytes.toString())
    if (known) known.push(valueBytes)
    else headers.set(nameBytes.toString(), [valueBytes])
  }
  const { key, value } = serializers
  const { partition, timestamp } = given
  return {
    key: bytesOf(
      'key',
      run('key', () => (key ? key(given.key, givenHeaders, given) : given.key)),
    ),
    value: valueOf(run('value', () => (value ? value(given.value, givenHeaders, given) : given.value))),
    // Not by assignment: a header may be named `__proto__`.
    headers: Object.fromEntries(headers),
    entries,
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestamp }),
    given,
  }
}

function headersOf(headers: unknown): Map<unknown, unknown> {
  if (headers === undefined || headers === null) return new Map()
  if (headers instanceof Map) return new Map(headers)
  if (typeof headers === 'object' && !Array.isArray(headers)) return new Map(Object.entries(headers))
  throw new EnvelopeError('INVALID_RECORD', `headers is ${describe(headers)}`, {
    remedy: 'Pass headers as a Map or as a plain object',
  })
}

/** @throws EnvelopeError INVALID_RECORD */
function run(name: keyof AnySerializers, serialize: () => unknown): unknown {
  try {
    return serialize()
  } catch (error) {
    if (isEnvelopeError(error)) throw error
    throw new EnvelopeError('INVALID_RECORD', `the serializer \`${name}\` threw ${nameOfThrown(error)}`, {
      remedy: 'Find out why it does not serialize this message; nothing was sent',
    })
  }
}

/** Sealing copies values itself, if they have to wait. */
function valueOf(value: unknown): Bytes | null {
  if (value === undefined || value === null) return null
  if (isBytes(value)) return value
  throw notBytes('value', value)
}

function bytesOf(what: string, value: unknown): Buffer | null {
  if (value === undefined || value === null) return null
  if (!isBytes(value)) throw notBytes(what, value)
  return typeof value === 'string' ? Buffer.from(value) : (ownCopy(value) as Buffer)
}

function notBytes(what: string, value: unknown): EnvelopeError {
  return new EnvelopeError('INVALID_RECORD', `the ${what} is ${describe(value)}`, {
    remedy: `Pass a Buffer, or give encryptProducer a serializer that makes one of it; nothing was sent`,
  })
}
