import { EnvelopeError } from '../../errors.js'
import type { PlainRecord } from '../../record/record.js'
import { batchBytes } from '../../record/record-bytes.js'

/** The operations that a client needs so that its consumers can have dead letters. */
export interface LetterSender<L> {
  /** Sends letters in one request. Resolves once all in-sync replicas have acknowledged them. */
  send(letters: Letters<L>): Promise<unknown>
  /** Classifies the error of `send`. */
  failureOf(error: unknown): SendFailure
}

/** Letters that are sent in one request, compressed or not. */
export interface Letters<L> {
  readonly topic: string
  readonly letters: readonly L[]
  readonly gzip: boolean
}

/** Why a send failed. */
export interface SendFailure {
  /** Names the failure. Never the text of an error, which may quote a record. */
  readonly why: string
  /** Whether the same send may succeed later. */
  readonly isTransient: boolean
  /** Whether the broker found a record or the record batch too large. */
  readonly isTooLarge: boolean
  /** Whether the broker closed the connection, as it does for a request above its `socket.request.max.bytes`. */
  readonly lostConnection: boolean
}

/** The result of a send that failed. */
export interface Failure {
  /** DEAD_LETTER_FAILED (transient) or DEAD_LETTER_REFUSED */
  readonly error: EnvelopeError
  readonly tooLarge: boolean
}

/** Waits for a send; returns false if it takes too long. */
export type AwaitSend = (sending: Promise<unknown>) => Promise<boolean>

/** The default of `max.message.bytes`. A request above it is large. */
export const MAX_SEND_BYTES: number = 2 ** 20

/** How often a connection may be lost during the same large request before the request is to blame. */
const MAX_LOST = 3

/** The last letters of one partition that were sent and are not acknowledged yet. */
interface Entry {
  readonly names: readonly string[]
  /** The offsets of their records. */
  readonly offsets: readonly bigint[]
  gzip: boolean
  /** How often the connection was lost while they were sent. */
  lost: number
  sending: Promise<Failure | undefined> | undefined
}

/**
 * Sends the letters of a consumer: at most one request in flight for each partition that it reads. A client continues a
 * request that took too long, or that a rebalance interrupted. If letters have to be sent again meanwhile, this class
 * waits for that request, and sends those that it did not contain.
 */
export class DeadLetterOutbox<L extends PlainRecord> {
  readonly #sender: LetterSender<L>
  readonly #entries = new Map<string, Entry>()
  /**
   * By partition, the letters that are acknowledged, with the offsets of their records, until the partition moves past
   * them: a batch may have to be read again.
   */
  readonly #acknowledged = new Map<string, Map<string, bigint>>()

  constructor(sender: LetterSender<L>) {
    this.#sender = sender
  }

  /**
   * Returns undefined once all in-sync replicas have acknowledged the letters.
   * @param partition any name for the partition that the letters come from
   * @throws the errors of `awaitSend`
   */
  async send(partition: string, letters: Letters<L>, awaitSend: AwaitSend): Promise<Failure | undefined> {
    const { topic, gzip } = letters
    const names = namesOf(letters)
    let entry = this.#entries.get(partition)
    if (entry?.sending !== undefined && !(isSame(entry.names, names) && entry.gzip === gzip)) {
      if (!(await awaitSend(entry.sending))) return late(topic)
      entry.sending = undefined
      const left = letters.letters.slice(this.acknowledged(partition, letters))
      if (left.length === 0) return undefined
      if (left.length < letters.letters.length)
        return this.send(partition, { ...letters, letters: left }, awaitSend)
    }
    if (entry === undefined || !isSame(entry.names, names))
      this.#entries.set(
        partition,
        (entry = { names, offsets: letters.letters.map(offsetOf), gzip, lost: 0, sending: undefined }),
      )
    entry.gzip = gzip
    const sending = (entry.sending ??= this.#start(partition, letters, entry))
    // An idempotent producer retries forever.
    if (!(await awaitSend(sending))) return late(topic)
    const failure = await sending
    entry.sending = undefined
    if (failure === undefined) this.#entries.delete(partition)
    return failure
  }

  /** How many letters, from the first on, are acknowledged already. */
  acknowledged(partition: string, letters: Omit<Letters<L>, 'gzip'>): number {
    const known = this.#acknowledged.get(partition)
    if (known === undefined) return 0
    const missing = namesOf(letters).findIndex((name) => !known.has(name))
    return missing < 0 ? letters.letters.length : missing
  }

  /** Resolves when the request of a partition has ended. Returns whether it was acknowledged. */
  async ended(partition: string): Promise<boolean> {
    const entry = this.#entries.get(partition)
    const sending = entry?.sending
    if (entry === undefined || sending === undefined) return false
    const failure = await sending
    // The next attempt is another request.
    if (failure?.error.kind === 'transient' && entry.sending === sending) entry.sending = undefined
    return failure === undefined
  }

  /** Forgets which letters were acknowledged, for records before this offset. */
  movedOn(partition: string, offset: bigint): void {
    const known = this.#acknowledged.get(partition)
    for (const [name, of] of known ?? []) if (of < offset) known?.delete(name)
    if (known?.size === 0) this.#acknowledged.delete(partition)
  }

  /** Forgets which letters were acknowledged. */
  forget(): void {
    this.#acknowledged.clear()
  }

  #acknowledge(partition: string, { names, offsets }: Entry): void {
    const known = this.#acknowledged.get(partition) ?? new Map<string, bigint>()
    this.#acknowledged.set(partition, known)
    names.forEach((name, i) => known.set(name, offsets[i] as bigint))
  }

  #start(partition: string, letters: Letters<L>, entry: Entry): Promise<Failure | undefined> {
    return this.#sender.send(letters).then(
      () => {
        this.#acknowledge(partition, entry)
        return undefined
      },
      (error: unknown) => {
        const { why, isTransient, isTooLarge, lostConnection } = this.#sender.failureOf(error)
        const { topic } = letters
        const bytes = batchBytes(letters.letters)
        if (lostConnection && bytes > MAX_SEND_BYTES && ++entry.lost >= MAX_LOST) {
          const lost = `the connection was lost ${String(MAX_LOST)} times during a request of ${String(bytes)} bytes before compression`
          return { error: refused(topic, lost), tooLarge: false }
        }
        if (isTransient) return { error: failed(topic, why), tooLarge: false }
        return { error: refused(topic, why), tooLarge: isTooLarge }
      },
    )
  }
}

export function refused(topic: string, why: string): EnvelopeError {
  return new EnvelopeError('DEAD_LETTER_REFUSED', `topic ${topic} refused a dead letter: ${why}`)
}

/** Letters are the same if their topics, their reasons and the positions of their records are. */
function namesOf({ topic, letters }: Omit<Letters<PlainRecord>, 'gzip'>): string[] {
  return letters.map(({ headers }) =>
    [topic, ...['error', 'offset'].map((header) => String(headers?.[`kafka-envelope.${header}`]))].join(' '),
  )
}

function offsetOf({ headers }: PlainRecord): bigint {
  return BigInt(String(headers?.['kafka-envelope.offset'] ?? -1))
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((name, i) => name === others[i])
}

function late(topic: string): Failure {
  return { error: failed(topic, 'no answer'), tooLarge: false }
}

function failed(topic: string, why: string): EnvelopeError {
  return new EnvelopeError('DEAD_LETTER_FAILED', `topic ${topic} has not acknowledged a dead letter: ${why}`)
}
