import { EnvelopeError, shownTopic } from '../errors.js'
import type { SealingRule } from '../keys/sealing/dek-rotations.js'
import type { CmkSet } from '../kms/cmk-set.js'
import type { CheckedDecryptRule } from '../config/checked.js'
import { DEFAULT_MAX_DECOMPRESSED_BYTES } from '../config/defaults.js'
import { deadLetterTopics, mayHaveDeadLetters } from '../config/rejection.js'
import { TopicIndex } from '../policy/topics.js'
import type { Compression } from './compression.js'
import type { Dictionaries } from './dictionaries.js'
import type { Overrides } from './overrides.js'
import { invalidTopic, isTopicName } from './topic.js'

/** A rule with its CMKs. */
export interface ResolvedRule {
  readonly name: string
  readonly match: readonly string[]
  readonly passthrough: boolean
  readonly sealing: SealingRule | undefined
  /** Of the values that `sealing` seals. */
  readonly compression: Compression | undefined
  readonly reading: ReadingRule | undefined
}

/** The encrypt half of a rule. */
export interface WritingRule {
  readonly sealing: SealingRule
  readonly compression: Compression
  /** The largest value that readers decompress, under the same rule or by default. */
  readonly maxDecompressedBytes: number
}

/** The decrypt half of a rule. */
export interface ReadingRule {
  readonly name: string
  readonly decrypt: CheckedDecryptRule
  /** The CMKs whose wrappings are accepted, in order of preference. */
  readonly cmks: CmkSet
  readonly dictionaries: Dictionaries
  readonly overrides: Overrides
}

/** The dead-letter topics that a rule and its overrides name. */
export function deadLetterTopicsOf({ decrypt, overrides }: ReadingRule): string[] {
  return [...deadLetterTopics(decrypt), ...overrides.deadLetterTopics]
}

/** The rules by topic. */
export class TopicRules {
  /** Whether any rule names a dead-letter topic. */
  readonly hasDeadLetters: boolean
  /** The longest time that a send may wait for a DEK, over all rules. */
  readonly longestDekTimeoutMs: number
  /** Whether any rule names a dead-letter topic, or has a handler, which may choose one. */
  readonly mayHaveDeadLetters: boolean
  readonly #index: TopicIndex<ResolvedRule>

  constructor(rules: readonly ResolvedRule[]) {
    this.hasDeadLetters = rules.some(
      ({ reading }) => reading !== undefined && deadLetterTopicsOf(reading).length > 0,
    )
    this.longestDekTimeoutMs = Math.max(0, ...rules.map(({ sealing }) => sealing?.encrypt.dekTimeoutMs ?? 0))
    this.mayHaveDeadLetters =
      this.hasDeadLetters ||
      rules.some(({ reading }) => reading !== undefined && mayHaveDeadLetters(reading.decrypt))
    this.#index = new TopicIndex(rules, ({ match }) => match)
  }

  /**
   * The rule for records that are written to a topic. The broker checks the name of a passthrough topic.
   * @throws EnvelopeError TOPIC_NOT_CONFIGURED if no rule matches; INVALID_RECORD if `topic` is not a valid topic name
   */
  forWriting(topic: string): WritingRule | 'passthrough' {
    const rule = this.#index.find(topic)
    if (rule?.passthrough === true) return 'passthrough'
    if (!isTopicName(topic)) throw invalidTopic(topic)
    if (rule?.sealing && rule.compression) {
      const maxDecompressedBytes =
        rule.reading?.decrypt.maxDecompressedBytes ?? DEFAULT_MAX_DECOMPRESSED_BYTES
      return { sealing: rule.sealing, compression: rule.compression, maxDecompressedBytes }
    }
    throw new EnvelopeError(
      'TOPIC_NOT_CONFIGURED',
      `${why(rule, 'encrypt')} topic ${shownTopic(topic)}, so nothing was sent`,
    )
  }

  /** Whether a rule reads a topic. */
  reads({ name }: ReadingRule, topic: string): boolean {
    return this.#index.find(topic)?.reading?.name === name
  }

  /** @throws EnvelopeError TOPIC_NOT_CONFIGURED */
  forReading(topic: string): ReadingRule | 'passthrough' {
    const rule = this.#index.find(topic)
    if (rule?.passthrough === true) return 'passthrough'
    if (rule?.reading) return rule.reading
    throw new EnvelopeError(
      'TOPIC_NOT_CONFIGURED',
      `${why(rule, 'decrypt')} topic ${shownTopic(topic)}, so nothing was delivered`,
    )
  }
}

function why(rule: ResolvedRule | undefined, half: string): string {
  return rule ? `rule ${rule.name} has no \`${half}\` for` : 'no rule matches'
}
