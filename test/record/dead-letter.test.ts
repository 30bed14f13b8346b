import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.js'
import { recordBytes } from '../../src/record/record-bytes.js'
import { errorCodes } from '../../src/errors.js'
import { deadLetterHeaders } from '../../src/record/dead-letter.js'
import { Overrides } from '../../src/record/overrides.js'
import { TopicRules, type ResolvedRule } from '../../src/record/topic-rules.js'

describe('the headers of a dead letter', () => {
  const reason = {
    code: 'MALFORMED',
    topic: 't',
    partition: 3,
    offset: '7',
    timestamp: '1700000000000',
    group: undefined,
    nullHeaders: [],
    replacedNames: 0,
  } as const

  it('the headers of a dead letter say why and from where, and are frozen', () => {
    expect(deadLetterHeaders({ ...reason, group: 'g', nullHeaders: ['a', '"'], override: true })).toEqual({
      'kafka-envelope.error': 'MALFORMED',
      'kafka-envelope.topic': 't',
      'kafka-envelope.partition': '3',
      'kafka-envelope.offset': '7',
      'kafka-envelope.timestamp': '1700000000000',
      'kafka-envelope.group': 'g',
      'kafka-envelope.null-headers': '["a","\\""]',
      'kafka-envelope.override': 'true',
    })
  })

  it('the headers of a dead letter take at most 1 KiB in a record batch, and list what did not fit, for any record', () => {
    const long = 'ü'.repeat(249)
    const worst = deadLetterHeaders({
      ...reason,
      code: errorCodes().toSorted((a, b) => b.length - a.length)[0] ?? 'MALFORMED',
      topic: 't'.repeat(249),
      partition: 2 ** 31 - 1,
      offset: '9'.repeat(19),
      timestamp: '-'.padEnd(20, '9'),
      group: '\u{1f600}'.repeat(10_000),
      nullHeaders: [long.repeat(2000), ...Array.from({ length: 100_000 }, (_, i) => String(i)), '"', long],
      replacedNames: 2 ** 31,
      override: true,
    })
    expect(recordBytes({ value: null, headers: worst }) - recordBytes({ value: null })).toBeLessThanOrEqual(
      1024,
    )
    const names = JSON.parse(worst['kafka-envelope.null-headers'] ?? '') as string[]
    expect(names.slice(0, 3)).toEqual(['0', '1', '2'])
    expect(Number(worst['kafka-envelope.null-headers-omitted'])).toBe(100_003 - names.length)
    expect(worst['kafka-envelope.group']).toMatch(/^(?:\u{1f600}){31}…$/u)
  })

  it('the headers of a dead letter keep what fits to the last byte', () => {
    const group = (length: number) =>
      deadLetterHeaders({ ...reason, group: 'g'.repeat(length) })['kafka-envelope.group']
    expect(group(128)).toBe('g'.repeat(128))
    expect(group(129)).toBe(`${'g'.repeat(125)}…`)
    const names = (...nullHeaders: string[]) =>
      deadLetterHeaders({ ...reason, nullHeaders })['kafka-envelope.null-headers']
    const longest = 'n'.repeat(203)
    expect(names(longest)).toBe(JSON.stringify([longest]))
    expect(names(`${longest}n`, 'a')).toBe('["a"]')
    expect(names(longest.slice(0, 199), 'b', 'c')).toBe(JSON.stringify([longest.slice(0, 199), 'b']))
  })

  it('the headers of a dead letter leave out the timestamp of a record that has none', () => {
    expect(deadLetterHeaders({ ...reason, timestamp: undefined })).not.toHaveProperty(
      'kafka-envelope.timestamp',
    )
  })

  it('the headers of a dead letter leave out values that the record does not have', () => {
    const names = ['error', 'topic', 'partition', 'offset', 'timestamp'].map(
      (name) => `kafka-envelope.${name}`,
    )
    expect(Object.keys(deadLetterHeaders(reason))).toEqual(names)
    const { code, topic, partition, offset, timestamp } = reason
    expect(
      Object.keys(deadLetterHeaders({ code, topic, partition, offset, timestamp, group: undefined })),
    ).toEqual(names)
  })
})

describe('the topics for dead letters that rules have', () => {
  const chosen = (): 'skip' => 'skip'

  it.each([
    [[], false, false],
    [[{ onInvalid: 'skip', onUnreadable: 'stop' }], false, false],
    [[{ onInvalid: { deadLetter: 'dead' }, onUnreadable: 'stop' }], true, true],
    [[{ onInvalid: 'stop', onUnreadable: { deadLetter: 'dead' } }], true, true],
    [[{ onInvalid: chosen, onUnreadable: 'stop' }], false, true],
    [[{ onInvalid: 'stop', onUnreadable: chosen }], false, true],
    [
      [
        { onInvalid: 'stop', onUnreadable: 'stop' },
        { onInvalid: { deadLetter: 'dead' }, onUnreadable: 'stop' },
      ],
      true,
      true,
    ],
  ])('rules with the policies %j: named %s, possible %s', (reads, hasDeadLetters, mayHaveDeadLetters) => {
    const rules = [
      { match: ['p'], passthrough: true },
      ...reads.map((decrypt, i) => ({
        match: [`t${String(i)}`],
        reading: { decrypt, overrides: new Overrides([], 'r', systemClock) },
      })),
    ]
    expect(new TopicRules(rules as unknown as ResolvedRule[])).toMatchObject({
      hasDeadLetters,
      mayHaveDeadLetters,
    })
  })
})
