import { expect, it } from 'vitest'
import { TopicProgress } from '../../../src/cli/dictionary/topic-progress.js'

it('a topic is read once each partition has reached the end that it had at the start', () => {
  const progress = new TopicProgress([
    { partition: 0, low: '5', high: '8' },
    { partition: 1, low: '0', high: '2' },
    { partition: 2, low: '7', high: '7' },
  ])
  expect(progress.atMost).toBe(5)
  progress.passed(0, '7')
  expect(progress.isDone).toBe(false)
  progress.passed(1, '0')
  expect(progress.isDone).toBe(false)
  progress.passed(1, '9')
  expect(progress.isDone).toBe(true)
})

it('a record counts once, and only if the topic had it at the start', () => {
  const progress = new TopicProgress([{ partition: 0, low: '5', high: '9007199254740995' }])
  expect(['4', '5', '9007199254740994', '9007199254740995'].map((at) => progress.isAhead(0, at))).toEqual([
    ...[false, true, true, false],
  ])
  expect(progress.isAhead(1, '5')).toBe(false)
  progress.passed(0, '6')
  progress.passed(0, '5')
  expect(['5', '6', '7'].map((at) => progress.isAhead(0, at))).toEqual([false, false, true])
})

it('a topic without records is read from the start', () => {
  expect(new TopicProgress([{ partition: 0, low: '3', high: '3' }]).isDone).toBe(true)
})
