import type { Engine, OpenJob } from '../crypto/engine.js'
import { buildAad } from '../envelope/aad.js'
import { IV_BYTES } from '../envelope/bounds.js'
import { bodyStart } from '../envelope/envelope.js'
import { EnvelopeError, isEnvelopeError } from '../errors.js'
import type { EventHub } from '../events.js'
import type { LeasedKey, OpeningKey, OpeningKeys } from '../keys/opening-keys.js'
import { HeadReader, type ReadableHead } from './head-reader.js'
import {
  boundHeaderValues,
  boundKey,
  describe,
  offsetNumber,
  type EnvelopeInfo,
  type SealedRecord,
} from './record.js'
import type { ReadingRule, RuleBook } from './rules.js'

/** What came of a record: its value, or why there is none. A failure never becomes null. */
export type OpenedRecord =
  | { readonly value: Buffer | null; readonly envelope: EnvelopeInfo | undefined; readonly error?: undefined }
  | { readonly error: EnvelopeError; readonly value?: undefined }

/** Where a batch comes from. */
export interface Source {
  readonly topic: string
  readonly partition?: number
}

/** A record that waits for its content key. */
interface Pending {
  readonly index: number
  readonly value: Buffer
  readonly head: ReadableHead
  readonly bodyAt: number
}

/** Opens batches of records of one topic and partition. */
export class Opener {
  readonly #rules: RuleBook
  readonly #keys: OpeningKeys
  readonly #engine: Engine
  readonly #events: EventHub
  readonly #heads = new Map<string, HeadReader>()

  constructor(rules: RuleBook, keys: OpeningKeys, engine: Engine, events: EventHub) {
    this.#rules = rules
    this.#keys = keys
    this.#engine = engine
    this.#events = events
  }

  /**
   * Opens what can be opened; a promise only where a KMS must be asked. One result for each record, in
   * order. Failures of single records are results, with where the record stands.
   *
   * @throws EnvelopeError TOPIC_NOT_CONFIGURED, INVALID_RECORD, ENCRYPTION_CLOSED
   */
  open(source: Source, records: readonly SealedRecord[]): OpenedRecord[] | Promise<OpenedRecord[]> {
    const rule = this.#rules.forReading(source.topic)
    if (rule === 'passthrough') return records.map(({ value }) => ({ value, envelope: undefined }))
    const results: (OpenedRecord | undefined)[] = []
    const pending: Pending[] = []
    for (const [index, record] of records.entries()) {
      const examined = this.#examine(rule, source, record)
      if ('head' in examined) pending.push({ index, ...examined })
      else results[index] = examined
    }
    const keys = new Map<ReadableHead, OpeningKey | EnvelopeError>()
    const missing = new Set<ReadableHead>()
    for (const { head } of pending) {
      if (keys.has(head) || missing.has(head)) continue
      const key = this.#keys.find(head.request)
      if (key === undefined) missing.add(head)
      else keys.set(head, key)
    }
    const finish = (): OpenedRecord[] => {
      this.#openPending(rule, records, pending, keys, results)
      return results.map((result, i) => located(result as OpenedRecord, source, records[i] as SealedRecord))
    }
    return missing.size > 0 ? this.#afterLoading(pending, keys, finish) : finish()
  }

  /** Tells listeners what a batch came to. For whoever will not open it again: one that is retried counts once. */
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

  /** Unwraps a batch's distinct DEKs together, and holds all its keys until the batch is open. */
  async #afterLoading(
    pending: readonly Pending[],
    keys: Map<ReadableHead, OpeningKey | EnvelopeError>,
    finish: () => OpenedRecord[],
  ): Promise<OpenedRecord[]> {
    // Keys that were at hand may be gone after the wait, so all are leased now.
    const heads = [...new Set(pending.map(({ head }) => head))]
    const loaded = await Promise.allSettled(heads.map((head) => this.#keys.load(head.request)))
    const leases: LeasedKey[] = []
    // Not about a record: a bug, or an owner that was closed meanwhile.
    let fatal: unknown
    for (const [i, result] of loaded.entries()) {
      const head = heads[i] as ReadableHead
      if (result.status === 'fulfilled') {
        leases.push(result.value)
        keys.set(head, result.value)
      } else if (isEnvelopeError(result.reason) && result.reason.code !== 'ENCRYPTION_CLOSED')
        keys.set(head, result.reason)
      else fatal = result.reason
    }
    try {
      if (fatal !== undefined) throw fatal as Error
      return finish()
    } finally {
      for (const lease of leases) lease.release()
    }
  }

  /** All checks that need no key, in their order. */
  #examine(
    rule: ReadingRule,
    { topic, partition }: Source,
    record: SealedRecord,
  ): OpenedRecord | Omit<Pending, 'index'> {
    const { value } = record
    if (value === null) {
      if (rule.read.tombstones === 'pass') return { value: null, envelope: undefined }
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

  #reader(rule: ReadingRule, topic: string): HeadReader {
    let reader = this.#heads.get(topic)
    if (reader === undefined) this.#heads.set(topic, (reader = new HeadReader(rule, topic)))
    return reader
  }

  /** AEAD, then decompression. */
  #openPending(
    rule: ReadingRule,
    records: readonly SealedRecord[],
    pending: readonly Pending[],
    keys: ReadonlyMap<ReadableHead, OpeningKey | EnvelopeError>,
    results: (OpenedRecord | undefined)[],
  ): void {
    const jobs: OpenJob[] = []
    const opening: (Pending & { readonly envelope: EnvelopeInfo })[] = []
    for (const item of pending) {
      const found = keys.get(item.head) as OpeningKey | EnvelopeError
      if (isEnvelopeError(found)) {
        results[item.index] = { error: found }
        continue
      }
      const { head, value: source, bodyAt, index } = item
      const record = records[index] as SealedRecord
      const aad = buildAad(
        head.aad,
        head.keyBound ? boundKey(record) : undefined,
        boundHeaderValues(record, head.boundHeaders),
      )
      const ivAt = head.length
      jobs.push({ key: found.key, aad, source, ivAt, tagAt: ivAt + IV_BYTES, bodyAt })
      opening.push({ ...item, envelope: head.info(found.cmk) })
    }
    for (const [i, plaintext] of this.#engine.openMany(jobs).entries()) {
      const { index, head, envelope } = opening[i] as (typeof opening)[number]
      results[index] =
        plaintext === undefined
          ? { error: new EnvelopeError('AUTHENTICATION_FAILED', 'the record is not what was sealed') }
          : decompressed(plaintext, head, rule, envelope)
    }
  }
}

function decompressed(
  plaintext: Buffer,
  { compression }: ReadableHead,
  { read }: ReadingRule,
  envelope: EnvelopeInfo,
): OpenedRecord {
  try {
    return { value: compression.decompress(plaintext, read.maxDecompressedBytes), envelope }
  } catch (error) {
    if (!isEnvelopeError(error)) throw error
    return { error }
  }
}

/** Plaintext is an error, unless the rule still allows it at this offset. */
function isAllowedPlaintext(
  error: EnvelopeError,
  { read: { plaintext } }: ReadingRule,
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

function located(result: OpenedRecord, { topic, partition }: Source, { offset }: SealedRecord): OpenedRecord {
  if (result.error === undefined) return result
  return {
    error: result.error.at({
      topic,
      ...(partition === undefined ? {} : { partition }),
      ...(offset === undefined ? {} : { offset }),
    }),
  }
}
