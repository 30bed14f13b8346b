import { describe, expect, it } from 'vitest'
import { SourceReading } from '../../../src/operate/topics/source-reading.js'
import type { RawMessage } from '../../../src/operate/topics/raw-message.js'

type Kind = 'plain' | 'commit' | 'abort' | 'sent'

/** A partition, by offset: `sent` records and the markers belong to transactions of a producer. */
interface Entry {
  readonly kind: Kind
  readonly producer?: string
  readonly key?: Buffer
}

const plain: Entry = { kind: 'plain' }
const sent = (producer: string, key?: Buffer): Entry => ({ kind: 'sent', producer, ...(key && { key }) })
const commit = (producer: string): Entry => ({ kind: 'commit', producer })
const abort = (producer: string): Entry => ({ kind: 'abort', producer })

function rawOf({ kind, producer = '-1', key }: Entry, offset: number): RawMessage {
  const isControlRecord = kind === 'commit' || kind === 'abort'
  return {
    ...{ offset: String(offset), value: null, timestamp: '0', attributes: 0, headers: {} },
    key: isControlRecord ? Buffer.from([0, 0, 0, kind === 'commit' ? 1 : 0]) : (key ?? null),
    isControlRecord,
    batchContext: { producerId: producer, inTransaction: kind !== 'plain' },
  }
}

/** Reads as KafkaJS does, with fetches of `size` offsets: it delivers no batch without a record. */
function read(log: readonly Entry[], size: number, reading: SourceReading, fetches: number[] = []): number[] {
  const taken: number[] = []
  while (!reading.isDone) {
    if (fetches.length > 1000) throw new Error('it does not end')
    const at = Number(reading.fetchAt)
    fetches.push(at)
    const raw = log.slice(at, at + size).map((entry, n) => rawOf(entry, at + n))
    const [firstOffset, lastOffset] = [String(at), String(at + raw.length - 1)]
    const isEmpty = raw.every(({ isControlRecord }) => isControlRecord === true)
    const batch = { fetchedOffset: String(at), rawMessages: raw, lastOffset: () => lastOffset }
    const got = isEmpty ? reading.takeMarkers({ firstOffset, lastOffset }) : reading.take(batch)
    if (got === undefined) throw new Error('offsets are missing')
    taken.push(...got.messages.map(({ offset }) => Number(offset)))
    reading.passed(got.upTo)
  }
  return taken
}

describe('SourceReading', () => {
  const INT_0 = Buffer.alloc(4)
  // a is aborted after b, which began later; c is committed around plain records; d is aborted, after a key like a marker.
  const log = [
    ...[plain, sent('a'), sent('b'), sent('a'), abort('b'), plain, sent('c'), abort('a'), plain, sent('c')],
    ...[commit('c'), sent('d', INT_0), sent('d'), plain, abort('d'), sent('a'), plain, commit('a')],
  ]
  const committed = [0, 5, 6, 8, 9, 13, 15, 16]

  it.each([2, 3, 4, 5, 7, 100])(
    'it takes each committed record once and in order, by fetches of %d offsets',
    (size) => {
      expect(read(log, size, new SourceReading(0n, BigInt(log.length)))).toEqual(committed)
    },
  )

  it.each([...log.keys()])('begun at offset %d, it takes what is committed from there on', (offset) => {
    const reading = new SourceReading(BigInt(offset), BigInt(log.length))
    expect(read(log, 3, reading)).toEqual(committed.filter((each) => each >= offset))
  })

  it('it reads no further than to its end, and is done there although records follow', () => {
    expect(read([plain, plain, plain], 100, new SourceReading(0n, 2n))).toEqual([0, 1])
  })

  it('it looks further for the end of a long transaction, and then takes its records', () => {
    const long = [...Array.from({ length: 20 }, () => sent('a')), commit('a')]
    const fetches: number[] = []
    expect(read(long, 4, new SourceReading(0n, 21n), fetches)).toHaveLength(20)
    // Once ahead for the marker, and once for the records.
    expect(fetches.length).toBeLessThan(14)
  })

  it('a batch after offsets that were not seen is refused', () => {
    const reading = new SourceReading(3n, 10n)
    const batch = { fetchedOffset: '4', rawMessages: [rawOf(plain, 4)], lastOffset: () => '4' }
    expect(reading.take(batch)).toBeUndefined()
    expect(reading.next).toBe(3n)
  })

  it('a batch is refused that begins after the next record because that one is gone, though it was seen', () => {
    const reading = new SourceReading(0n, 3n)
    const fetched = (from: number, ...entries: Entry[]): Parameters<SourceReading['take']>[0] => ({
      ...{ fetchedOffset: String(from), lastOffset: () => String(from + entries.length - 1) },
      rawMessages: entries.map((entry, n) => rawOf(entry, from + n)),
    })
    expect(reading.take(fetched(0, sent('a'), plain))?.messages).toEqual([])
    expect(reading.take(fetched(2, plain, commit('a')))?.messages).toEqual([])
    expect(reading.fetchAt).toBe(0n)
    expect(reading.take(fetched(1, plain, plain))).toBeUndefined()
  })

  it('after a rewind, it takes the same records again', () => {
    const reading = new SourceReading(0n, 2n)
    const batch = {
      fetchedOffset: '0',
      rawMessages: [rawOf(plain, 0), rawOf(plain, 1)],
      lastOffset: () => '1',
    }
    expect(reading.take(batch)?.messages).toHaveLength(2)
    expect(reading.fetchAt).toBe(2n)
    reading.rewind()
    expect(reading.fetchAt).toBe(0n)
    expect(reading.take(batch)?.messages).toHaveLength(2)
  })
})
