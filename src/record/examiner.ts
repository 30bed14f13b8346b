import { fingerprintOf } from '../envelope/formats.js'
import { EnvelopeError, isEnvelopeError } from '../errors.js'
import type { Checking } from './order-of-checks.js'
import { PreambleJudge, startsWith, type AcceptedPreamble } from './preamble-judge.js'
import { describe, offsetNumber, type OpenedRecord, type SealedRecord } from './record.js'
import type { ReadingRule } from './topic-rules.js'

/** An envelope that has passed every check that needs no key. */
export interface Envelope {
  readonly value: Buffer
  readonly preamble: AcceptedPreamble
  readonly bodyAt: number
}

/** Checks records of one topic as far as that needs no key. */
export class Examiner {
  readonly #rule: ReadingRule
  readonly #topic: string
  readonly #preambles: PreambleJudge

  constructor(rule: ReadingRule, topic: string) {
    this.#rule = rule
    this.#topic = topic
    this.#preambles = new PreambleJudge(rule, topic)
  }

  /** The largest size of a decompressed value. */
  get maxDecompressedBytes(): number {
    return this.#rule.decrypt.maxDecompressedBytes
  }

  /**
   * Makes all checks that need no key, in order. Returns the envelope, or the outcome of a record that needs no key.
   * @param checking hears of each check before it is made, as far as the preamble was not seen before
   * @throws EnvelopeError INVALID_RECORD
   */
  examine(record: SealedRecord, partition: number | undefined, checking?: Checking): Envelope | OpenedRecord {
    const { value } = record
    checking?.('tombstone')
    if (value === null) {
      if (this.#rule.decrypt.tombstones === 'pass') return { value: null, envelope: undefined }
      const refused = `rule ${this.#rule.name} refuses null values`
      return { error: new EnvelopeError('TOMBSTONE_REJECTED', refused) }
    }
    if (!Buffer.isBuffer(value)) throw new EnvelopeError('INVALID_RECORD', `a value is ${describe(value)}`)
    try {
      const { format, bytes, preamble } = this.#preambles.read(value, checking)
      // The structure of the whole is checked before the content of the header.
      const bodyAt = format.bodyStart(value, bytes.length)
      return preamble instanceof EnvelopeError ? { error: preamble } : { value, preamble, bodyAt }
    } catch (error) {
      if (!isEnvelopeError(error)) throw error
      if (this.#isAllowedPlaintext(error, record, partition)) return { value, envelope: undefined }
      return { error }
    }
  }

  /**
   * Where the body starts in the value of a record that follows one with this preamble, if it has the same and passes every
   * check; -1 if not: then `examine` says what it is. Most records of a batch pass, and need no object for that.
   */
  bodyIn(value: Buffer | null, { format, bytes }: AcceptedPreamble): number {
    if (!Buffer.isBuffer(value) || !startsWith(value, bytes)) return -1
    try {
      return format.bodyStart(value, bytes.length)
    } catch (error) {
      if (!isEnvelopeError(error)) throw error
      return -1
    }
  }

  /** Plaintext is an error, unless the rule still allows it at this offset. */
  #isAllowedPlaintext(
    error: EnvelopeError,
    { offset, value }: SealedRecord,
    partition: number | undefined,
  ): boolean {
    const { plaintext } = this.#rule.decrypt
    const isOwn =
      error.code === 'NOT_SEALED' ||
      (error.code === 'UNKNOWN_FORMAT' && plaintext.fingerprints.includes(fingerprintOf(value as Buffer)))
    const until =
      partition === undefined ? undefined : plaintext.untilOffsets.get(this.#topic)?.get(partition)
    return isOwn && until !== undefined && offset !== undefined && offsetNumber(offset) < until
  }
}
