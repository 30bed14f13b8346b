import { expect, it } from 'vitest'
import { accountsOf, faultsIn, type Books } from '../../faults/harness/accounts.js'
import type { Consumed, Produced } from '../../faults/harness/ledger.js'

const KEYS = 2

function produced(what: Produced['what'], from: number, to: number): Produced {
  return { at: 0, what, producer: 'p', from, to }
}

/** A delivery of record `n`, by default at the offset of the same number. */
function consumed(n: number, { offset = n, at = n }: { offset?: number; at?: number } = {}): Consumed {
  const record = { producer: 'p', n, key: `key-${String(n % KEYS)}` }
  return { at, topic: 't', partition: 0, offset, record }
}

/** Six records, sent and acknowledged, each delivered once; then what the case changes. */
function faults(change: Partial<Books>, mayDouble = {}): string[] {
  const books = {
    produced: [produced('sent', 0, 6), produced('acked', 0, 6)],
    consumed: [[0, 1, 2, 3, 4, 5].map((n) => consumed(n))],
  }
  return faultsIn(accountsOf({ ...books, ...change }), mayDouble)
}

const ALL = [0, 1, 2, 3, 4, 5].map((n) => consumed(n))

it('accounts in which every record was delivered once and in order have no fault', () => {
  expect(faults({})).toEqual([])
  expect(
    accountsOf({ produced: [produced('sent', 0, 6), produced('acked', 0, 6)], consumed: [ALL] }),
  ).toEqual({
    sent: 6,
    acknowledged: 6,
    delivered: 6,
    lost: 0,
    writtenTwice: 0,
    deliveredTwice: 0,
    unauthenticated: 0,
    unknown: 0,
    disordered: 0,
  })
})

it('an acknowledged record that nobody received is lost', () => {
  expect(faults({ consumed: [ALL.toSpliced(2, 1)] })).toEqual(['lost: 1'])
  expect(faults({ consumed: [] })).toEqual(['lost: 6'])
})

it('a record that was sent and never acknowledged may come or not', () => {
  const half = [produced('sent', 0, 6), produced('acked', 0, 3), produced('refused', 3, 6)]
  expect(faults({ produced: half })).toEqual([])
  expect(faults({ produced: half, consumed: [ALL.slice(0, 3)] })).toEqual([])
})

it('a record that is delivered again from its offset needs permission', () => {
  const twice = [[...ALL, consumed(3, { at: 9 })]]
  expect(faults({ consumed: twice })).toEqual(['deliveredTwice: 1'])
  expect(faults({ consumed: twice }, { written: 'a reason' })).toEqual(['deliveredTwice: 1'])
  expect(faults({ consumed: twice }, { delivered: 'a reason' })).toEqual([])
})

it('a record that stands at two offsets needs permission of its own', () => {
  const twice = [[...ALL, consumed(3, { offset: 9, at: 9 })]]
  expect(faults({ consumed: twice })).toEqual(['writtenTwice: 1'])
  expect(faults({ consumed: twice }, { delivered: 'a reason' })).toEqual(['writtenTwice: 1'])
  expect(faults({ consumed: twice }, { written: 'a reason' })).toEqual([])
})

it('a record that is no whole record of a producer is unauthenticated', () => {
  const { record: _, ...rest } = consumed(6)
  expect(faults({ consumed: [[...ALL, { ...rest, record: undefined }]] })).toEqual(['unauthenticated: 1'])
})

it('a record that no producer wrote down is unknown', () => {
  expect(faults({ consumed: [[...ALL, consumed(6)]] })).toEqual(['unknown: 1'])
})

it('a record that comes first after a later one of its key is disordered, whichever process received it', () => {
  const late = [[0, 1, 3, 4, 5].map((n) => consumed(n)), [consumed(2, { at: 9 })]]
  expect(faults({ consumed: late })).toEqual(['disordered: 1'])
  // Another key's records may come in any order.
  const other = [[consumed(1, { at: 0 }), consumed(0, { at: 1 }), ...ALL.slice(2)]]
  expect(faults({ consumed: other })).toEqual([])
})

it('a second delivery does not count for the order', () => {
  expect(faults({ consumed: [[...ALL, consumed(0, { at: 9 })]] }, { delivered: 'a reason' })).toEqual([])
})

it('books in which nothing happened show nothing', () => {
  expect(faults({ produced: [], consumed: [] })).toEqual(['no record was acknowledged'])
})
