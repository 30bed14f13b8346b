import { describe, expect, it } from 'vitest'
import { deadLetterHeaders } from '../../src/record/dead-letter.js'
import { RuleBook, type TopicRule } from '../../src/record/rules.js'

describe('the headers of a dead letter', () => {
  const reason = {
    code: 'MALFORMED',
    topic: 't',
    partition: 3,
    offset: '7',
    timestamp: '1700000000000',
    group: undefined,
    nullHeaders: [],
  } as const

  it('say why and from where, and are frozen', () => {
    expect(deadLetterHeaders({ ...reason, group: 'g', nullHeaders: ['a', '"'] })).toEqual({
      'kafka-envelope.error': 'MALFORMED',
      'kafka-envelope.topic': 't',
      'kafka-envelope.partition': '3',
      'kafka-envelope.offset': '7',
      'kafka-envelope.timestamp': '1700000000000',
      'kafka-envelope.group': 'g',
      'kafka-envelope.null-headers': '["a","\\""]',
    })
  })

  it('leave out what there is none of', () => {
    expect(Object.keys(deadLetterHeaders(reason))).toEqual(
      ['error', 'topic', 'partition', 'offset', 'timestamp'].map((name) => `kafka-envelope.${name}`),
    )
  })
})

it.each([
  [[], false],
  [[{ onInvalid: 'skip', onUnreadable: 'stop' }], false],
  [[{ onInvalid: { deadLetter: 'dead' }, onUnreadable: 'stop' }], true],
  [[{ onInvalid: 'stop', onUnreadable: { deadLetter: 'dead' } }], true],
  [
    [
      { onInvalid: 'stop', onUnreadable: 'stop' },
      { onInvalid: { deadLetter: 'dead' }, onUnreadable: 'stop' },
    ],
    true,
  ],
])(
  'of rules with the policies %j, the answer to whether any has a topic for dead letters is %s',
  (reads, has) => {
    const rules = reads.map((read, i) => ({ match: [`t${String(i)}`], reading: { read } }))
    expect(new RuleBook(rules as unknown as TopicRule[]).hasDeadLetters).toBe(has)
    expect(new RuleBook([{ match: ['p'], passthrough: true }] as unknown as TopicRule[]).hasDeadLetters).toBe(
      false,
    )
  },
)
