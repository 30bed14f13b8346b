import { LRUCache } from 'lru-cache'
import type { Engine } from '../crypto/engine.js'
import type { OpeningKeys } from '../keys/opening/opening-keys.js'
import { Examiner } from './examiner.js'
import { Opening } from './opening.js'
import type { SealedRecord, Source } from './record.js'
import type { ReadingRule } from './topic-rules.js'

/** Number of topics whose preambles are remembered: a pattern may match any number of topics. */
const MAX_TOPICS = 1000

/** Opens batches of records of one topic and partition. */
export class Opener {
  readonly #keys: OpeningKeys
  readonly #engine: Engine
  readonly #examiners = new LRUCache<string, Examiner>({ max: MAX_TOPICS })

  constructor(keys: OpeningKeys, engine: Engine) {
    this.#keys = keys
    this.#engine = engine
  }

  /**
   * Opens a run of records as far as keys are cached. Failures of single records are outcomes, with the position of the
   * record.
   * @param rule the rule of the topic
   * @throws EnvelopeError INVALID_RECORD, ENCRYPTION_CLOSED
   */
  begin(rule: ReadingRule, source: Source, records: readonly SealedRecord[]): Opening {
    const { topic } = source
    let examiner = this.#examiners.get(topic)
    if (examiner === undefined) this.#examiners.set(topic, (examiner = new Examiner(rule, topic)))
    return Opening.begin(records, { source, examiner, keys: this.#keys, engine: this.#engine })
  }
}
