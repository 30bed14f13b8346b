import { expect, it } from 'vitest'
import { add, addAll, count, emptyTally, noneYet, OTHERS } from '../../../src/operate/scan/tally.js'

const one = (offset: string, timestamp = 1): ReturnType<typeof noneYet> => {
  const found = noneYet(offset)
  count(found, 10, offset, timestamp)
  return found
}

it('occurrences keep the first and last offset, and the smallest and largest timestamp', () => {
  const found = noneYet('9')
  for (const [offset, timestamp] of [
    ['9', 50],
    ['10', 20],
    ['11', -1],
    ['12', 70],
  ] as const) {
    count(found, 3, offset, timestamp)
  }
  expect(found).toEqual({ records: 4, bytes: 12, first: '9', last: '12', earliest: 20, latest: 70 })
  const tally = emptyTally()
  add(tally, 'kind', 'sealed', found)
  add(tally, 'kind', 'sealed', one('8', 90))
  add(tally, 'kind', 'sealed', one('100', -1))
  expect(tally.kind).toEqual({
    sealed: { records: 6, bytes: 32, first: '8', last: '100', earliest: 20, latest: 90 },
  })
})

it('values beyond 200 are counted together, except for those that are watched', () => {
  const tally = emptyTally()
  const isWatched = (value: string): boolean => value === 'p wanted'
  for (let i = 0; i < 500; i++) add(tally, 'cmk', `p ${String(i)}`, one(String(i)), isWatched)
  add(tally, 'cmk', 'p wanted', one('500'), isWatched)
  expect(Object.keys(tally.cmk)).toHaveLength(202)
  expect(tally.cmk[OTHERS]).toMatchObject({ records: 300, first: '200', last: '499' })
  expect(tally.cmk['p wanted']).toMatchObject({ records: 1 })
})

it('a watched id takes a bounded number of places, whatever providers forged envelopes name', () => {
  const tally = emptyTally()
  for (let i = 0; i < 1000; i++) add(tally, 'cmk', `p${String(i)} wanted`, one(String(i)), () => true)
  expect(Object.keys(tally.cmk)).toHaveLength(401)
  expect(tally.cmk[OTHERS]).toMatchObject({ records: 600 })
})

it('a name with a meaning in JavaScript is a value like any other', () => {
  const [tally, all] = [emptyTally(), emptyTally()]
  for (const name of ['__proto__', 'constructor', 'toString']) add(tally, 'sealedFor', name, one('1'))
  addAll(all, tally)
  addAll(all, tally)
  expect(Object.entries(all.sealedFor).map(([name, { records }]) => `${name} ${String(records)}`)).toEqual([
    ...['__proto__ 2', 'constructor 2', 'toString 2'],
  ])
})
