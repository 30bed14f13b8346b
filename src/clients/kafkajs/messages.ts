import type { KafkaMessage } from 'kafkajs'
import type { SealedMessage } from '../../config/rejection.js'
import { headerValues, isMemberOfAll } from '../../record/headers.js'
import type { RecordHeaders, SealedRecord, Source } from '../../record/record.js'
import type { Part } from '../shared/part.js'
import { ENVELOPE, type MessageEnvelope } from './envelope-of.js'

/**
 * Messages with the headers that were written. KafkaJS collects headers in a plain object, and so reads one named like a
 * member of every object as that member and the values.
 */
export function asWritten(messages: readonly KafkaMessage[]): readonly SealedRecord[] {
  if (!messages.some(hasMisreadHeader)) return messages
  return messages.map((message) => ({ ...message, headers: writtenHeaders(message) }))
}

function hasMisreadHeader({ headers }: KafkaMessage): boolean {
  return headers !== undefined && Object.keys(headers).some(isMemberOfAll)
}

function writtenHeaders({ headers = {} }: KafkaMessage): RecordHeaders {
  // Not by assignment: a header may be named `__proto__`.
  return Object.fromEntries(
    Object.entries(headers).map(([name, given]) => [name, headerValues(given, name)]),
  ) as RecordHeaders
}

/** What the application gets. A copy: runtime messages carry more members than their type has. */
export function messageOf(one: Part<KafkaMessage>['delivered'][number]): KafkaMessage {
  const delivered = one.action === 'deliver'
  const { value } = delivered ? one : one.action
  const envelope = delivered ? one.envelope : { replaced: one.error.code }
  const message: KafkaMessage & { [ENVELOPE]?: MessageEnvelope } = { ...one.record, value }
  if (envelope !== undefined) message[ENVELOPE] = envelope
  return message
}

/** What a handler gets of a message that did not open. Copies: what it does to them must not change a dead letter. */
export function sealedMessage(
  source: Required<Source>,
  { offset, timestamp, key, headers, value }: KafkaMessage,
): SealedMessage {
  const copies = Object.entries(headers ?? {}).map(([name, given]) => [
    name,
    Array.isArray(given) ? given.map(copyOf) : copyOf(given),
  ])
  return {
    ...source,
    offset,
    timestamp,
    key: copyOf(key),
    headers: Object.fromEntries(copies) as SealedMessage['headers'],
    value: copyOf(value),
  }
}

function copyOf<T>(content: T): T | Buffer {
  return Buffer.isBuffer(content) ? Buffer.from(content) : content
}
