import { EnvelopeError, isEnvelopeError, type ErrorCode, type FailureKind } from '../../errors.js'
import type { Encryption } from '../../index.js'
import { Examiner } from '../../record/examiner.js'
import { actionFor } from '../../record/failure-action.js'
import { internalsOf } from '../../record/internals.js'
import { openRecords, type ReadRecord } from '../../record/open-records.js'
import { CHECKS, checkWithKey, type Check } from '../../record/order-of-checks.js'
import { offsetText } from '../../record/record.js'
import type { ReadingRule } from '../../record/topic-rules.js'

/** How far a record gets through the order of checks, under the rule of its topic. */
export interface Trial {
  /** The topic that it is read from. */
  readonly topic: string
  /** The name of the rule; absent if no rule decrypts the topic, or if the rule passes its values unchanged. */
  readonly rule?: string
  /**
   * - `opened`: all checks are passed.
   * - `passed`: the value is delivered as it is: null, plaintext that is still allowed, or of a passthrough topic.
   * - `undecided`: all checks that need no key are passed; the others were not tried.
   * - `refused`: a check failed.
   * - `unavailable`: a KMS could not answer. The record may be accepted later.
   */
  readonly outcome: 'opened' | 'passed' | 'undecided' | 'refused' | 'unavailable'
  /** All checks, in order. */
  readonly checks: readonly CheckResult[]
  readonly failure?: TrialFailure
}

export interface CheckResult {
  /** Its number in docs/format.md, section 13. */
  readonly step: number
  readonly check: Check
  /** `notTried`: it needs a key. `notReached`: the outcome was clear before. */
  readonly result: 'ok' | 'failed' | 'notTried' | 'notReached'
}

export interface TrialFailure {
  /** Absent if no rule decrypts the topic. */
  readonly check?: Check
  readonly code: ErrorCode
  readonly kind?: FailureKind
  readonly what: string
  readonly remedy: string
  readonly kmsCode?: string
  readonly requestId?: string
  /** What a consumer does with the record under this rule; `ask` if a function decides. Absent without a rule. */
  readonly consumer?: 'retry' | 'stop' | 'skip' | 'ask' | { readonly deadLetter: string }
}

/** A trial, and the value that a consumer would get, if it came to that. */
export interface Tried {
  readonly trial: Trial
  readonly value?: Buffer | null
}

/**
 * Tries what consumers of the topic do, with the same code. Without `open`, no KMS is asked, and the value is not returned.
 * @throws EnvelopeError INVALID_RECORD, ENCRYPTION_CLOSED, CONFIG_INVALID
 */
export async function tryRecord(encryption: Encryption, record: ReadRecord, open: boolean): Promise<Tried> {
  const { rules } = internalsOf(encryption, 'inspectRecord')
  const { topic, partition, offset, value } = record
  const delivered = (of: Buffer | null): Pick<Tried, 'value'> => (open ? { value: of } : {})
  let rule: ReadingRule | 'passthrough'
  try {
    rule = rules.forReading(topic)
  } catch (error) {
    if (!isEnvelopeError(error) || error.code !== 'TOPIC_NOT_CONFIGURED') throw error
    return { trial: { topic, outcome: 'refused', checks: results(0), failure: failureOf(error) } }
  }
  if (rule === 'passthrough')
    return { trial: { topic, outcome: 'passed', checks: results(0) }, ...delivered(value) }

  const common = { topic, rule: rule.name }
  const failed = (error: EnvelopeError, check: Check): Tried => ({
    trial: {
      ...common,
      outcome: error.kind === 'transient' ? 'unavailable' : 'refused',
      checks: results(CHECKS.indexOf(check), 'failed'),
      failure: { check, ...failureOf(error), consumer: consumerOf(error, rule, record) },
    },
  })
  // A new one has seen no preamble, so that it makes all checks.
  const made: Check[] = []
  const sealed = { value, ...(offset !== undefined && { offset: offsetText(offset) }) }
  const examined = new Examiner(rule, topic).examine(sealed, partition, (check) => made.push(check))
  if (!('preamble' in examined)) {
    const last = made.at(-1) ?? CHECKS[0]
    if (examined.error !== undefined) return failed(examined.error, last)
    return {
      trial: { ...common, outcome: 'passed', checks: results(made.length) },
      ...delivered(examined.value),
    }
  }
  if (!open) {
    return {
      trial: { ...common, outcome: 'undecided', checks: results(made.length, 'notTried', 'notTried') },
    }
  }
  const [opened] = await openRecords(encryption, [record])
  if (opened?.error !== undefined) return failed(opened.error, checkWithKey(opened.error.code))
  return {
    trial: { ...common, outcome: 'opened', checks: results(CHECKS.length) },
    ...delivered(opened?.value ?? null),
  }
}

/** The results of all checks: `passed` of them, the one after them, and the others. */
function results(
  passed: number,
  next: CheckResult['result'] = 'notReached',
  others: CheckResult['result'] = 'notReached',
): CheckResult[] {
  return CHECKS.map((check, step) => ({
    step,
    check,
    result: step < passed ? 'ok' : step === passed ? next : others,
  }))
}

function failureOf({ code, kind, what, remedy, kmsCode, requestId }: EnvelopeError): TrialFailure {
  return {
    code,
    ...(kind && { kind }),
    what,
    remedy,
    ...(kmsCode !== undefined && { kmsCode }),
    ...(requestId !== undefined && { requestId }),
  }
}

function consumerOf(
  error: EnvelopeError,
  rule: ReadingRule,
  { topic, partition, offset, value }: ReadRecord,
): NonNullable<TrialFailure['consumer']> {
  if (error.kind === 'transient') return 'retry'
  const source = { topic, ...(partition !== undefined && { partition }) }
  const record = { value, ...(offset !== undefined && { offset: offsetText(offset) }) }
  const action = rule.overrides.find(source, record, error)?.action ?? actionFor(error, rule)
  return typeof action === 'function' ? 'ask' : action
}
