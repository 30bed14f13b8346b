import type { Encryption } from '../encryption.js'
import { at, each, groups, ownKey, pathOf } from './given-records.js'
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
  const copies: SealedCopy<R>[] = []
  const plain = each(records, (record) => {
    const copy = { ...record }
    copies.push(copy as SealedCopy<R>)
    return ownedBy(copy)
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
