import type { CompressionTypes, Message, ProducerRecord } from 'kafkajs'
import { EnvelopeError } from '../../errors.js'
import type { DeadLetterProducer } from './dead-letter-producer.js'
import { BATCH_OVERHEAD, recordBytes } from './split.js'

/** Letters that go out in one request, compressed by the one codec that KafkaJS has built in, or not. */
export interface Letters {
  readonly topic: string
  readonly messages: readonly Message[]
  readonly gzip: boolean
}

/** What became of a send that failed. */
export interface Failure {
  /** DEAD_LETTER_FAILED (transient) or DEAD_LETTER_REFUSED */
  readonly error: EnvelopeError
  readonly tooLarge: boolean
}

/** Waits for a send; false where it takes too long. */
export type AwaitSend = (sending: Promise<unknown>) => Promise<boolean>

/** Of the default `max.message.bytes`. A request above it is large. */
export const MAX_SEND_BYTES: number = 2 ** 20

const GZIP = 1 as unknown as CompressionTypes.GZIP
/** What KafkaJS too takes for a bug rather than for a fault that passes. */
const BUGS = new Set(['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'])
/** How often a connection may be lost over the same large request before the request is the reason. */
const MAX_LOST = 3

/** The letters of one partition that were sent last, and are not acknowledged yet. */
interface Entry {
  readonly name: string
  gzip: boolean
  /** How often the connection was lost over them. */
  lost: number
  sending: Promise<Failure | undefined> | undefined
}

/**
 * Sends the letters of a consumer: at most one request under way for each partition that it reads. KafkaJS goes on with a
 * request that took too long, or that a rebalance interrupted. When the same letters are to be sent again, that request is
 * waited for instead; other letters wait until it ends.
 */
export class Outbox {
  readonly #letterBox: DeadLetterProducer
  readonly #entries = new Map<string, Entry>()

  constructor(letterBox: DeadLetterProducer) {
    this.#letterBox = letterBox
  }

  /**
   * Undefined once all replicas in sync acknowledged the letters.
   * @param partition any name for the partition that the letters come from
   * @throws what `awaitSend` rejects with
   */
  async send(partition: string, letters: Letters, awaitSend: AwaitSend): Promise<Failure | undefined> {
    const { topic, gzip } = letters
    const name = nameOf(letters)
    let entry = this.#entries.get(partition)
    if (entry?.sending !== undefined && (entry.name !== name || entry.gzip !== gzip)) {
      if (!(await awaitSend(entry.sending))) return late(topic)
      entry.sending = undefined
    }
    if (entry?.name !== name)
      this.#entries.set(partition, (entry = { name, gzip, lost: 0, sending: undefined }))
    entry.gzip = gzip
    const sending = (entry.sending ??= this.#start(letters, entry))
    // An idempotent producer tries for ever.
    if (!(await awaitSend(sending))) return late(topic)
    const failure = await sending
    entry.sending = undefined
    if (failure === undefined) this.#entries.delete(partition)
    return failure
  }

  #start({ topic, messages, gzip }: Letters, entry: Entry): Promise<Failure | undefined> {
    const record: ProducerRecord = { topic, messages: [...messages], acks: -1 }
    return this.#letterBox.send(gzip ? { ...record, compression: GZIP } : record).then(
      () => undefined,
      (error: unknown) => {
        if (!isLostConnection(error) || batchBytes(messages) <= MAX_SEND_BYTES) return failureOf(error, topic)
        if (++entry.lost < MAX_LOST) return failureOf(error, topic)
        const why = `the connection was lost ${String(MAX_LOST)} times over a request of ${String(batchBytes(messages))} bytes before compression`
        return { error: refused(topic, why), tooLarge: false }
      },
    )
  }
}

/** At most what letters take in a record batch, which has all that go to one partition. */
export function batchBytes(messages: readonly Message[]): number {
  return messages.reduce((bytes, message) => bytes + recordBytes(message), BATCH_OVERHEAD)
}

export function refused(topic: string, why: string): EnvelopeError {
  return new EnvelopeError('DEAD_LETTER_REFUSED', `topic ${topic} did not take a dead letter: ${why}`)
}

/** Letters are known by why each is one, and where its record stood. */
function nameOf({ topic, messages }: Letters): string {
  const reasons = messages.map(({ headers }) =>
    ['error', 'offset'].map((header) => String(headers?.[`kafka-envelope.${header}`])),
  )
  return JSON.stringify([topic, reasons])
}

function failureOf(error: unknown, topic: string): Failure {
  const { name, type, retriable } = deepestCause(error)
  // Named only: the text of an error may quote a message.
  const why = typeof type === 'string' ? type : typeof name === 'string' ? name : typeof error
  if (retriable !== false && !BUGS.has(why)) return { error: failed(topic, why), tooLarge: false }
  return {
    error: refused(topic, why),
    tooLarge: why === 'MESSAGE_TOO_LARGE' || why === 'RECORD_LIST_TOO_LARGE',
  }
}

/** Whether the broker closed the connection, as it does over a request above its `socket.request.max.bytes`. */
function isLostConnection(error: unknown): boolean {
  const { name, code } = deepestCause(error)
  return name === 'KafkaJSConnectionClosedError' || code === 'EPIPE' || code === 'ECONNRESET'
}

function late(topic: string): Failure {
  return { error: failed(topic, 'no answer came'), tooLarge: false }
}

function failed(topic: string, why: string): EnvelopeError {
  return new EnvelopeError(
    'DEAD_LETTER_FAILED',
    `topic ${topic} did not acknowledge a dead letter yet: ${why}`,
  )
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
