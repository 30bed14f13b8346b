import type { KafkaMessage } from 'kafkajs'
import type { EncryptionEvents } from '../../events.js'
import type { DeadLetterPolicy, Replacement, SealedMessage } from '../../config/rejection.js'
import type { Decision, Delivered, Rejected } from '../../record/decide.js'
import type { Source } from '../../record/opener.js'
import { ENVELOPE, type MessageEnvelope } from './envelope-of.js'

type DeadLetter = Rejected<KafkaMessage, DeadLetterPolicy>
type Replaced = Rejected<KafkaMessage, Replacement>

export function isDeadLetter(one: Decision<KafkaMessage>): one is DeadLetter {
  return typeof one.action === 'object' && 'deadLetter' in one.action
}

/** Whether the application gets a message. */
export function isDelivered(one: Decision<KafkaMessage>): one is Delivered<KafkaMessage> | Replaced {
  return one.action === 'deliver' || (typeof one.action === 'object' && 'value' in one.action)
}

/** A decision by its name in `record.rejected`. */
export function actionName({
  action,
}: Rejected<KafkaMessage>): EncryptionEvents['record.rejected']['action'] {
  if (typeof action === 'string') return action
  return 'deadLetter' in action ? 'deadLetter' : 'replace'
}

/** What the application gets. A copy: runtime messages carry more members than their type has. */
export function messageOf(one: Delivered<KafkaMessage> | Replaced): KafkaMessage {
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
