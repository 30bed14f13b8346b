/** What a rule says about records that do not open. */

/** A topic for dead letters. */
export interface DeadLetterPolicy {
  /**
   * Sends the record to this topic unchanged, at least once, and goes on when the topic has acknowledged it. An exact
   * name, not a topic whose own dead letters end up here.
   */
  readonly deadLetter: string
}

export type InvalidPolicy = 'stop' | 'skip' | DeadLetterPolicy
export type UnreadablePolicy = 'stop' | DeadLetterPolicy

/** The members of a read rule that say it. */
export const REJECTION_POLICIES = ['onInvalid', 'onUnreadable'] as const

/** The topics for dead letters that a policy names. */
export function deadLetterTopics(read: Rejections): string[] {
  return REJECTION_POLICIES.flatMap((member) => {
    const policy = read[member]
    return typeof policy === 'object' ? [policy.deadLetter] : []
  })
}

interface Rejections {
  readonly onInvalid: InvalidPolicy
  readonly onUnreadable: UnreadablePolicy
}
