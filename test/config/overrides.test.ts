import { describe, expect, it } from 'vitest'
import { checkConfig } from '../../src/config/check.js'
import type { EncryptionConfig } from '../../src/index.js'
import { MemoryKms } from '../support/memory-kms.js'

const NOW = Date.parse('2026-06-01T00:00:00Z')
const CODE = 'expected the code with which the record fails, such as AUTHENTICATION_FAILED'
const good = {
  ...{ topic: 'a', partition: 0, offset: '1500', code: 'AUTHENTICATION_FAILED', action: 'skip' },
  ...{ until: '2026-12-31T18:00:00Z', by: 'ops', why: 'INC-42' },
}

const config = (overrides: readonly object[]): EncryptionConfig =>
  ({
    kms: { dev: new MemoryKms() },
    cmks: { main: [{ kms: 'dev', id: 'cmk' }] },
    topics: [
      { match: ['a', 'a.*'], decrypt: { cmk: 'main' } },
      { match: ['b'], decrypt: { cmk: 'main', onInvalid: { deadLetter: 'a' } } },
      { match: ['c'], encrypt: { cmk: 'main' } },
    ],
    overrides,
  }) as unknown as EncryptionConfig

function mistakes(...overrides: readonly object[]): string[] {
  try {
    checkConfig(config(overrides), { wallMs: () => NOW })
    return []
  } catch (error) {
    return (error as { issues: { path: string; message: string }[] }).issues.map(
      ({ path, message }) => `${path}: ${message}`,
    )
  }
}

describe('an override in a configuration', () => {
  it('an override without mistakes is accepted, also one that has ended: a process must be able to start again', () => {
    expect(mistakes(good, { ...good, offset: '1501', until: '2020-01-01T00:00:00Z' })).toEqual([])
    expect(checkConfig(config([good]), { wallMs: () => NOW }).overrides).toEqual(
      [{ ...good, valueSha256: undefined, untilMs: Date.parse(good.until) }].map(
        ({ valueSha256: _, ...rest }) => rest,
      ),
    )
  })

  it.each([
    [
      'a transient failure',
      { code: 'KMS_TIMEOUT' },
      `code: ${CODE}; this failure is transient: consumers wait and try again, and no record is lost; got "KMS_TIMEOUT"`,
    ],
    [
      'a dead letter that fails',
      { code: 'DEAD_LETTER_FAILED' },
      `code: ${CODE}; this failure is transient: consumers wait and try again, and no record is lost; got "DEAD_LETTER_FAILED"`,
    ],
    [
      'a flood',
      { code: 'TOO_MANY_BAD_RECORDS' },
      `code: ${CODE}; this is not the failure of a record; got "TOO_MANY_BAD_RECORDS"`,
    ],
    [
      'a topic without a rule',
      { code: 'TOPIC_NOT_CONFIGURED' },
      `code: ${CODE}; this is not the failure of a record; got "TOPIC_NOT_CONFIGURED"`,
    ],
    ['no code', { code: 'AUTHENTICATION' }, `code: ${CODE}; got "AUTHENTICATION"`],
    ['any code', { code: undefined }, `code: missing; ${CODE}`],
    ['a range of offsets', { offset: '1-9' }, 'offset: expected an offset as decimal text; got "1-9"'],
    ['a number as offset', { offset: 1500 }, 'offset: expected an offset as text, in quotes; got 1500'],
    [
      'an offset that no client writes so',
      { offset: '01' },
      'offset: expected an offset as decimal text; got "01"',
    ],
    ['a pattern of topics', { topic: 'a*' }, 'topic: expected a topic name; got "a*"'],
    ['another action', { action: 'deliver' }, 'action: expected \'skip\' or {deadLetter}; got "deliver"'],
    ['a function', { action: () => 'skip' }, "action: expected 'skip' or {deadLetter}; got function"],
    ['no one', { by: ' ' }, 'by: expected who answers for it: 1 to 200 printable characters; got " "'],
    ['nobody', { by: undefined }, 'by: missing; expected who answers for it: 1 to 200 printable characters'],
    [
      'no reason',
      { why: '' },
      'why: expected why the record may pass: 1 to 500 printable characters; got ""',
    ],
    [
      'a text that hides',
      { why: 'a\u202e' },
      'why: expected why the record may pass: 1 to 500 printable characters; got "a\u202e"',
    ],
    ['no end', { until: undefined }, 'until: missing; expected a time such as 2026-12-31T18:00:00Z'],
    [
      'a day',
      { until: '2026-12-31' },
      'until: expected a time with its zone, such as 2026-12-31T18:00:00Z; got "2026-12-31"',
    ],
    ['a day that does not exist', { until: '2026-06-31T00:00:00Z' }, 'until: there is no such day'],
    [
      'more than a year',
      { until: '2027-06-02T00:00:01Z' },
      'until: expected a time at most 366 days ahead: look at the record again then',
    ],
    [
      'a topic that no rule matches',
      { topic: 'x' },
      'topic: "x" is not matched by any rule, so the override has no effect',
    ],
    [
      'a topic that is written only',
      { topic: 'c' },
      'topic: "c" falls under topics[2], which has no `decrypt`, so the override has no effect',
    ],
    [
      'a dead letter that comes back',
      { action: { deadLetter: 'a.dead' } },
      'action.deadLetter: "a.dead" is read by this rule: dead letters would loop forever',
    ],
    [
      'a dead letter that comes back over another rule',
      { action: { deadLetter: 'b' } },
      'action.deadLetter: dead letters sent to "b" come back to this rule: they would loop forever',
    ],
  ])('an override with a mistake is refused: %s', (_, change, expected) => {
    expect(mistakes({ ...good, ...change })).toContain(`overrides[0].${expected}`)
  })

  it('an override may end in exactly 366 days, in any zone', () => {
    expect(mistakes({ ...good, until: '2027-06-02T08:00:00+08:00' })).toEqual([])
  })

  it('a second override of the same record is refused, even with another code', () => {
    expect(mistakes(good, { ...good, code: 'MALFORMED' })).toEqual([
      'overrides[1]: overrides[0] is for the same record',
    ])
  })
})
