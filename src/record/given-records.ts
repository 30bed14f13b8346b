import { EnvelopeError } from '../errors.js'
import { describe, isBytes, isRecord, located, notARecord, ownCopy, type Bytes } from './record.js'
import { isNamed, unnamedTopic } from './topic.js'

/**
 * The result of `take` for each record, which is checked to be one.
 * @throws EnvelopeError INVALID_RECORD, which says which record it was
 */
export function each<R extends { readonly topic: string }, T>(
  records: readonly R[],
  take: (record: R, index: number) => T,
): T[] {
  if (!Array.isArray(records))
    throw new EnvelopeError('INVALID_RECORD', `records is ${describe(records)}`, {
      remedy: 'Pass a list of records, each with a topic and a value',
    })
  const taken = new Array<T>(records.length)
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as R
    if (!isRecord(record)) throw notARecord(record, pathOf(i))
    const { topic } = record
    if (!isNamed(topic)) throw unnamedTopic(topic, `${pathOf(i)}.topic`)
    try {
      taken[i] = take(record, i)
    } catch (error) {
      throw located(error, topic, pathOf(i))
    }
  }
  return taken
}

export function pathOf(index: number): string {
  return `records[${String(index)}]`
}

/** The key of a record; a copy if it is a Buffer. */
export function ownKey({ key }: { readonly key?: Bytes | null | undefined }): Bytes | null | undefined {
  return isBytes(key) ? ownCopy(key) : key
}

/** Groups the indexes that have the same name, in order of first use. */
export function groups<R, Name>(
  records: readonly R[],
  indexes: Iterable<number>,
  nameOf: (record: R) => Name,
): Map<Name, number[]> {
  const byName = new Map<Name, number[]>()
  let last: { readonly name: Name; readonly group: number[] } | undefined
  for (const i of indexes) {
    const name = nameOf(at(records, i))
    // Mostly the same as before.
    if (last === undefined || last.name !== name) {
      const group = byName.get(name) ?? []
      byName.set(name, group)
      last = { name, group }
    }
    last.group.push(i)
  }
  return byName
}

/** An item that the list is known to have. */
export function at<T>(list: readonly T[], index: number): T {
  return list[index] as T
}
