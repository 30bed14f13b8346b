import { EnvelopeError, isEnvelopeError } from '../errors.js'
import { checkIsRecord, describe, isBytes, ownCopy, type Bytes } from './record.js'
import { checkTopic } from './topic.js'

/** The result of `take` for each record, which is checked to be one. Errors say which it was. */
export function each<R extends { readonly topic: string }, T>(
  records: readonly R[],
  take: (record: R) => T,
): T[] {
  if (!Array.isArray(records))
    throw new EnvelopeError('INVALID_RECORD', `records is ${describe(records)}`, {
      remedy: 'Pass a list of records, each with a topic and a value',
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

export function pathOf(index: number): string {
  return `records[${String(index)}]`
}

/** A record's own key, in memory of our own where it is a Buffer. */
export function ownKey({ key }: { readonly key?: Bytes | null | undefined }): {
  key?: Bytes | null | undefined
} {
  return isBytes(key) ? { key: ownCopy(key) } : key === undefined ? {} : { key }
}

/** The indexes of records by a name, in order of first use. */
export function groups<R>(records: readonly R[], nameOf: (record: R) => string): [string, number[]][] {
  const byName = new Map<string, number[]>()
  for (const [i, record] of records.entries()) {
    const name = nameOf(record)
    const indexes = byName.get(name)
    if (indexes) indexes.push(i)
    else byName.set(name, [i])
  }
  return [...byName]
}

/** A member of a list that is known to be there. */
export function at<T>(list: readonly T[], index: number): T {
  return list[index] as T
}
