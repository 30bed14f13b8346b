import { expect, it } from 'vitest'
import { explainExamination } from '../../../src/cli/doctor/explain-examination.js'
import type { Examination, Finding } from '../../../src/operate/index.js'

const finding = (subject: string, rest: Partial<Finding> = {}): Finding => ({
  id: 'kept-forever',
  severity: 'note',
  subject,
  what: 'It stays.',
  remedy: 'Let it go.',
  ...rest,
})

const examination: Examination = {
  findings: [
    finding('topic bad', { id: 'topic-missing', severity: 'error' }),
    ...[1, 2, 3, 4, 5, 6, 7].map((n) => finding(`topic t${String(n)}`)),
    finding('topic \u001b[31mred', { what: 'It\nstays.' }),
  ],
  canary: {
    topic: 'orders',
    partition: 2,
    offset: '17',
    steps: [
      { step: 'seal and write', ok: true, ms: 12 },
      { step: 'look at what the broker has', ok: false, ms: 3 },
    ],
  },
  fine: [
    { area: 'program', text: 'one' },
    { area: 'program', text: 'two' },
    { area: 'Kafka', text: 'three' },
  ],
  unchecked: [{ area: 'clock', text: 'four' }],
}

it('an examination is told by severity, what is alike once, and nothing controls the terminal', () => {
  expect(explainExamination('c.yaml', examination)).toBe(`c.yaml: 1 error, no warnings, 8 notes

Errors
  topic bad [topic-missing]
    It stays.
    -> Let it go.

Notes
  topic t1, topic t2, topic t3, topic t4, topic t5 and 2 more [kept-forever]
    It stays.
    -> Let it go.
  topic \\x1b[31mred [kept-forever]
    It\\x0astays.
    -> Let it go.

Canary in topic orders
  partition 2, offset 17
  seal and write               ok, 12 ms
  look at what the broker has  failed, 3 ms

In order
  program  one
           two
  Kafka    three

Not checked
  clock  four
`)
})

it('an examination without a finding says so in its first line', () => {
  expect(explainExamination('c.yaml', { findings: [], fine: [], unchecked: [] })).toBe(
    'c.yaml: no errors, no warnings, no notes\n',
  )
})
