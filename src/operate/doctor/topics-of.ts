import type { CheckedConfig, CheckedRule } from '../../config/checked.js'
import { deadLetterTopics } from '../../config/rejection.js'
import { isGlob, TopicIndex } from '../../policy/topics.js'

/** The rules, and the topics that they are about. */
export class RuleTopics {
  readonly rules: readonly CheckedRule[]
  readonly #index: TopicIndex<CheckedRule>
  readonly #only: ReadonlySet<string>
  readonly #overrides: CheckedConfig['overrides']
  readonly #deadLetters: ReadonlySet<string>

  /** @param only the topics that the user named; empty for all */
  constructor({ rules, overrides }: Pick<CheckedConfig, 'rules' | 'overrides'>, only: readonly string[]) {
    this.rules = rules
    this.#overrides = overrides
    this.#index = new TopicIndex(rules, ({ match }) => match)
    this.#only = new Set(only)
    this.#deadLetters = new Set(
      rules
        .filter((rule) => only.length === 0 || only.some((topic) => this.ruleOf(topic) === rule))
        .flatMap((rule) => this.deadLetterTopicsOf(rule)),
    )
  }

  ruleOf(topic: string): CheckedRule | undefined {
    return this.#index.find(topic)
  }

  /** Whether the user asks about this topic. */
  isAsked(topic: string): boolean {
    return this.#only.size === 0 || this.#only.has(topic)
  }

  /** Those of a rule, and of overrides for records of its topics. */
  deadLetterTopicsOf(rule: CheckedRule): string[] {
    const ofOverrides = this.#overrides.flatMap(({ topic, action }) =>
      typeof action === 'object' && this.ruleOf(topic) === rule ? [action.deadLetter] : [],
    )
    return [...(rule.decrypt ? deadLetterTopics(rule.decrypt) : []), ...ofOverrides]
  }

  isDeadLetterTopic(topic: string): boolean {
    return this.#deadLetters.has(topic)
  }

  /** Whether checks look at a topic: one that a rule encrypts or decrypts, or one for dead letters. */
  looksAt(topic: string): boolean {
    const rule = this.ruleOf(topic)
    return this.isDeadLetterTopic(topic) || (rule !== undefined && !rule.passthrough && this.isAsked(topic))
  }

  /** The topics that must exist: those that the user named, or else those that rules name exactly. */
  get exact(): readonly string[] {
    if (this.#only.size > 0) return [...this.#only]
    const named = this.rules.filter(({ passthrough }) => !passthrough).flatMap(({ match }) => match)
    return named.filter((pattern) => !isGlob(pattern))
  }
}
