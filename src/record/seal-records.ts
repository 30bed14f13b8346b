import type { Encryption } from '../encryption.js'
import type { PlainBatch } from './batch.js'
import { at, each, ownKey, pathOf } from './given-records.js'
import { ownHeaders, type GivenHeaders } from './headers.js'
import { internalsOf } from './internals.js'
import type { Bytes, PlainRecord } from './record.js'

/** A record of any client, before sealing. Other members pass unchanged. */
export interface TopicRecord extends Omit<PlainRecord, 'headers'> {
  readonly topic: string
  readonly headers?: GivenHeaders | null | undefined
}

/** A copy of a record with its value sealed; null stays null. */
export type SealedCopy<R> = Omit<R, 'value'> & { value: Buffer | null }

/**
 * Seals a batch of records of any topics. Returns copies of the records with sealed values, in order; nothing is mutated.
 * Keys and headers are copied too. Send those copies, because they were authenticated.
 * @throws EnvelopeError as a wrapped producer's `send` does; then no record of the batch is returned
 */
export async function sealRecords<R extends TopicRecord>(
  encryption: Encryption,
  records: readonly R[],
): Promise<SealedCopy<R>[]> {
  const { sealer } = internalsOf(encryption, 'sealRecords')
  const topics = new Topics()
  const copies = each(records, (record, index) => {
    const copy = { ...record }
    topics.add(index, copy.topic, ownedBy(copy))
    return copy as SealedCopy<R>
  })
  const sealing = sealer.begin(topics.batches)
  if (!sealing.isDone) {
    sealing.hold()
    await sealing.complete()
  }
  for (const [b, { indexes }] of topics.batches.entries()) {
    const { values } = at(sealing.batches, b)
    for (let n = 0; n < indexes.length; n++) at(copies, at(indexes, n)).value = asBuffer(at(values, n))
  }
  return copies
}

/** Records by topic, in order of first use. */
class Topics {
  readonly batches: TopicBatch[] = []
  readonly #byName = new Map<string, TopicBatch>()
  #last: TopicBatch | undefined

  add(index: number, topic: string, record: PlainRecord): void {
    // Mostly the same as before.
    if (this.#last?.topic !== topic) this.#last = this.#byName.get(topic) ?? this.#start(topic)
    this.#last.indexes.push(index)
    this.#last.records.push(record)
  }

  #start(topic: string): TopicBatch {
    const indexes: number[] = []
    const batch = { topic, indexes, records: [], pathOf: (n: number) => pathOf(at(indexes, n)) }
    this.#byName.set(topic, batch)
    this.batches.push(batch)
    return batch
  }
}

/** The records of one topic, and where they are in the arguments of the call. */
interface TopicBatch extends PlainBatch {
  readonly indexes: number[]
  readonly records: PlainRecord[]
}

/**
 * Gives a copy of a record, which gets the sealed value, exactly the key and headers that are authenticated. Returns what
 * is sealed: mostly the copy itself, which saves an object for each record.
 */
function ownedBy(copy: { -readonly [M in keyof TopicRecord]: TopicRecord[M] }): PlainRecord {
  if (copy.key !== undefined) copy.key = ownKey(copy)
  if (copy.headers === undefined) return copy as PlainRecord
  const { copy: headers, byName } = ownHeaders(copy.headers)
  copy.headers = headers as TopicRecord['headers']
  return headers === byName ? (copy as PlainRecord) : { value: copy.value, key: copy.key, headers: byName }
}

function asBuffer(value: Bytes | null): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : value
}
