import { ageMeter, type Clock } from '../../clock.js'
import { canonicalContext } from '../../envelope/context.js'
import type { EnvelopeError } from '../../errors.js'
import { Examiner } from '../../record/examiner.js'
import type { OpenedRecord } from '../../record/record.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import type { StoredRecord } from './read-records.js'

/** A KMS that denied something is asked for the same again after so long, in case somebody has granted it. */
const REMEMBERED_MS = 30_000

interface Answer {
  /** Undefined if records opened. */
  readonly denied: EnvelopeError | undefined
  readonly ageMs: () => number
}

/**
 * What KMSs denied lately. Under one CMK that this process may not use, a topic may have the records of thousands of DEKs,
 * and each would be one more call that is denied. So one record at a time is tried until it is known whether the records
 * with the same CMKs and the same context open.
 */
export class Denials {
  readonly #clock: Clock
  readonly #examiner: Examiner
  readonly #answers = new Map<string, Answer>()

  constructor(rule: ReadingRule, topic: string, clock: Clock) {
    this.#examiner = new Examiner(rule, topic)
    this.#clock = clock
  }

  /** Why a record does not open, if that is known; else whether records like it have opened, or need no KMS. */
  expect(record: StoredRecord): EnvelopeError | 'opens' | 'unknown' {
    const name = this.#nameOf(record)
    if (name === undefined) return 'opens'
    const answer = this.#answers.get(name)
    if (answer === undefined) return 'unknown'
    if (answer.denied === undefined) return 'opens'
    if (answer.ageMs() >= REMEMBERED_MS) return 'unknown'
    const { topic, partition, offset } = record
    return answer.denied.at({ topic, partition, offset })
  }

  learn(record: StoredRecord, { error }: OpenedRecord): void {
    const name = this.#nameOf(record)
    // Other failures are about one record, or one DEK, or pass.
    if (name === undefined || (error !== undefined && error.kind !== 'unreadable')) return
    if (error !== undefined || this.#answers.get(name)?.denied !== undefined || !this.#answers.has(name)) {
      this.#answers.set(name, { denied: error, ageMs: ageMeter(this.#clock) })
    }
  }

  /** What the answer of a KMS depends on, apart from the ciphertext; undefined for a record that needs no key. */
  #nameOf({ value, offset, partition }: StoredRecord): string | undefined {
    const examined = this.#examiner.examine({ value, offset }, partition)
    if (!('preamble' in examined)) return undefined
    const { candidates, context } = examined.preamble.request
    return JSON.stringify([candidates.map(({ cmk }) => [cmk.kmsName, cmk.id]), canonicalContext(context)])
  }
}
