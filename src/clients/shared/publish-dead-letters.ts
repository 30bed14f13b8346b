import type { EnvelopeError } from '../../errors.js'
import type { PlainRecord } from '../../record/record.js'
import {
  MAX_SEND_BYTES,
  refused,
  type AwaitSend,
  type DeadLetterOutbox,
  type Failure,
} from './dead-letter-outbox.js'
import { BATCH_OVERHEAD, batchBytes, recordBytes } from '../../record/record-bytes.js'

/** The first letter that the topic did not accept, and why. */
export interface Unpublished {
  readonly index: number
  /** DEAD_LETTER_FAILED (transient) or DEAD_LETTER_REFUSED */
  readonly error: EnvelopeError
}

/** The source and the target of letters. */
export interface Route<L extends PlainRecord> {
  readonly outbox: DeadLetterOutbox<L>
  /** Any name for the partition that they come from. */
  readonly partition: string
  /** The dead-letter topic. */
  readonly topic: string
}

/**
 * The largest size of a letter in a record batch before compression. A client needs several times this much memory to
 * send it.
 */
const MAX_LETTER_BYTES = 2 ** 27
/** The largest request without compression: well below the default `socket.request.max.bytes` of brokers, 100 MiB. */
const MAX_PLAIN_BYTES = 2 ** 26

/**
 * Publishes letters in order, once. Resolves when all in-sync replicas have acknowledged them, or at the first letter
 * that fails; those before it are then acknowledged. Letters that were sent but not acknowledged may be on the topic
 * too.
 *
 * @throws the errors of `awaitSend`
 */
export async function publish<L extends PlainRecord>(
  route: Route<L>,
  letters: readonly L[],
  awaitSend: AwaitSend,
): Promise<Unpublished | undefined> {
  const { outbox, partition, topic } = route
  let done = outbox.acknowledged(partition, { topic, letters })
  const runs = runsOf(letters.slice(done))
  for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
    const failure = await sendRun(route, run, awaitSend)
    if (failure?.tooLarge === true && run.length > 1) {
      const half = Math.ceil(run.length / 2)
      runs.unshift(run.slice(0, half), run.slice(half))
      continue
    }
    if (failure !== undefined) return { index: done, error: failure.error }
    done += run.length
  }
  return undefined
}

/**
 * The limit of a topic applies to compressed batches: a record from a compressed batch may fit only when compressed.
 */
async function sendRun<L extends PlainRecord>(
  { outbox, partition, topic }: Route<L>,
  letters: readonly L[],
  awaitSend: AwaitSend,
): Promise<Failure | undefined> {
  const bytes = batchBytes(letters)
  if (bytes > MAX_LETTER_BYTES) {
    const why = `it takes up to ${String(bytes)} bytes; the limit is ${String(MAX_LETTER_BYTES)}`
    return { error: refused(topic, why), tooLarge: false }
  }
  const large = bytes > MAX_SEND_BYTES
  const send = (gzip: boolean): Promise<Failure | undefined> =>
    outbox.send(partition, { topic, letters, gzip }, awaitSend)
  const failure = await send(large)
  // Data that does not compress is smaller without compression.
  const hasOtherWay = letters.length === 1 && bytes <= MAX_PLAIN_BYTES
  return failure?.tooLarge === true && hasOtherWay ? send(!large) : failure
}

/** A client puts all letters for one partition into one record batch, and all letters may go to one partition. */
function runsOf<L extends PlainRecord>(letters: readonly L[]): L[][] {
  const runs: L[][] = []
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
