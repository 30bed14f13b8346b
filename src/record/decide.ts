import { EnvelopeError, isEnvelopeError } from '../errors.js'
import type { DeadLetterPolicy, RejectionAnswer, RejectionHandler, Replacement } from '../config/rejection.js'
import type { EnvelopeInfo, OpenedRecord, Source } from './record.js'
import { actionFor } from './failure-action.js'
import { InvalidRateGuard } from './invalid-rate-guard.js'
import type { RecordOverride } from './overrides.js'
import type { ReadingRule } from './topic-rules.js'

/** The decision about a record, which a client carries out. */
export type Decision<R> = Delivered<R> | Rejected<R>
/** A decision that is up to a handler. */
export type Undecided<R> = Rejected<R, RejectionHandler>

/** A record to deliver, with its opened value. */
export interface Delivered<R> {
  readonly action: 'deliver'
  readonly record: R
  readonly value: Buffer | null
  readonly envelope: EnvelopeInfo | undefined
}

/** A record that did not open. */
export interface Rejected<R, Action = RejectionAnswer> {
  /** `stop`: nothing after it may be delivered before it is. */
  readonly action: Action
  readonly record: R
  /** Why it did not open. */
  readonly error: EnvelopeError
  /** For `stop`: the error that stops the consumer, if that is not `error`. */
  readonly fatal?: EnvelopeError
  /** The override that decided. */
  readonly override?: RecordOverride
}

/** Decides about the records of one consumer. */
export class Decider {
  readonly #guards = new Map<ReadingRule, InvalidRateGuard>()

  /**
   * Applies the rule to records that have their outcomes, in order. Ends with the first that stops the consumer;
   * records after it are not decided. Decisions of a handler are left to `settle`. A record that fails transiently has
   * no outcome yet, so it has no place here.
   *
   * An override of exactly this record comes before the rule, and before the share of rejected records: it lets no other
   * record pass. The record counts as rejected all the same.
   */
  decide<R extends { readonly offset: string; readonly value?: Buffer | null }>(
    rule: ReadingRule,
    source: Required<Source>,
    records: readonly R[],
    results: readonly OpenedRecord[],
  ): (Decision<R> | Undecided<R>)[] {
    const count = this.#guardOf(rule).forPartition(source)
    const decisions: (Decision<R> | Undecided<R>)[] = []
    for (let i = 0; i < results.length; i++) {
      const { error, value, envelope } = results[i] as AnyResult
      const record = records[i] as R
      const tooMany = count(record.offset, error !== undefined)
      if (error === undefined) {
        decisions.push({ action: 'deliver', record, value: value ?? null, envelope })
        continue
      }
      const override = rule.overrides.find(source, record, error)
      if (override !== undefined) {
        decisions.push({ action: override.action, record, error, override })
        continue
      }
      const action = actionFor(error, rule)
      if (action !== 'stop' && !tooMany) {
        decisions.push({ action, record, error })
        continue
      }
      const fatal = action === 'stop' ? {} : { fatal: tooManyBad(error) }
      decisions.push({ action: 'stop', record, error, ...fatal })
      break
    }
    return decisions
  }

  /** Counts records that all opened, which are always delivered: there is nothing to decide. */
  countOpened(
    rule: ReadingRule,
    source: Required<Source>,
    records: readonly { readonly offset: string }[],
  ): void {
    const count = this.#guardOf(rule).forPartition(source)
    for (const { offset } of records) count(offset, false)
  }

  /** The same for a single record. */
  countOneOpened(rule: ReadingRule, source: Required<Source>, { offset }: { readonly offset: string }): void {
    this.#guardOf(rule).forPartition(source)(offset, false)
  }

  #guardOf(rule: ReadingRule): InvalidRateGuard {
    let guard = this.#guards.get(rule)
    if (guard === undefined)
      this.#guards.set(rule, (guard = new InvalidRateGuard(rule.decrypt.maxInvalidShare)))
    return guard
  }
}

/** Whether a decision sends a record to the dead letters. */
export function isDeadLetter<R>(one: Decision<R>): one is Rejected<R, DeadLetterPolicy> {
  return typeof one.action === 'object' && 'deadLetter' in one.action
}

/** Whether the application gets a record: as it was opened, or with the value that a handler gave. */
export function isDelivered<R>(one: Decision<R>): one is Delivered<R> | Rejected<R, Replacement> {
  return one.action === 'deliver' || (typeof one.action === 'object' && 'value' in one.action)
}

/**
 * Asks the handler for its decisions, in order. Ends with the first that stops the consumer, as `decide` does.
 *
 * @param ask rejects with REJECTION_HANDLER_FAILED, which stops the consumer at the record, or with an error that ends
 * everything
 */
export async function settle<R>(
  undecided: readonly (Decision<R> | Undecided<R>)[],
  ask: (rejected: Undecided<R>) => Promise<RejectionAnswer>,
): Promise<Decision<R>[]> {
  const decisions: Decision<R>[] = []
  for (const one of undecided) {
    const decision = isUndecided(one) ? await answered(one, ask) : one
    decisions.push(decision)
    if (decision.action === 'stop') break
  }
  return decisions
}

/** Whether no decision is left to a handler. */
export function isSettled<R>(all: readonly (Decision<R> | Undecided<R>)[]): all is readonly Decision<R>[] {
  return !all.some(isUndecided)
}

function isUndecided<R>(one: Decision<R> | Undecided<R>): one is Undecided<R> {
  return typeof one.action === 'function'
}

async function answered<R>(
  rejected: Undecided<R>,
  ask: (rejected: Undecided<R>) => Promise<RejectionAnswer>,
): Promise<Decision<R>> {
  const { record, error } = rejected
  try {
    return { action: await ask(rejected), record, error }
  } catch (thrown) {
    if (!isEnvelopeError(thrown)) throw thrown
    return { action: 'stop', record, error, fatal: thrown }
  }
}

interface AnyResult {
  readonly error?: EnvelopeError | undefined
  readonly value?: Buffer | null | undefined
  readonly envelope?: EnvelopeInfo | undefined
}

function tooManyBad(last: EnvelopeError): EnvelopeError {
  return new EnvelopeError(
    'TOO_MANY_BAD_RECORDS',
    `too many recent records were invalid or unreadable, most recently ${last.code}`,
    last.position ? { position: last.position } : {},
  )
}
