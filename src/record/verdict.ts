import type { EnvelopeError } from '../errors.js'
import type { ReadingRule } from './rules.js'

/** What a client does about a record that did not open. */
export type Verdict = 'retry' | 'stop' | 'skip' | 'deadLetter'

/** The policy's answer to a failure: only what is invalid is ever passed over, and only where the rule says so. */
export function verdictOf({ kind }: EnvelopeError, { read }: ReadingRule): Verdict {
  if (kind === 'transient') return 'retry'
  return kind === 'invalid' ? read.onInvalid : 'stop'
}

const WINDOW = 1000

/** Watches the share of invalid records among the last 1,000 of a rule, whatever the policy says about each. */
export class InvalidShare {
  readonly #limit: number
  readonly #window: boolean[] = []
  #at = 0
  #invalid = 0

  constructor(maxShare: number) {
    this.#limit = maxShare * WINDOW
  }

  /** Counts a record; true once more than the share was invalid. */
  exceededBy(invalid: boolean): boolean {
    if (this.#window[this.#at]) this.#invalid--
    this.#window[this.#at] = invalid
    this.#at = (this.#at + 1) % WINDOW
    if (invalid) this.#invalid++
    return this.#invalid > this.#limit
  }
}
