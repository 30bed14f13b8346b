import { EnvelopeError } from '../../errors.js'
import { plainHeaders } from '../../record/headers.js'
import {
  describe,
  isBytes,
  isRecord,
  located,
  notARecord,
  ownCopy,
  type RecordHeaders,
} from '../../record/record.js'
import { isNamed, unnamedTopic } from '../../record/topic.js'
import type { SendableRecord } from './split-to-fit.js'

/** The messages of one topic as they were at the call: later changes by the caller do not affect them. */
export interface MessagesAtCall<M extends SendableRecord> {
  readonly topic: string
  readonly records: readonly M[]
  /** Where a message is in the arguments of the call. */
  pathOf(index: number): string
}

/** One entry of the caller's arguments. */
interface Entry {
  readonly topic?: unknown
  readonly messages?: unknown
}

/**
 * The messages given to `send`.
 * @throws EnvelopeError INVALID_RECORD. A client might quote a message without a value in its error text, plaintext
 * included
 */
export function messagesOfSend<M extends SendableRecord>(
  { topic, messages }: Entry,
  keepValues: boolean,
): MessagesAtCall<M> {
  if (!isNamed(topic)) throw unnamedTopic(topic, 'topic')
  return {
    topic,
    records: messagesAtCall(topic, messages, 'messages', keepValues),
    pathOf: (index) => `messages[${String(index)}]`,
  }
}

/**
 * The messages given to `sendBatch`, merged by topic.
 * @throws EnvelopeError INVALID_RECORD
 */
export function messagesOfBatch<M extends SendableRecord>(
  entries: unknown,
  keepValues: boolean,
): MessagesAtCall<M>[] {
  if (!Array.isArray(entries))
    throw new EnvelopeError('INVALID_RECORD', `topicMessages is ${describe(entries)}`, {
      remedy: 'Pass a list of { topic, messages }',
    })
  const merged = new Map<string, { records: M[]; paths: string[] }>()
  for (const [i, entry] of (entries as readonly (Entry | null | undefined)[]).entries()) {
    const at = `topicMessages[${String(i)}]`
    const { topic, messages } = entry ?? {}
    if (!isNamed(topic)) throw unnamedTopic(topic, `${at}.topic`)
    const own = messagesAtCall<M>(topic, messages, `${at}.messages`, keepValues)
    const into = merged.get(topic) ?? { records: [], paths: [] }
    merged.set(topic, into)
    for (const [n, message] of own.entries()) {
      into.records.push(message)
      into.paths.push(`${at}.messages[${String(n)}]`)
    }
  }
  return [...merged].map(([topic, { records, paths }]) => ({
    topic,
    records,
    pathOf: (index) => paths[index] as string,
  }))
}

function messagesAtCall<M extends SendableRecord>(
  topic: string,
  messages: unknown,
  path: string,
  keepValues: boolean,
): M[] {
  if (!Array.isArray(messages))
    throw new EnvelopeError('INVALID_RECORD', `${path} is ${describe(messages)}`, {
      position: { topic },
      remedy: 'Pass a list of messages, each with a value',
    })
  const own: M[] = []
  for (let i = 0; i < messages.length; i++) {
    const message: unknown = messages[i]
    if (!isRecord(message)) throw notARecord(message, `${path}[${String(i)}]`)
    try {
      own.push(messageAtCall(message, keepValues) as M)
    } catch (error) {
      throw located(error, topic, `${path}[${String(i)}]`)
    }
  }
  return own
}

function messageAtCall(given: object, keepValues: boolean): SendableRecord {
  const message = { ...given } as { -readonly [Member in keyof SendableRecord]: SendableRecord[Member] }
  if (isBytes(message.key)) message.key = ownCopy(message.key)
  if (keepValues && isBytes(message.value)) message.value = ownCopy(message.value)
  const headers: unknown = message.headers
  if (headers === null) delete message.headers
  else if (headers !== undefined) message.headers = sendableHeaders(plainHeaders(headers))
  return message
}

/** Clients throw a plain TypeError for a null header, or send something else. */
function sendableHeaders(headers: RecordHeaders): RecordHeaders {
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value === null || (Array.isArray(value) && value.includes(null)))
      throw new EnvelopeError('INVALID_RECORD', `header ${JSON.stringify(name)} is null`, {
        remedy: 'Leave the header out or make it empty: clients cannot send null headers',
      })
  }
  return headers
}
