import type { Encryption } from '../encryption.js'
import { EnvelopeError, isEnvelopeError } from '../errors.js'
import { copyOfHeaders, readHeaders, type GivenHeaders } from './headers.js'
import { internalsOf } from './internals.js'
import { openAll, type OpenedRecord } from './opening.js'
import {
  checkIsRecord,
  describe,
  isBytes,
  offsetText,
  ownCopy,
  type Bytes,
  type PlainRecord,
  type SealedRecord,
} from './record.js'
import { checkTopic } from './topic.js'

/** A record of any client, before sealing. Members beyond these pass as they are. */
export interface TopicRecord extends Omit<PlainRecord, 'headers'> {
  readonly topic: string
  readonly headers?: GivenHeaders | null | undefined
}

/** A record of any client, as it was read. */
export interface ReadRecord extends Omit<SealedRecord, 'headers' | 'offset'> {
  readonly topic: string
  readonly partition?: number
  /** Kafka offset: decimal text, a bigint, or a safe integer. Only a rule that still allows plaintext needs it. */
  readonly offset?: string | bigint | number
  readonly headers?: GivenHeaders | null | undefined
}

/** A copy of a record with its value sealed; null stays null. */
export type SealedCopy<R> = Omit<R, 'value'> & { value: Buffer | null }

/**
 * Seals a batch of records of any topics. Returns copies of the records with sealed values, in order; nothing is mutated.
 * Keys and headers are copies too: send those, because they are what was authenticated.
 * @throws EnvelopeError as a wrapped producer's `send` does; then nothing of the batch is returned
 */
export async function sealRecords<R extends TopicRecord>(
  encryption: Encryption,
  records: readonly R[],
): Promise<SealedCopy<R>[]> {
  const { sealer } = internalsOf(encryption, 'sealRecords')
  const own = each(records, sealable)
  const sealings = groups(own, ({ copy }) => copy.topic).map(([topic, indexes]) => ({
    indexes,
    sealing: sealer.begin({
      topic,
      records: indexes.map((i) => at(own, i).plain),
      pathOf: (n) => pathOf(at(indexes, n)),
    }),
  }))
  for (const { sealing } of sealings) if (!sealing.proceed()) sealing.hold()
  await Promise.all(sealings.map(({ sealing }) => sealing.complete()))
  const sealed = own.map(({ copy }) => ({ ...copy, value: null as Buffer | null }))
  for (const { indexes, sealing } of sealings)
    for (const [n, i] of indexes.entries()) at(sealed, i).value = asBuffer(at(sealing.values, n))
  return sealed
}

/**
 * Opens a batch of records of any topics. Returns the outcome of each record, in order: its value, or the error with its
 * code and kind. Transient errors are outcomes too: open those records again later. What a rule says under `onInvalid`
 * and `onUnreadable` is for wrapped consumers.
 * @throws EnvelopeError TOPIC_NOT_CONFIGURED, INVALID_RECORD, ENCRYPTION_CLOSED
 */
export async function openRecords(
  encryption: Encryption,
  records: readonly ReadRecord[],
): Promise<OpenedRecord[]> {
  const { opener } = internalsOf(encryption, 'openRecords')
  const own = each(records, openable)
  const results: OpenedRecord[] = []
  for (const [, indexes] of groups(own, ({ topic, partition }) => JSON.stringify([topic, partition]))) {
    const batch = indexes.map((i) => at(own, i))
    const { topic, partition } = at(batch, 0)
    const source = { topic, ...(partition === undefined ? {} : { partition }) }
    const opened = await openAll(opener.begin(source, batch))
    opener.report(topic, opened)
    for (const [n, i] of indexes.entries()) results[i] = at(opened, n)
  }
  return results
}

/** What is sealed, and the copy that its value goes into: with the very key and headers that are authenticated. */
function sealable<R extends TopicRecord>(record: R): { copy: R; plain: PlainRecord } {
  const copy = {
    ...record,
    ...ownKey(record),
    ...('headers' in record ? { headers: copyOfHeaders(record.headers) } : {}),
  }
  return { copy, plain: { value: copy.value, key: copy.key, headers: readHeaders(copy.headers) } }
}

function openable(
  record: ReadRecord,
): SealedRecord & { readonly topic: string; readonly partition?: number } {
  const { topic, partition, value, offset, headers } = record
  if (value !== null && !(isBytes(value) && typeof value !== 'string'))
    throw new EnvelopeError('INVALID_RECORD', `the value is ${describe(value)}`)
  return {
    topic,
    value,
    headers: readHeaders(headers),
    ...ownKey(record),
    ...(partition === undefined ? {} : { partition }),
    ...(offset === undefined ? {} : { offset: offsetText(offset) }),
  }
}

function ownKey({ key }: { readonly key?: Bytes | null | undefined }): { key?: Bytes | null | undefined } {
  return isBytes(key) ? { key: ownCopy(key) } : key === undefined ? {} : { key }
}

/** What `take` makes of each record, which is checked to be one; errors say which it was. */
function each<R extends { readonly topic: string }, T>(records: readonly R[], take: (record: R) => T): T[] {
  if (!Array.isArray(records))
    throw new EnvelopeError('INVALID_RECORD', `records is ${describe(records)}`, {
      remedy: 'Give a list of records, each with a topic and a value',
    })
  return Array.from(records, (record: R, i) => {
    checkIsRecord(record, pathOf(i))
    const { topic } = record
    checkTopic(topic, `${pathOf(i)}.topic`)
    try {
      return take(record)
    } catch (error) {
      throw isEnvelopeError(error) ? error.at({ topic, path: pathOf(i) }) : error
    }
  })
}

function pathOf(index: number): string {
  return `records[${String(index)}]`
}

function asBuffer(value: Bytes | null): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : value
}

function groups<R>(records: readonly R[], nameOf: (record: R) => string): [string, number[]][] {
  const byName = new Map<string, number[]>()
  for (const [i, record] of records.entries()) {
    const name = nameOf(record)
    const indexes = byName.get(name)
    if (indexes) indexes.push(i)
    else byName.set(name, [i])
  }
  return [...byName]
}

function at<T>(list: readonly T[], index: number): T {
  return list[index] as T
}
