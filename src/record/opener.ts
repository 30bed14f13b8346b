import { LRUCache } from 'lru-cache'
import type { Engine } from '../crypto/engine.js'
import type { OpeningKeys } from '../keys/opening/opening-keys.js'
import { AadAlone } from './aads.js'
import { bodyAlone } from './bodies.js'
import { Examiner } from './examiner.js'
import { openAll, Opening } from './opening.js'
import type { OpenedRecord, OpenedValue, SealedRecord, Source } from './record.js'
import type { ReadingRule } from './topic-rules.js'

/** Number of topics whose preambles are remembered: a pattern may match any number of topics. */
const MAX_TOPICS = 1000

/** Opens batches of records of one topic and partition. */
export class Opener {
  readonly #keys: OpeningKeys
  readonly #engine: Engine
  readonly #aad = new AadAlone()
  readonly #examiners = new LRUCache<string, Examiner>({ max: MAX_TOPICS })
  #last: { readonly topic: string; readonly examiner: Examiner } | undefined

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
    const examiner = this.#examinerOf(rule, source.topic)
    return Opening.begin(records, { source, examiner, keys: this.#keys, engine: this.#engine })
  }

  /**
   * Opens a single record without the bookkeeping of a run, which would take longer than to open it. Returns undefined
   * if its key is not cached, if it has to be decompressed, or if it does not open: then `begin` says how it goes on.
   * @throws EnvelopeError as `begin` does
   */
  openAlone(rule: ReadingRule, { topic, partition }: Source, record: SealedRecord): OpenedValue | undefined {
    const examined = this.#examinerOf(rule, topic).examine(record, partition)
    if (!('preamble' in examined)) return examined.error === undefined ? examined : undefined
    const { request, compression, infos } = examined.preamble
    const found = compression.name === 'none' ? this.#keys.findCached(request) : undefined
    if (found === undefined) return undefined
    const value = this.#engine.openOne(found.key, bodyAlone(record, examined, this.#aad))
    return value && { value, envelope: infos.get(found.cmk) }
  }

  /**
   * Opens a single record under a rule that is not that of its topic. Transient failures are outcomes, too.
   * @throws EnvelopeError as `begin` does
   */
  async openUnder(rule: ReadingRule, source: Source, record: SealedRecord): Promise<OpenedRecord> {
    const examiner = new Examiner(rule, source.topic)
    const opening = Opening.begin([record], { source, examiner, keys: this.#keys, engine: this.#engine })
    const [opened] = await openAll(opening)
    return opened as OpenedRecord
  }

  #examinerOf(rule: ReadingRule, topic: string): Examiner {
    if (this.#last?.topic === topic) return this.#last.examiner
    let examiner = this.#examiners.get(topic)
    if (examiner === undefined) this.#examiners.set(topic, (examiner = new Examiner(rule, topic)))
    this.#last = { topic, examiner }
    return examiner
  }
}
