import type { RejectionCode } from '../errors.js'
import type { DeadLetterPolicy } from './rejection.js'

/**
 * Lets one exact record pass that does not open, and at which consumers stop. Everything of it has to fit: a record that
 * opens is delivered, and one that fails with another code is treated as its rule says.
 */
export interface Override {
  /** The topic that it is read from: an exact name, of a rule with `decrypt`. */
  readonly topic: string
  /** The number of its partition. */
  readonly partition: number
  /** Kafka offset, decimal text. */
  readonly offset: string
  /** The SHA-256 of the value as stored, 64 hex digits, so that no other record passes if the topic is recreated. Leave it out for a null value. Default: not compared. */
  readonly valueSha256?: string
  /** The code with which the record fails. Transient failures cannot be overridden: consumers wait them out. */
  readonly code: RejectionCode
  /** Passes over the record, or sends it to a dead-letter topic. */
  readonly action: OverrideAction
  /** When it ends: a time in ISO 8601 with its zone, `2026-12-31T18:00:00Z`, at most 366 days ahead. After that, it has no effect. */
  readonly until: string
  /** Who answers for it. 1 to 200 printable characters. */
  readonly by: string
  /** Why the record may pass. 1 to 500 printable characters. */
  readonly why: string
}

export type OverrideAction = 'skip' | DeadLetterPolicy
