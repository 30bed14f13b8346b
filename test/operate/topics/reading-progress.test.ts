import { expect, it } from 'vitest'
import type { OffsetRange } from '../../../src/operate/topics/ranges.js'
import { ReadingProgress } from '../../../src/operate/topics/reading-progress.js'

const range = (partition: number, from: bigint, to: bigint): OffsetRange => ({
  topic: 't',
  partition,
  from,
  to,
})
const at = (...offsets: string[]): { offset: string }[] => offsets.map((offset) => ({ offset }))

it('a reading is done once each partition has reached the end that it had at the start', () => {
  const progress = new ReadingProgress([range(0, 5n, 8n), range(1, 0n, 2n), range(2, 7n, 7n)])
  expect(progress.passed('t', 0, '7')).toBe(true)
  expect(progress.passed('t', 0, '7')).toBe(true)
  expect(progress.isDone).toBe(false)
  expect(progress.passed('t', 1, '0')).toBe(false)
  expect(progress.left).toEqual([range(1, 1n, 2n)])
  expect([progress.next('t', 0), progress.next('t', 1), progress.next('t', 2)]).toEqual([
    ...[undefined, 1n, undefined],
  ])
  expect(progress.passed('t', 1, '9')).toBe(true)
  expect(progress.isDone).toBe(true)
})

it('a record counts once, and only if the partition had it at the start', () => {
  const progress = new ReadingProgress([range(0, 5n, 9007199254740995n)])
  const all = at('4', '5', '9007199254740994', '9007199254740995')
  expect(progress.ahead('t', 0, all)).toEqual(at('5', '9007199254740994'))
  expect([progress.ahead('t', 1, all), progress.ahead('u', 0, all)]).toEqual([[], []])
  progress.passed('t', 0, '6')
  progress.passed('t', 0, '5')
  expect(progress.ahead('t', 0, at('5', '6', '7'))).toEqual(at('7'))
  expect(progress.ahead('t', 0, at('7', '8'))).toEqual(at('7', '8'))
  expect(progress.ahead('t', 0, [])).toEqual([])
})

it('a reading of empty ranges, or of none, is done at the start', () => {
  expect(new ReadingProgress([range(0, 3n, 3n)]).isDone).toBe(true)
  expect(new ReadingProgress([]).isDone).toBe(true)
})

it('what a reading does not cover is passed over', () => {
  const progress = new ReadingProgress([range(0, 0n, 1n)])
  expect(progress.passed('u', 0, '5')).toBe(false)
  expect(progress.next('u', 0)).toBeUndefined()
  expect(progress.isDone).toBe(false)
})
