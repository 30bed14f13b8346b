import { clock } from './checks/clock.js'
import { configuration } from './checks/configuration.js'
import { deadLetters } from './checks/dead-letters.js'
import { existence } from './checks/existence.js'
import { kms } from './checks/kms.js'
import { migration } from './checks/migration.js'
import { program } from './checks/program.js'
import { rights } from './checks/rights.js'
import { topicSettings } from './checks/topics.js'
import type { Facts } from './facts/facts.js'
import type { Outcome } from './finding.js'

/** Looks at facts, and says what is wrong, what is in order, and what the facts do not tell. Asks nobody anything. */
export type Check = (facts: Facts) => Iterable<Outcome>

/** All checks, in the order of what they say. The canary, which acts, comes after them. */
const CHECKS: readonly Check[] = [
  configuration,
  program,
  kms,
  rights,
  clock,
  existence,
  topicSettings,
  migration,
  deadLetters,
]

export function runChecks(facts: Facts): Outcome[] {
  return CHECKS.flatMap((check) => [...check(facts)])
}
