import type { CompressionTypes, Message, ProducerRecord } from 'kafkajs'
import type { LetterSender, SendFailure } from '../shared/dead-letter-outbox.js'
import type { DeadLetterProducer } from './dead-letter-producer.js'

/** The one codec that KafkaJS has built in. */
const GZIP = 1 as unknown as CompressionTypes.GZIP
/** What KafkaJS too takes for a bug rather than for a transient fault. */
const BUGS = new Set(['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'])

/** Sends dead letters by a producer of KafkaJS. */
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

/** As KafkaJS does: the error that it gives up with says that it gave up, its cause why. */
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
