import type { EnvelopeError } from '../../errors.js'
import type { Waiting } from '../../events.js'
import type { EnvelopeInfo, ReplacedValue, SealedRecord } from '../../record/record.js'

/** A record as a client read it. */
export type ConsumedRecord = SealedRecord & {
  readonly offset: string
  readonly timestamp?: string | undefined
}

/** What the application gets in the place of a record's value: the opened one, or the one that a handler returned. */
export interface DeliveredValue {
  readonly value: Buffer | null
  readonly envelope: EnvelopeInfo | ReplacedValue | undefined
}

/** The first records of a run, as far as they are decided. The next fetch brings the others. */
export interface Part<R> {
  /** The records for the application, in order, without those that the policy skips or sends to the dead letters. */
  readonly records: readonly R[]
  /** The value of each record, at the same index. Pairing them would take an object for each record. */
  readonly values: readonly DeliveredValue[]
  /** How many records of the run it decides. */
  readonly decided: number
  /** The reason why the next record stops the consumer. Throw it once the part is delivered and resolved. */
  readonly error: EnvelopeError | undefined
}

/** The reason of a wait: a KMS, or a topic that has to accept a dead letter. */
export type WaitFor = Pick<Waiting, 'offset' | 'deadLetter'>
