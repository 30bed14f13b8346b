import { LRUCache } from 'lru-cache'
import type { Engine } from '../crypto/engine.js'
import { bodyStart } from '../envelope/envelope.js'
import { EnvelopeError, isEnvelopeError } from '../errors.js'
import type { EventHub } from '../events.js'
import type { OpeningKeys } from '../keys/opening/opening-keys.js'
import { PreambleJudge } from './head-reader.js'
import { Opening, type Envelope, type OpenedRecord } from './opening.js'
import { describe, offsetNumber, type SealedRecord } from './record.js'
import type { ReadingRule, TopicRules } from './topic-rules.js'

/** Topics whose heads are remembered: a pattern may match any number of them. */
const MAX_TOPICS = 1000

/** Where a batch comes from. */
export interface Source {
  readonly topic: string
  readonly partition?: number
}

/** Opens batches of records of one topic and partition. */
export class Opener {
  readonly #rules: TopicRules
  readonly #keys: OpeningKeys
  readonly #engine: Engine
  readonly #events: EventHub
  readonly #heads = new LRUCache<string, PreambleJudge>({ max: MAX_TOPICS })

  constructor(rules: TopicRules, keys: OpeningKeys, engine: Engine, events: EventHub) {
    this.#rules = rules
    this.#keys = keys
    this.#engine = engine
    this.#events = events
  }

  /**
   * Begins to open a run of records. Failures of single records are outcomes, with the position of the record.
   * @throws EnvelopeError TOPIC_NOT_CONFIGURED
   */
  begin(source: Source, records: readonly SealedRecord[]): Opening {
    const rule = this.#rules.forReading(source.topic)
    return new Opening(records, {
      keys: this.#keys,
      engine: this.#engine,
      maxDecompressedBytes: rule === 'passthrough' ? 0 : rule.decrypt.maxDecompressedBytes,
      examine: (record) =>
        rule === 'passthrough'
          ? { value: record.value, envelope: undefined }
          : this.#examine(rule, source, record),
      locate: (error, record) => located(error, source, record),
    })
  }

  /** Reports what was opened to listeners. Call it once for each record, however often it is opened. */
  report(topic: string, results: readonly OpenedRecord[]): void {
    if (!this.#events.has('batch.opened')) return
    const rule = this.#rules.forReading(topic)
    if (rule === 'passthrough') return
    let messages = 0
    let bytes = 0
    for (const result of results) {
      if (result.error !== undefined || result.envelope === undefined) continue
      messages++
      bytes += result.value?.length ?? 0
    }
    if (messages > 0) this.#events.emit('batch.opened', { rule: rule.name, topic, messages, bytes })
  }

  /** All checks that need no key, in their order. */
  #examine(rule: ReadingRule, { topic, partition }: Source, record: SealedRecord): OpenedRecord | Envelope {
    const { value } = record
    if (value === null) {
      if (rule.decrypt.tombstones === 'pass') return { value: null, envelope: undefined }
      return { error: new EnvelopeError('TOMBSTONE_REJECTED', `rule ${rule.name} refuses null values`) }
    }
    if (!Buffer.isBuffer(value)) throw new EnvelopeError('INVALID_RECORD', `a value is ${describe(value)}`)
    try {
      const { length, head } = this.#reader(rule, topic).read(value)
      // The structure of the whole comes before what the header says.
      const bodyAt = bodyStart(value, length)
      return head instanceof EnvelopeError ? { error: head } : { value, head, bodyAt }
    } catch (error) {
      if (!isEnvelopeError(error)) throw error
      if (isAllowedPlaintext(error, rule, topic, partition, record)) return { value, envelope: undefined }
      return { error }
    }
  }

  #reader(rule: ReadingRule, topic: string): PreambleJudge {
    let reader = this.#heads.get(topic)
    if (reader === undefined) this.#heads.set(topic, (reader = new PreambleJudge(rule, topic)))
    return reader
  }
}

/** Plaintext is an error, unless the rule still allows it at this offset. */
function isAllowedPlaintext(
  error: EnvelopeError,
  { decrypt: { plaintext } }: ReadingRule,
  topic: string,
  partition: number | undefined,
  { offset, value }: SealedRecord,
): boolean {
  const isOwn =
    error.code === 'NOT_SEALED' ||
    (error.code === 'UNKNOWN_FORMAT' &&
      plaintext.fingerprints.includes((value as Buffer).toString('hex', 2, 10)))
  const until = partition === undefined ? undefined : plaintext.untilOffsets.get(topic)?.get(partition)
  return isOwn && until !== undefined && offset !== undefined && offsetNumber(offset) < until
}

function located(
  error: EnvelopeError,
  { topic, partition }: Source,
  { offset }: SealedRecord,
): EnvelopeError {
  return error.at({
    topic,
    ...(partition === undefined ? {} : { partition }),
    ...(offset === undefined ? {} : { offset }),
  })
}
