import type { EnvelopeError } from '../../errors.js'
import type { Waiting } from '../../events.js'
import type { Decision } from '../../record/decide.js'
import type { EnvelopeInfo, ReplacedValue, SealedRecord } from '../../record/record.js'

/** A record as a client read it. */
export type ConsumedRecord = SealedRecord & {
  readonly offset: string
  readonly timestamp?: string | undefined
}

/** A record for the application, with its opened value, or the one that a handler gave instead. */
export interface DeliveredRecord<R> {
  readonly record: R
  readonly value: Buffer | null
  readonly envelope: EnvelopeInfo | ReplacedValue | undefined
}

/** As many of the first records of a run as are decided. What is behind them comes with the next fetch. */
export interface Part<R> {
  /** What the application gets, in order; what the policy skips or sends to the dead letters is left out. */
  readonly delivered: readonly DeliveredRecord<R>[]
  /** How many records of the run it decides. */
  readonly decided: number
  /**
   * To be thrown once the part is delivered and resolved: why the next record stops the consumer, or the transient
   * failure that outlasted `retryFor`.
   */
  readonly error: EnvelopeError | undefined
}

/** Decisions that are carried out, and what `Part` has as `error`. */
export interface CarriedOut<R> {
  readonly decisions: readonly Decision<R>[]
  readonly error?: EnvelopeError | undefined
}

/** What a wait is for: a KMS, or a topic to take a dead letter. */
export type WaitFor = Pick<Waiting, 'offset' | 'deadLetter'>
