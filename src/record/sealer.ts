import type { Engine } from '../crypto/engine.js'
import type { EventHub } from '../events.js'
import type { DekRotations } from '../keys/sealing/dek-rotations.js'
import { PassedBatch } from './passed-batch.js'
import type { PlainRecord } from './record.js'
import { SealedBatch, Sealing } from './sealing.js'
import type { TopicRules } from './topic-rules.js'

/** Records of one topic. Keys and headers are nobody else's: what is authenticated is what will be sent. */
export interface PlainBatch {
  readonly topic: string
  readonly records: readonly PlainRecord[]
  /** Where a record is in what was passed to the call, for errors. */
  pathOf(index: number): string
}

/** Seals batches of records. */
export class Sealer {
  readonly #rules: TopicRules
  readonly #rotations: DekRotations
  readonly #engine: Engine
  readonly #events: EventHub

  constructor(rules: TopicRules, rotations: DekRotations, engine: Engine, events: EventHub) {
    this.#rules = rules
    this.#rotations = rotations
    this.#engine = engine
    this.#events = events
  }

  /** How long a send may wait for a DEK, under whichever rule. */
  get longestDekTimeoutMs(): number {
    return this.#rules.longestDekTimeoutMs
  }

  /**
   * Checks the batches of one send; then seals them as far as cached DEKs go.
   * @throws EnvelopeError TOPIC_NOT_CONFIGURED, INVALID_RECORD, ALREADY_SEALED, TOMBSTONE_REJECTED, TOO_LARGE,
   * DEK_LIMIT_TOO_SMALL, ENCRYPTION_CLOSED
   */
  begin(batches: readonly PlainBatch[]): Sealing {
    return Sealing.begin(
      batches.map((batch) => {
        const rule = this.#rules.forWriting(batch.topic)
        if (rule === 'passthrough') return new PassedBatch(batch)
        const rotation = this.#rotations.for(rule.sealing, batch.topic)
        return new SealedBatch(batch, { ...rule, rotation, engine: this.#engine, events: this.#events })
      }),
    )
  }
}
