import type { KafkaMessage } from 'kafkajs'
import { LRUCache } from 'lru-cache'
import { formatOf } from '../../envelope/formats.js'
import { isEnvelopeError } from '../../errors.js'
import type { NewPreambles, SealedMessage, ToRewrap } from './new-preambles.js'
import { NotRewrapped } from './not-rewrapped.js'
import { planWrappings } from './plan-wrappings.js'
import type { ResolvedChanges } from './wrapping-changes.js'

/** What becomes of a record: its value, or why there is none. */
export type Outcome =
  | { readonly as: 'rewrapped' | 'unchanged' | 'tombstone'; readonly value: Buffer | null }
  | { readonly as: 'refused'; readonly why: NotRewrapped }

/** Everything before the IV of envelopes, before and after; the same for all records of a session and topic. */
interface KnownPreamble {
  readonly bytes: Buffer
  /** Undefined if nothing changes. */
  readonly rewrapped: Buffer | undefined
}

/** A record whose preamble has to change, and was not seen before. */
interface Unknown extends ToRewrap {
  readonly as: 'unknown'
  /** Names the preamble. */
  readonly name: string
}

const MAX_PREAMBLES = 10_000
/** An envelope with nothing to change is remembered although nothing shows that it is genuine, and may be large. */
const MAX_PREAMBLE_BYTES = 32 * 1024 * 1024
/** How many DEKs are rewrapped at the same time. */
const AT_ONCE = 16

/** Gives the envelopes of a topic other wrappings. All other bytes stay as they are. */
export class Rewrapper {
  readonly #changes: ResolvedChanges
  readonly #newPreambles: NewPreambles
  readonly #preambles = new LRUCache<string, KnownPreamble>({
    max: MAX_PREAMBLES,
    maxSize: MAX_PREAMBLE_BYTES,
    // Its name is the same bytes again.
    sizeCalculation: ({ bytes, rewrapped }) => 2 * bytes.length + (rewrapped?.length ?? 0),
  })
  #last: KnownPreamble | undefined

  constructor(changes: ResolvedChanges, newPreambles: NewPreambles) {
    this.#changes = changes
    this.#newPreambles = newPreambles
  }

  /**
   * The outcomes of records of one partition, in order.
   * @throws EnvelopeError with the place of the record, if a KMS refuses finally
   */
  async rewrap(partition: number, records: readonly KafkaMessage[]): Promise<readonly Outcome[]> {
    const failures = await this.#askAhead(partition, records)
    const outcomes: Outcome[] = []
    for (const record of records) {
      const known = this.#known(record)
      outcomes.push(
        known.as === 'unknown' ? await this.#found(partition, known, failures.get(record)) : known,
      )
    }
    return outcomes
  }

  async #found(partition: number, unknown: Unknown, asked: Error | undefined): Promise<Outcome> {
    const failure = asked ?? (await this.#ask(partition, unknown))
    if (failure === undefined) return this.#known(unknown.record) as Outcome
    if (failure instanceof NotRewrapped) return { as: 'refused', why: failure }
    throw failure
  }

  /** Asks for the DEKs of all records at the same time. Returns the records for which that failed, and how. */
  async #askAhead(partition: number, records: readonly KafkaMessage[]): Promise<Map<KafkaMessage, Error>> {
    const unknowns = new Map<string, Unknown>()
    for (const record of records) {
      const known = this.#known(record)
      if (known.as === 'unknown' && !unknowns.has(known.name)) unknowns.set(known.name, known)
    }
    const failures = new Map<KafkaMessage, Error>()
    let isOver = false
    const left = unknowns.values()
    const askNext = async (): Promise<void> => {
      for (const unknown of left) {
        if (isOver) return
        const failure = await this.#ask(partition, unknown)
        if (failure !== undefined) failures.set(unknown.record, failure)
        isOver ||= failure !== undefined && !(failure instanceof NotRewrapped)
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, unknowns.size) }, askNext))
    return failures
  }

  /** Finds the new preamble of a record, and remembers it. Returns why there is none. */
  async #ask(partition: number, unknown: Unknown): Promise<Error | undefined> {
    try {
      const rewrapped = await this.#newPreambles.make(partition, unknown)
      this.#preambles.set(unknown.name, { bytes: unknown.preamble.bytes, rewrapped })
      return undefined
    } catch (error) {
      return error as Error
    }
  }

  /** The outcome of a record, if no KMS has to be asked. */
  #known(record: KafkaMessage): Outcome | Unknown {
    if (record.value === null) return { as: 'tombstone', value: null }
    try {
      return this.#knownEnvelope(record as SealedMessage)
    } catch (error) {
      if (error instanceof NotRewrapped) return { as: 'refused', why: error }
      if (isEnvelopeError(error)) return { as: 'refused', why: NotRewrapped.because(error) }
      throw error
    }
  }

  /** @throws NotRewrapped; EnvelopeError NOT_SEALED, UNKNOWN_FORMAT, MALFORMED */
  #knownEnvelope(record: SealedMessage): Outcome | Unknown {
    const { value } = record
    const format = formatOf(value)
    let known = this.#last
    if (known === undefined || !startsWith(value, known.bytes)) {
      const name = value.toString('latin1', 0, format.preambleLength(value))
      known = this.#preambles.get(name)
      if (known === undefined) {
        // Parsed from a copy: a remembered preamble must not keep the whole fetch alive.
        const preamble = format.decodePreamble(Buffer.from(name, 'latin1'))
        format.bodyStart(value, preamble.bytes.length)
        const plan = planWrappings(preamble.wrappedDeks, this.#changes)
        if (plan !== undefined) return { as: 'unknown', name, record, format, preamble, plan }
        known = { bytes: preamble.bytes, rewrapped: undefined }
        this.#preambles.set(name, known)
      }
      this.#last = known
    }
    const { bytes, rewrapped } = known
    format.bodyStart(value, bytes.length)
    if (rewrapped === undefined) return { as: 'unchanged', value }
    return { as: 'rewrapped', value: Buffer.concat([rewrapped, value.subarray(bytes.length)]) }
  }
}

function startsWith(value: Buffer, bytes: Buffer): boolean {
  return value.length >= bytes.length && value.compare(bytes, 0, bytes.length, 0, bytes.length) === 0
}
