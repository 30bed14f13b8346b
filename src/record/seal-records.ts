import type { Encryption } from '../encryption.js'
import { at, each, groups, ownKey, pathOf } from './given-records.js'
import { copyOfHeaders, readHeaders, type GivenHeaders } from './headers.js'
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
  const copies: SealedCopy<R>[] = []
  const plain = each(records, (record) => {
    const copy = copyOf(record)
    copies.push(copy as SealedCopy<R>)
    return plainOf(copy)
  })
  const topics = [...groups(copies, copies.keys(), ({ topic }) => topic)]
  const sealing = sealer.begin(
    topics.map(([topic, indexes]) => ({
      topic,
      records: indexes.map((i) => at(plain, i)),
      pathOf: (n) => pathOf(at(indexes, n)),
    })),
  )
  if (!sealing.isDone) {
    sealing.hold()
    await sealing.complete()
  }
  for (const [b, [, indexes]] of topics.entries()) {
    const { values } = at(sealing.batches, b)
    for (let n = 0; n < indexes.length; n++) at(copies, at(indexes, n)).value = asBuffer(at(values, n))
  }
  return copies
}

/** The copy that gets the sealed value, with exactly the key and headers that are authenticated. */
function copyOf<R extends TopicRecord>(record: R): R {
  const copy: { -readonly [M in keyof R]: R[M] } = { ...record }
  if (copy.key !== undefined) copy.key = ownKey(copy)
  if (copy.headers !== undefined) copy.headers = copyOfHeaders(copy.headers) as R['headers']
  return copy
}

/** What is sealed of a copy: without headers it is the copy itself, which saves an object for each record. */
function plainOf(copy: TopicRecord): PlainRecord {
  const { value, key, headers } = copy
  return headers === undefined ? (copy as PlainRecord) : { value, key, headers: readHeaders(headers) }
}

function asBuffer(value: Bytes | null): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : value
}
