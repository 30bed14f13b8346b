import type { KafkaMessage } from 'kafkajs'
import { ENVELOPE, messageOf } from '../shared/messages.js'
import type { DeliveredValue } from '../shared/part.js'

/** A message as KafkaJS reads it from a record batch, with the members that its type leaves out. */
type ReadMessage = KafkaMessage & {
  readonly magicByte: unknown
  readonly isControlRecord: unknown
  readonly batchContext: unknown
}
const MEMBERS = 9

/**
 * The message for the application, as `messageOf` gives it. Known members are copied one by one: V8 takes several times
 * as long to spread them into an object that has the envelope.
 */
export function openedMessage(record: KafkaMessage, delivered: DeliveredValue): KafkaMessage {
  const { value, envelope } = delivered
  if (envelope === undefined || !isFromRecordBatch(record)) return messageOf(record, delivered)
  const { magicByte, attributes, timestamp, offset, key, headers, isControlRecord, batchContext } = record
  const opened = {
    magicByte,
    attributes,
    timestamp,
    offset,
    key,
    value,
    headers,
    isControlRecord,
    batchContext,
    [ENVELOPE]: envelope,
  }
  return opened as KafkaMessage
}

/** Whether it has these members and no others. KafkaJS has no symbols, and to look for them takes longer than the copy. */
function isFromRecordBatch(message: KafkaMessage): message is ReadMessage {
  if (!('batchContext' in message)) return false
  let members = 0
  // A list of their names takes longer than the copy.
  for (const _ in message) members++
  return members === MEMBERS
}
