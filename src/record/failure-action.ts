import type { DeadLetterPolicy, RejectionHandler } from '../config/rejection.js'
import type { EnvelopeError } from '../errors.js'
import type { ReadingRule } from './topic-rules.js'

/** The action for a record that did not open. A handler is asked. */
export type FailureAction = 'stop' | 'skip' | DeadLetterPolicy | RejectionHandler

/**
 * The action that the rule has for a failure. A failure that is transient, or not about the record itself, always
 * stops.
 *
 * Overrides are about one exact record, and come before this (`Decider.decide`).
 */
export function actionFor({ kind }: EnvelopeError, { decrypt }: ReadingRule): FailureAction {
  switch (kind) {
    case 'invalid':
      return decrypt.onInvalid
    case 'unreadable':
      return decrypt.onUnreadable
    case 'transient':
    case undefined:
      return 'stop'
  }
}
