import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/clock.js'
import { EnvelopeError } from '../../src/errors.js'
import {
  Decider,
  isDeadLetter,
  isDelivered,
  isSettled,
  settle,
  type Decision,
  type Undecided,
} from '../../src/record/decide.js'
import { Overrides } from '../../src/record/overrides.js'
import type { ReadingRule } from '../../src/record/topic-rules.js'

const SOURCE = { topic: 't', partition: 3 }
const INVALID = new EnvelopeError('AUTHENTICATION_FAILED', 'no', { position: { topic: 't', offset: '1' } })
const GOOD = { value: Buffer.from('v'), envelope: undefined }
const DEAD = { deadLetter: 'dead' }

const ruleWith = (decrypt: object): ReadingRule =>
  ({
    decrypt: { onInvalid: 'skip', onUnreadable: 'stop', maxInvalidShare: 1, ...decrypt },
    overrides: new Overrides([], 'r', systemClock),
  }) as unknown as ReadingRule
const records = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ offset: String(from + i) }))

describe('decisions about a run of records', () => {
  it('records that opened are delivered, others get the action of the rule, up to the first that stops', () => {
    const run = records(4)
    const results = [GOOD, { error: INVALID }, { value: null, envelope: undefined }, { error: INVALID }]
    expect(new Decider().decide(ruleWith({}), SOURCE, run, results)).toStrictEqual([
      { action: 'deliver', record: run[0], ...GOOD },
      { action: 'skip', record: run[1], error: INVALID },
      { action: 'deliver', record: run[2], value: null, envelope: undefined },
      { action: 'skip', record: run[3], error: INVALID },
    ])
    expect(new Decider().decide(ruleWith({ onInvalid: 'stop' }), SOURCE, run, results)).toStrictEqual([
      { action: 'deliver', record: run[0], ...GOOD },
      { action: 'stop', record: run[1], error: INVALID },
    ])
  })

  it('a record that exceeds the share stops the consumer, with an error that says so', () => {
    const decider = new Decider()
    const rule = ruleWith({ maxInvalidShare: 0.001 })
    const decided = decider.decide(rule, SOURCE, records(2), [{ error: INVALID }, { error: INVALID }])
    expect(decided).toMatchObject([
      { action: 'skip' },
      {
        action: 'stop',
        error: INVALID,
        fatal: {
          code: 'TOO_MANY_BAD_RECORDS',
          message: expect.stringContaining('most recently AUTHENTICATION_FAILED') as string,
          position: INVALID.position,
        },
      },
    ])
  })

  it('each rule has a share of its own, and a consumer keeps it from run to run', () => {
    const decider = new Decider()
    const [one, other] = [ruleWith({ maxInvalidShare: 0.001 }), ruleWith({ maxInvalidShare: 0.001 })]
    const reject = (rule: ReadingRule, offset: number) =>
      decider.decide(rule, SOURCE, records(1, offset), [{ error: INVALID }])[0]?.action
    expect([reject(one, 1), reject(other, 1), reject(one, 2), reject(other, 2)]).toEqual([
      'skip',
      'skip',
      'stop',
      'stop',
    ])
  })

  it('each partition of each topic has offsets of its own, of which each counts once', () => {
    const decider = new Decider()
    const rule = ruleWith({ maxInvalidShare: 0.004 })
    const places = [SOURCE, { ...SOURCE, partition: 4 }, { topic: 'u', partition: 4 }, SOURCE]
    const reject = (place: typeof SOURCE, offset: number) =>
      decider.decide(rule, place, records(1, offset), [{ error: INVALID }])[0]?.action
    // The last place is the first one again.
    expect(places.map((place) => reject(place, 9))).toEqual(['skip', 'skip', 'skip', 'skip'])
    expect([reject(SOURCE, 8), reject(SOURCE, 10), reject(SOURCE, 11)]).toEqual(['skip', 'skip', 'stop'])
  })

  it.each<[string, (decider: Decider, rule: ReadingRule) => void]>([
    [
      'together',
      (decider, rule) => {
        decider.countOpened(rule, SOURCE, records(1000))
      },
    ],
    [
      'one after another',
      (decider, rule) => {
        for (const record of records(1000)) decider.countOneOpened(rule, SOURCE, record)
      },
    ],
  ])('records that all opened count as opened, %s', (_, count) => {
    const decider = new Decider()
    const rule = ruleWith({ maxInvalidShare: 0.001 })
    // So that one of the next thousand moves it out of the window, if they count.
    expect(decider.decide(rule, SOURCE, records(1), [{ error: INVALID }])).toMatchObject([{ action: 'skip' }])
    count(decider, rule)
    const reject = (offset: number) =>
      decider.decide(rule, SOURCE, records(1, offset), [{ error: INVALID }])[0]?.action
    expect([reject(1000), reject(1001)]).toEqual(['skip', 'stop'])
  })
})

describe('decisions of a handler', () => {
  const [record] = records(1) as [{ offset: string }]
  const delivered: Decision<typeof record> = { action: 'deliver', record, ...GOOD }
  const undecided = { action: vi.fn(), record, error: INVALID } as unknown as Undecided<typeof record>

  it('decisions of a handler are asked for in order, up to the first that stops', async () => {
    const answers = ['skip', DEAD, 'stop', 'skip'] as const
    let asked = 0
    const all = [delivered, undecided, undecided, undecided, undecided]
    const settled = await settle(all, () => Promise.resolve(answers[asked++] ?? 'stop'))
    expect(settled.map(({ action }) => action)).toEqual(['deliver', 'skip', DEAD, 'stop'])
    expect(asked).toBe(3)
    expect(isSettled(all)).toBe(false)
    expect(isSettled(settled)).toBe(true)
  })

  it('a handler that fails stops the consumer at the record', async () => {
    const failed = new EnvelopeError('REJECTION_HANDLER_FAILED', 'it threw')
    expect(await settle([undecided], () => Promise.reject(failed))).toStrictEqual([
      { action: 'stop', record, error: INVALID, fatal: failed },
    ])
  })

  it('an error that is not ours ends the decisions', async () => {
    const bug = new TypeError('a bug')
    await expect(settle([undecided], () => Promise.reject(bug))).rejects.toBe(bug)
  })

  it('decisions are told apart: dead letters, and records that the application gets', () => {
    const decided = (action: unknown) => ({ action, record, error: INVALID }) as Decision<typeof record>
    const all = [delivered, decided('skip'), decided('stop'), decided(DEAD), decided({ value: null })]
    expect(all.map(isDeadLetter)).toEqual([false, false, false, true, false])
    expect(all.map(isDelivered)).toEqual([true, false, false, false, true])
  })
})
