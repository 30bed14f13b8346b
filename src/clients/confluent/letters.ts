import type { LetterSender, SendFailure } from '../shared/dead-letter-outbox.js'
import { checkDeadLetterProducer } from '../shared/check-dead-letters.js'
import { keepingEmpty } from './empty.js'
import type { ConfluentKafka, ConfluentProducer, Message } from './client.js'

/** Sends the dead letters of a consumer. */
export type LetterProducer = Pick<ConfluentProducer, 'connect' | 'disconnect' | 'send'>

/**
 * The application's own producer, which the application connects and disconnects.
 * @throws EnvelopeError CONFIG_INVALID if it is not a producer, or would seal the letters again
 */
export function givenLetterProducer(producer: Pick<ConfluentProducer, 'send'>): LetterProducer {
  checkDeadLetterProducer(producer, 'Confluent')
  return {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    send: (record) => producer.send(record),
  }
}

/**
 * A producer that belongs to a consumer. Acknowledgements and compression belong to a producer in this client, not to a
 * send; the client sends a batch without compression if that is smaller.
 */
export function ownedLetterProducer(kafka: ConfluentKafka): LetterProducer {
  return kafka.producer({
    'request.required.acks': -1,
    'compression.codec': 'gzip',
    // The broker judges the compressed batch, the client the record before compression.
    'message.max.bytes': 2 ** 28,
  })
}

export function letterSender(producer: LetterProducer): LetterSender<Message> {
  return {
    // Copies: the client changes the messages that it is given.
    send: ({ topic, letters }) => producer.send({ topic, messages: letters.map(keepingEmpty) }),
    failureOf,
  }
}

/** Errors of a broker that the same send meets again. The client names them by numbers. */
const REFUSALS: Readonly<Record<number, string>> = {
  10: 'MSG_SIZE_TOO_LARGE',
  17: 'TOPIC_EXCEPTION',
  18: 'RECORD_LIST_TOO_LARGE',
  21: 'INVALID_REQUIRED_ACKS',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  32: 'INVALID_TIMESTAMP',
  43: 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  44: 'POLICY_VIOLATION',
  53: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  87: 'INVALID_RECORD',
}
const TOO_LARGE = new Set([10, 18])
/** Errors of a program. */
const BUGS = new Set(['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'])

function failureOf(error: unknown): SendFailure {
  const { name, code } = (error ?? {}) as Partial<Readonly<Record<'name' | 'code', unknown>>>
  const number = typeof code === 'number' ? code : 0
  const known = REFUSALS[number]
  const called = typeof name === 'string' ? name : typeof error
  return {
    why: known ?? (number === 0 ? called : `${called} ${String(number)}`),
    isTransient: known === undefined && !BUGS.has(called),
    isTooLarge: TOO_LARGE.has(number),
    // The client does not send requests above its limit.
    lostConnection: false,
  }
}
