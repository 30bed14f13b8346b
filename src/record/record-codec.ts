import type { Bytes } from '../envelope/aad.js'
import { EnvelopeError } from '../errors.js'
import type { Opener } from './opener.js'
import { openAll, type OpenedRecord } from './opening.js'
import { checkIsRecord, describe, type PlainRecord, type SealedRecord } from './record.js'
import type { Sealer } from './sealer.js'

/** A record of any client, before sealing. Members beyond these pass as they are. */
export interface TopicRecord extends PlainRecord {
  readonly topic: string
}

/** A record of any client, as it was read. */
export interface ReadRecord extends SealedRecord {
  readonly topic: string
  readonly partition?: number
}

/** A copy of a record with its value sealed; null stays null. */
export type SealedCopy<R> = Omit<R, 'value'> & { value: Buffer | null }

/** Seals and opens records of any topics, for clients and tools other than KafkaJS. */
export interface RecordCodec {
  /**
   * Copies of the records with sealed values, in order; nothing is mutated.
   * @throws EnvelopeError as a wrapped producer's `send` does; then nothing of the batch is returned
   */
  seal<R extends TopicRecord>(records: readonly R[]): Promise<SealedCopy<R>[]>
  /**
   * What came of each record, in order: its value, or the error with its code and kind. Transient errors
   * are results too: open those records again later. What the rule says under `onInvalid` and `onUnreadable` is for wrapped consumers.
   * @throws EnvelopeError TOPIC_NOT_CONFIGURED, INVALID_RECORD, ENCRYPTION_CLOSED
   */
  open(records: readonly ReadRecord[]): Promise<OpenedRecord[]>
}

export function recordCodec(sealer: Sealer, opener: Opener): RecordCodec {
  return {
    async seal(records) {
      const sealings = groups(records, topicOf).map(([topic, indexes]) => ({
        indexes,
        sealing: sealer.begin(
          topic,
          indexes.map((i) => at(records, i)),
        ),
      }))
      const sealed = records.map((record) => ({ ...record, value: null as Buffer | null }))
      for (const { indexes, sealing } of sealings) {
        const deadline = performance.now() + sealing.keyWaitMs
        while (!sealing.proceed()) await sealing.ready(deadline - performance.now())
        for (const [n, i] of indexes.entries()) at(sealed, i).value = asBuffer(at(sealing.values, n))
      }
      return sealed
    },
    async open(records) {
      const results: OpenedRecord[] = []
      const sources = groups(records, (record) => JSON.stringify([topicOf(record), record.partition]))
      for (const [, indexes] of sources) {
        const { topic, partition } = at(records, indexes[0] ?? 0)
        const batch = indexes.map((i) => at(records, i))
        const source = { topic, ...(partition === undefined ? {} : { partition }) }
        const opened = await openAll(opener.begin(source, batch))
        opener.report(topic, opened)
        for (const [n, i] of indexes.entries()) results[i] = at(opened, n)
      }
      return results
    },
  }
}

function asBuffer(value: Bytes | null): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : value
}

function topicOf(record: { readonly topic: string }): string {
  checkIsRecord(record)
  const topic: unknown = record.topic
  if (typeof topic === 'string' && topic !== '') return topic
  throw new EnvelopeError('INVALID_RECORD', `the topic of a record is empty or ${describe(topic)}`)
}

function groups<R>(records: readonly R[], nameOf: (record: R) => string): [string, number[]][] {
  const given: unknown = records
  if (!Array.isArray(given)) throw new EnvelopeError('INVALID_RECORD', `records is ${describe(given)}`)
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
  if (index >= list.length)
    throw new EnvelopeError('INVALID_RECORD', 'a list of records changed while it was used')
  return list[index] as T
}
