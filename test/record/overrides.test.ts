import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { CheckedOverride } from '../../src/config/checked.js'
import { EnvelopeError, errorCodes, rejectionCodes, type ErrorCode } from '../../src/errors.js'
import { EventHub, type EncryptionEvents } from '../../src/events.js'
import { Decider, type Decision } from '../../src/record/decide.js'
import { Overrides } from '../../src/record/overrides.js'
import { reportDecisions } from '../../src/record/report.js'
import type { ReadingRule } from '../../src/record/topic-rules.js'

const UNTIL = '2026-12-31T18:00:00Z'
const SOURCE = { topic: 't', partition: 3 }
const ENTRY: CheckedOverride = {
  topic: 't',
  partition: 3,
  offset: '1',
  code: 'AUTHENTICATION_FAILED',
  action: 'skip',
  until: UNTIL,
  untilMs: Date.parse(UNTIL),
  by: 'ops',
  why: 'INC-42',
}
const failure = (code: ErrorCode = 'AUTHENTICATION_FAILED'): EnvelopeError => new EnvelopeError(code, 'no')
const GOOD = { value: Buffer.from('v'), envelope: undefined }

/** A rule that stops at each record that does not open, with these overrides, at a time. */
function setup(
  entries: readonly Partial<CheckedOverride>[],
  { now = Date.parse(UNTIL) - 1, decrypt = {} } = {},
) {
  const clock = { now, wallMs: () => clock.now }
  const overrides = new Overrides(
    entries.map((entry) => ({ ...ENTRY, ...entry })),
    'r',
    clock,
  )
  const rule = {
    name: 'r',
    decrypt: {
      onInvalid: 'stop',
      onUnreadable: 'stop',
      maxInvalidShare: 1,
      plaintext: { untilOffsets: new Map() },
      ...decrypt,
    },
    overrides,
  } as unknown as ReadingRule
  return { rule, overrides, clock }
}

interface RejectedAt {
  readonly source: typeof SOURCE
  readonly offset: string
  readonly value: Buffer | null
}

/** What is decided about one record. */
function decided(
  rule: ReadingRule,
  error: EnvelopeError | undefined,
  { source = SOURCE, offset = '1', value = Buffer.from('sealed') }: Partial<RejectedAt> = {},
): Decision<{ offset: string; value: Buffer | null }> | undefined {
  const result = error === undefined ? GOOD : { error }
  return new Decider().decide(rule, source, [{ offset, value }], [result])[0] as never
}

