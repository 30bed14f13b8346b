import type { CompressionTypes, Message, ProducerRecord } from 'kafkajs'
import { EnvelopeError } from '../../errors.js'
import type { LetterBox } from './letter-box.js'
import { BATCH_OVERHEAD, recordBytes } from './split.js'

/** The first letter that the topic did not take, and why. */
export interface Unpublished {
  readonly index: number
  /** DEAD_LETTER_FAILED (transient) or DEAD_LETTER_REFUSED */
  readonly error: EnvelopeError
}

/** Waits for a send; false where it takes too long. */
export type AwaitSend = (sending: Promise<unknown>) => Promise<boolean>

/** What became of a send that failed. */
interface Failure {
  /** DEAD_LETTER_FAILED (transient) or DEAD_LETTER_REFUSED */
  readonly error: EnvelopeError
  readonly tooLarge: boolean
}

/** Of the default `max.message.bytes`; a topic that takes less gets halves. */
const MAX_SEND_BYTES = 2 ** 20
/** The one codec that KafkaJS has built in. */
const GZIP = 1 as unknown as CompressionTypes.GZIP
/** What KafkaJS too takes for a bug rather than for a fault that passes. */
const BUGS = new Set(['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'])

/**
 * Publishes letters in order, once, and resolves when all replicas in sync acknowledged them, or at the first that
 * fails; those before it are acknowledged then. Letters that were sent and not acknowledged may be on the topic too.
 *
 * @throws what `awaitSend` rejects with
 */
export async function publish(
  letterBox: LetterBox,
  topic: string,
  letters: readonly Message[],
  awaitSend: AwaitSend,
): Promise<Unpublished | undefined> {
  const runs = runsOf(letters)
  let done = 0
  for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
    let failure = await send(letterBox, { topic, messages: run }, awaitSend)
    if (failure?.tooLarge === true && run.length > 1) {
      const half = Math.ceil(run.length / 2)
      runs.unshift(run.slice(0, half), run.slice(half))
      continue
    }
    // The limit is on batches as compressed: what came in a compressed one may fit only so.
    if (failure?.tooLarge === true) {
      failure = await send(letterBox, { topic, messages: run, compression: GZIP }, awaitSend)
    }
    if (failure !== undefined) return { index: done, error: failure.error }
    done += run.length
  }
  return undefined
}

/** KafkaJS makes one record batch of all that goes to one partition, and all may. */
function runsOf(letters: readonly Message[]): Message[][] {
  const runs: Message[][] = []
  let used = Infinity
  for (const letter of letters) {
    const size = recordBytes(letter)
    if (used + size > MAX_SEND_BYTES) {
      runs.push([])
      used = BATCH_OVERHEAD
    }
    used += size
    runs.at(-1)?.push(letter)
  }
  return runs
}

async function send(
  letterBox: LetterBox,
  record: ProducerRecord,
  awaitSend: AwaitSend,
): Promise<Failure | undefined> {
  const { topic } = record
  const sending = letterBox.send({ ...record, acks: -1 }).then(
    () => undefined,
    (error: unknown) => failureOf(error, topic),
  )
  // An idempotent producer tries for ever.
  return (await awaitSend(sending)) ? sending : { error: failed(topic, 'no answer came'), tooLarge: false }
}

function failureOf(error: unknown, topic: string): Failure {
  const { name, type, retriable } = deepestCause(error) as {
    name?: unknown
    type?: unknown
    retriable?: unknown
  }
  // Named only: the text of an error may quote a message.
  const why = typeof type === 'string' ? type : typeof name === 'string' ? name : typeof error
  if (retriable !== false && !BUGS.has(why)) return { error: failed(topic, why), tooLarge: false }
  return {
    error: new EnvelopeError('DEAD_LETTER_REFUSED', `topic ${topic} did not take a dead letter: ${why}`),
    tooLarge: why === 'MESSAGE_TOO_LARGE' || why === 'RECORD_LIST_TOO_LARGE',
  }
}

function failed(topic: string, why: string): EnvelopeError {
  return new EnvelopeError(
    'DEAD_LETTER_FAILED',
    `topic ${topic} did not acknowledge a dead letter yet: ${why}`,
  )
}

/** As KafkaJS does: the error that it gives up with says that it gave up, its cause why. */
function deepestCause(error: unknown): object {
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
