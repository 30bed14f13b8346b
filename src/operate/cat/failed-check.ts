import type { EnvelopeError } from '../../errors.js'
import { Examiner } from '../../record/examiner.js'
import { CHECKS, checkWithKey, type Check } from '../../record/order-of-checks.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import type { StoredRecord } from './read-records.js'

/** The check that a record failed, and its number in docs/format.md, section 13. */
export interface FailedCheck {
  readonly check: Check
  readonly step: number
}

export function failedCheck(
  rule: ReadingRule,
  { topic, partition, offset, value }: StoredRecord,
  { code }: EnvelopeError,
): FailedCheck {
  const made: Check[] = []
  // A new one has seen no preamble, so that it makes all checks.
  const examined = new Examiner(rule, topic).examine({ value, offset }, partition, (each) => made.push(each))
  const check = 'preamble' in examined ? checkWithKey(code) : (made.at(-1) ?? CHECKS[0])
  return { check, step: CHECKS.indexOf(check) }
}
