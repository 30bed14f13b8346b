import { describe, expect, it } from 'vitest'
import { takeOldest } from '../../../src/operate/topics/merge-feeds.js'
import { PartitionFeed } from '../../../src/operate/topics/partition-feed.js'
import type { RawBatch, RawMessage } from '../../../src/operate/topics/raw-message.js'

interface Given {
  readonly at: number
  readonly value?: Buffer
  readonly producer?: string
  readonly marker?: 'commit' | 'abort'
}

function batchOf(from: number, given: readonly Given[]): RawBatch {
  const rawMessages = given.map(({ at, value = null, producer, marker }, n): RawMessage => ({
    ...{ offset: String(from + n), timestamp: String(at), value, attributes: 0, headers: {} },
    key: marker === undefined ? null : Buffer.from([0, 0, 0, marker === 'commit' ? 1 : 0]),
    isControlRecord: marker !== undefined,
    batchContext: { producerId: producer ?? '-1', inTransaction: producer !== undefined },
  }))
  const lastOffset = (): string => String(from + given.length - 1)
  return { fetchedOffset: String(from), rawMessages, lastOffset } as unknown as RawBatch
}

const feed = (partition: number, to: number): PartitionFeed =>
  new PartitionFeed({ topic: 'orders', partition, from: 0n, to: BigInt(to) })

const places = (feeds: readonly PartitionFeed[]): string[] =>
  takeOldest(feeds).map(({ partition, message }) => `${String(partition)}:${message.offset}`)

describe('the records of several partitions', () => {
  it('the oldest of all partitions comes first, and of the same age that of the lowest partition', () => {
    const feeds = [feed(0, 2), feed(1, 3)]
    feeds[1]?.add(batchOf(0, [{ at: 10 }, { at: 20 }, { at: 50 }]))
    feeds[0]?.add(batchOf(0, [{ at: 20 }, { at: 30 }]))
    expect(places(feeds)).toEqual(['1:0', '0:0', '1:1', '0:1', '1:2'])
    expect(places(feeds)).toEqual([])
  })

  it('the records of a partition stay in the order of their offsets, whatever their timestamps', () => {
    const feeds = [feed(0, 2), feed(1, 2)]
    feeds[0]?.add(batchOf(0, [{ at: 90 }, { at: 10 }]))
    feeds[1]?.add(batchOf(0, [{ at: 50 }, { at: 60 }]))
    expect(places(feeds)).toEqual(['1:0', '1:1', '0:0', '0:1'])
  })

  it('nothing is taken while the first record of a partition is not known', () => {
    const feeds = [feed(0, 3), feed(1, 1)]
    feeds[0]?.add(batchOf(0, [{ at: 1 }, { at: 2 }]))
    expect(places(feeds)).toEqual([])
    feeds[1]?.add(batchOf(0, [{ at: 9 }]))
    // What follows in partition 0 may be older than the record of partition 1.
    expect(places(feeds)).toEqual(['0:0', '0:1'])
    expect(feeds.map(({ waits }) => waits)).toEqual([true, false])
    expect(feeds[0]?.fetchAt).toBe(2n)
    feeds[0]?.add(batchOf(2, [{ at: 3 }]))
    expect(places(feeds)).toEqual(['0:2', '1:0'])
  })

  it('no more than a mebibyte of values is taken at once', () => {
    const value = Buffer.alloc(700_000)
    const feeds = [feed(0, 3)]
    feeds[0]?.add(
      batchOf(
        0,
        [1, 2, 3].map((at) => ({ at, value })),
      ),
    )
    expect([places(feeds), places(feeds)]).toEqual([['0:0', '0:1'], ['0:2']])
  })

  it('records of an aborted transaction and markers are left out', () => {
    const feeds = [feed(0, 4)]
    const [a, b] = [
      { at: 1, producer: 'a' },
      { at: 1, producer: 'b' },
    ] as const
    feeds[0]?.add(batchOf(0, [a, b, { ...a, marker: 'abort' }, { ...b, marker: 'commit' }]))
    expect(places(feeds)).toEqual(['0:1'])
    expect(feeds[0]?.waits).toBe(false)
  })

  it('a record whose transaction has not ended is not taken before its marker was fetched', () => {
    const feeds = [feed(0, 3)]
    const a = { at: 1, producer: 'a' }
    feeds[0]?.add(batchOf(0, [a, a]))
    expect(places(feeds)).toEqual([])
    feeds[0]?.add(batchOf(2, [{ ...a, marker: 'commit' }]))
    expect(feeds[0]?.fetchAt).toBe(0n)
    feeds[0]?.add(batchOf(0, [a, a, { ...a, marker: 'commit' }]))
    expect(places(feeds)).toEqual(['0:0', '0:1'])
  })

  it('offsets that retention removed are skipped, and the rest is read', () => {
    const one = feed(0, 6)
    expect(one.add(batchOf(4, [{ at: 1 }]))).toBe(false)
    one.skipTo(4n)
    expect(one.fetchAt).toBe(4n)
    expect(one.add(batchOf(4, [{ at: 1 }, { at: 2 }]))).toBe(true)
    expect(places([one])).toEqual(['0:4', '0:5'])
    expect(one.left).toMatchObject({ from: 6n, to: 6n })
  })
})
