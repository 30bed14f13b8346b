import type { Producer } from '@platformatic/kafka'
import type { Bytes } from '../../record/record.js'
import type { DeadLetter } from '../shared/dead-letter.js'
import type { LetterSender, SendFailure } from '../shared/dead-letter-outbox.js'

/** What the client's errors have, beside those of the language. */
type ClientError = Partial<
  Readonly<Record<'name' | 'code' | 'apiId' | 'canRetry' | 'hasStaleMetadata' | 'cause' | 'errors', unknown>>
>

const ALL_IN_SYNC = -1
const BUGS = new Set(['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'])
const TOO_LARGE = new Set<unknown>(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

/** Sends dead letters with a producer of `@platformatic/kafka`. */
export function letterSender(producer: Producer): LetterSender<DeadLetter> {
  return {
    send: ({ topic, letters, gzip }) =>
      producer.send({
        messages: letters.map((letter) => messageOf(topic, letter)),
        acks: ALL_IN_SYNC,
        compression: gzip ? 'gzip' : 'none',
      }),
    failureOf,
  }
}

function messageOf(
  topic: string,
  { key, value, headers }: DeadLetter,
): Parameters<Producer['send']>[0]['messages'][number] {
  const entries = Object.entries(headers).flatMap(([name, given]) =>
    (Array.isArray(given) ? given : [given]).map((one) => [Buffer.from(name), bytes(one)] as const),
  )
  return {
    topic,
    ...(key === null ? {} : { key: bytes(key) }),
    ...(value === null ? {} : { value }),
    headers: new Map(entries),
  }
}

function bytes(given: Bytes): Buffer {
  return typeof given === 'string' ? Buffer.from(given) : given
}

function failureOf(error: unknown): SendFailure {
  const causes = leaves(error)
  const final = causes.find(isFinal)
  const { name, code, apiId } = final ?? causes[0] ?? {}
  const why = [apiId, code, name].find((one) => typeof one === 'string')
  return {
    why: typeof why === 'string' ? why : typeof error,
    isTransient: final === undefined,
    isTooLarge: causes.some((cause) => TOO_LARGE.has(cause.apiId)),
    lostConnection: causes.some((cause) => cause.code === 'PLT_KFK_NETWORK'),
  }
}

function isFinal({ name, canRetry, hasStaleMetadata }: ClientError): boolean {
  return (canRetry === false && hasStaleMetadata !== true) || BUGS.has(String(name))
}

/** The client collects the errors of brokers and partitions in one. */
function leaves(error: unknown, depth = 0): ClientError[] {
  if (typeof error !== 'object' || error === null || depth > 10) return []
  const one = error as ClientError
  const inner = Array.isArray(one.errors)
    ? (one.errors as unknown[])
    : one.cause === undefined
      ? []
      : [one.cause]
  const found = inner.flatMap((each) => leaves(each, depth + 1))
  return found.length > 0 ? found : [one]
}
