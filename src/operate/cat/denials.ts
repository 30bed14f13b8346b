import { LRUCache } from 'lru-cache'
import { ageMeter, type Clock } from '../../clock.js'
import { canonicalContext } from '../../envelope/context.js'
import type { EnvelopeError } from '../../errors.js'
import { Examiner } from '../../record/examiner.js'
import type { OpenedRecord } from '../../record/record.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import type { StoredRecord } from './read-records.js'

/** A KMS that denied something is asked for the same again after so long, in case somebody has granted it. */
const REMEMBERED_MS = 30_000
const MAX_REMEMBERED = 1000

interface Answer {
  /** Undefined if records opened. */
  readonly denied: EnvelopeError | undefined
  readonly ageMs: () => number
}

interface Names {
  /** What a permission depends on: the CMKs and the context. */
  readonly cmks: string
  /** The same, and the ciphertext DEKs. */
  readonly deks: string
}

/**
 * What KMSs denied or refused lately. Under one CMK that this process may not use, a topic may have the records of
 * thousands of DEKs, and each would be one more call that is denied. So one record at a time is tried until it is known
 * whether the records with the same CMKs and the same context open. Any other refusal says nothing about the next DEK: it
 * may be about one version of the CMK, or about a forged ciphertext DEK.
 */
export class Denials {
  readonly #clock: Clock
  readonly #examiner: Examiner
  readonly #byCmks = new LRUCache<string, Answer>({ max: MAX_REMEMBERED })
  readonly #byDeks = new LRUCache<string, Answer>({ max: MAX_REMEMBERED })

  constructor(rule: ReadingRule, topic: string, clock: Clock) {
    this.#examiner = new Examiner(rule, topic)
    this.#clock = clock
  }

  /** Why a record does not open, if that is known; else whether records like it have opened, or need no KMS. */
  expect(record: StoredRecord): EnvelopeError | 'opens' | 'unknown' {
    const names = this.#namesOf(record)
    if (names === undefined) return 'opens'
    const { topic, partition, offset } = record
    const ofCmks = this.#byCmks.get(names.cmks)
    const denied = recent(this.#byDeks.get(names.deks)) ?? recent(ofCmks)
    if (denied !== undefined) return denied.at({ topic, partition, offset })
    return ofCmks !== undefined && ofCmks.denied === undefined ? 'opens' : 'unknown'
  }

  learn(record: StoredRecord, { error }: OpenedRecord): void {
    const names = this.#namesOf(record)
    // Other failures are about one record, or pass.
    if (names === undefined || (error !== undefined && error.kind !== 'unreadable')) return
    const answer = { denied: error, ageMs: ageMeter(this.#clock) }
    if (error === undefined || error.code === 'KMS_DENIED') this.#byCmks.set(names.cmks, answer)
    else this.#byDeks.set(names.deks, answer)
  }

  /** Undefined for a record that needs no key. */
  #namesOf({ value, offset, partition }: StoredRecord): Names | undefined {
    const examined = this.#examiner.examine({ value, offset }, partition)
    if (!('preamble' in examined)) return undefined
    const { candidates, context } = examined.preamble.request
    return {
      cmks: JSON.stringify([candidates.map(({ cmk }) => [cmk.kmsName, cmk.id]), canonicalContext(context)]),
      deks: JSON.stringify(candidates.map(({ name }) => name)),
    }
  }
}

/** What was denied, if it is not too long ago. */
function recent(answer: Answer | undefined): EnvelopeError | undefined {
  return answer !== undefined && answer.ageMs() < REMEMBERED_MS ? answer.denied : undefined
}
