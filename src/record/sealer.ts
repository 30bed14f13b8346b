import { LRUCache } from 'lru-cache'
import type { Engine } from '../crypto/engine.js'
import type { Clock } from '../clock.js'
import type { EventHub } from '../events.js'
import type { DekRotations } from '../keys/sealing/dek-rotations.js'
import type { PlainBatch } from './batch.js'
import { Sealing, type SealingTarget } from './sealing.js'
import type { TopicRules } from './topic-rules.js'

/** Number of topics whose rule and DEKs are remembered. */
const MAX_TOPICS = 1000

/** Seals batches of records. */
export class Sealer {
  readonly #rules: TopicRules
  readonly #rotations: DekRotations
  readonly #engine: Engine
  readonly #clock: Clock
  readonly #events: EventHub
  readonly #targets = new LRUCache<string, SealingTarget | 'passthrough'>({ max: MAX_TOPICS })

  constructor(rules: TopicRules, rotations: DekRotations, engine: Engine, clock: Clock, events: EventHub) {
    this.#rules = rules
    this.#rotations = rotations
    this.#engine = engine
    this.#clock = clock
    this.#events = events
  }

  /** The longest time that a send may wait for a DEK, over all rules. */
  get longestDekTimeoutMs(): number {
    return this.#rules.longestDekTimeoutMs
  }

  /**
   * Checks the batches of one send; then seals them as far as DEKs are available.
   * @throws EnvelopeError TOPIC_NOT_CONFIGURED, INVALID_RECORD, ALREADY_SEALED, TOMBSTONE_REJECTED, TOO_LARGE,
   * DEK_LIMIT_TOO_SMALL, ENCRYPTION_CLOSED
   */
  begin(batches: readonly PlainBatch[]): Sealing {
    return Sealing.begin(
      batches,
      batches.map(({ topic }) => this.#targets.get(topic) ?? this.#newTarget(topic)),
    )
  }

  #newTarget(topic: string): SealingTarget | 'passthrough' {
    const rule = this.#rules.forWriting(topic)
    const target: SealingTarget | 'passthrough' =
      rule === 'passthrough'
        ? rule
        : {
            ...rule,
            rotation: this.#rotations.for(rule.sealing, topic),
            engine: this.#engine,
            clock: this.#clock,
            events: this.#events,
          }
    this.#targets.set(topic, target)
    return target
  }
}
