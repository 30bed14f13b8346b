import type { CompressionTypes, Message, ProducerRecord } from 'kafkajs'
import type { LetterSender, SendFailure } from '../shared/dead-letter-outbox.js'
import type { DeadLetterProducer } from './dead-letter-producer.js'

/** The only codec that is built into KafkaJS. */
const GZIP = 1 as unknown as CompressionTypes.GZIP
/** Errors that KafkaJS too considers a bug rather than a transient fault. */
const BUGS = new Set(['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'])

/** Sends dead letters with a KafkaJS producer. */
export function letterSender(producer: DeadLetterProducer): LetterSender<Message> {
  return {
    send({ topic, letters, gzip }) {
      const record: ProducerRecord = { topic, messages: [...letters], acks: -1 }
      return producer.send(gzip ? { ...record, compression: GZIP } : record)
    },
    failureOf,
  }
}

function failureOf(error: unknown): SendFailure {
  const { name, type, code, retriable } = deepestCause(error)
  const why = typeof type === 'string' ? type : typeof name === 'string' ? name : typeof error
  return {
    why,
    isTransient: retriable !== false && !BUGS.has(why),
    isTooLarge: why === 'MESSAGE_TOO_LARGE' || why === 'RECORD_LIST_TOO_LARGE',
    lostConnection: name === 'KafkaJSConnectionClosedError' || code === 'EPIPE' || code === 'ECONNRESET',
  }
}

/** Follows KafkaJS: its last error says that it gave up, and the cause of that error says why. */
function deepestCause(
  error: unknown,
): Partial<Readonly<Record<'name' | 'type' | 'code' | 'retriable', unknown>>> {
  let at = isObject(error) ? error : {}
  for (let depth = 0; depth < 10; depth++) {
    const { cause } = at as { readonly cause?: unknown }
    if (!isObject(cause)) break
    at = cause
  }
  return at
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