describe('an override', () => {
  it('an override lets its record pass, and consumers go on with the next one', () => {
    const { rule } = setup([{}])
    const records = ['0', '1', '2'].map((offset) => ({ offset }))
    const decisions = new Decider().decide(rule, SOURCE, records, [GOOD, { error: failure() }, GOOD])
    expect(decisions.map(({ action }) => action)).toEqual(['deliver', 'skip', 'deliver'])
  })

  it('an override can send its record to a dead-letter topic, also a record that this reader cannot read', () => {
    const { rule } = setup([{ code: 'NO_CANDIDATE', action: { deadLetter: 'dead' } }])
    expect(decided(rule, failure('NO_CANDIDATE'))?.action).toEqual({ deadLetter: 'dead' })
  })

  it('an override comes before the rule, which may have another action', () => {
    const { rule } = setup([{ action: { deadLetter: 'dead' } }], { decrypt: { onInvalid: 'skip' } })
    expect(decided(rule, failure())?.action).toEqual({ deadLetter: 'dead' })
    expect(decided(rule, failure('MALFORMED'))?.action).toBe('skip')
  })

  it.each([
    ['another topic', { source: { topic: 'u', partition: 3 } }],
    ['another partition', { source: { topic: 't', partition: 4 } }],
    ['another offset', { offset: '2' }],
    ['an offset that begins as its own does', { offset: '10' }],
  ])('an override lets no record of %s pass', (_, at) => {
    expect(decided(setup([{}]).rule, failure(), at)?.action).toBe('stop')
  })

  it.each(errorCodes())('an override hides no other failure of its record, here %s', (code) => {
    const others = rejectionCodes().filter((each) => each !== code)
    for (const its of others) expect(decided(setup([{ code: its }]).rule, failure(code))?.action).toBe('stop')
  })

  it.each(errorCodes().filter((code) => !['invalid', 'unreadable'].includes(failure(code).kind ?? '')))(
    'an override never lets a record pass that failed with %s, even if the configuration were not checked',
    (code) => {
      const { rule } = setup([{ code: code as CheckedOverride['code'] }])
      expect(decided(rule, failure(code))?.action).toBe('stop')
    },
  )

  it('an override has no effect on a record that opens: it is delivered', () => {
    const { rule, overrides } = setup([{}])
    expect(decided(rule, undefined)).toMatchObject({ action: 'deliver', value: GOOD.value })
    expect(overrides.all[0]?.state.used).toBe(0)
  })

  it('an override ends at its time', () => {
    const { rule, clock, overrides } = setup([{}])
    expect(decided(rule, failure())?.action).toBe('skip')
    expect(overrides.all[0]?.state.state).toBe('active')
    clock.now = Date.parse(UNTIL)
    expect(decided(rule, failure())?.action).toBe('stop')
    expect(overrides.all[0]?.state.state).toBe('expired')
  })

  it('an override with the hash of a value lets no other value pass, and no null value', () => {
    const sealed = Buffer.from('sealed')
    const { rule } = setup([{ valueSha256: createHash('sha256').update(sealed).digest('hex') }])
    expect(decided(rule, failure())?.action).toBe('skip')
    for (const value of [Buffer.from('Sealed'), Buffer.alloc(0), null])
      expect(decided(rule, failure(), { value })?.action).toBe('stop')
  })

  it('an override lets its record pass although too many others failed, and its record counts as one that failed', () => {
    const { rule } = setup([{}], { decrypt: { onInvalid: 'skip', maxInvalidShare: 0.001 } })
    const records = ['0', '1', '2'].map((offset) => ({ offset }))
    const failures = records.map(() => ({ error: failure() }))
    expect(new Decider().decide(rule, SOURCE, records, failures)).toMatchObject([
      { action: 'skip' },
      { action: 'skip', override: {} },
      { action: 'stop', fatal: { code: 'TOO_MANY_BAD_RECORDS' } },
    ])
    // Without it, the second one is the first that stops; with it, it counts for the third.
    expect(new Decider().decide(rule, SOURCE, records.slice(1), failures.slice(1))).toMatchObject([
      { action: 'skip', override: {} },
      { action: 'stop', fatal: { code: 'TOO_MANY_BAD_RECORDS' } },
    ])
  })
})

describe('the report of an override', () => {
  it('an override that was used is counted, and emits an event after that of the rejected record', () => {
    const { rule, overrides, clock } = setup([{ action: { deadLetter: 'dead' } }])
    const events = new EventHub()
    const seen: (EncryptionEvents['override.used'] | EncryptionEvents['record.rejected'])[] = []
    events.on('record.rejected', (event) => seen.push(event))
    events.on('override.used', (event) => seen.push(event))
    const decision = decided(rule, failure()) as Decision<{ offset: string }>
    expect(overrides.all[0]?.state).not.toHaveProperty('lastUsedMs')
    reportDecisions(events, rule, SOURCE, [decision])
    const { topic, partition, offset, code, until, by, why } = ENTRY
    const configured = {
      ...{ rule: 'r', topic, partition, offset, code, action: 'deadLetter', deadLetter: 'dead' },
      ...{ until, by, why, state: 'active' },
    }
    expect(seen).toEqual([
      { rule: 'r', topic, partition, offset, code, kind: 'invalid', action: 'deadLetter' },
      configured,
    ])
    expect(overrides.all.map(({ state }) => state)).toEqual([
      { ...configured, used: 1, lastUsedMs: clock.now },
    ])
  })

  it('an override is not used if its dead letter was refused and the consumer stops', () => {
    const { rule, overrides } = setup([{ action: { deadLetter: 'dead' } }])
    const events = new EventHub()
    let used = 0
    events.on('override.used', () => used++)
    const refused = { ...decided(rule, failure()), action: 'stop' } as Decision<{ offset: string }>
    reportDecisions(events, rule, SOURCE, [refused])
    expect([used, overrides.all[0]?.state.used]).toEqual([0, 0])
  })
})
