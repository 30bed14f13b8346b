import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EnvelopeError, errorCodes } from '../../src/errors.js'
import type { InvalidPolicy, UnreadablePolicy } from '../../src/config/rejection.js'
import type { ReadingRule } from '../../src/record/topic-rules.js'
import { actionFor } from '../../src/record/failure-action.js'
import { InvalidRateGuard, type CountRecord } from '../../src/record/invalid-rate-guard.js'

describe('the action for a failure', () => {
  const rule = (onInvalid: InvalidPolicy, onUnreadable: UnreadablePolicy): ReadingRule =>
    ({ decrypt: { onInvalid, onUnreadable } }) as ReadingRule

  it.each(errorCodes())(
    'the action for a failure is that of the rule for the kind of %s, and never skips a transient failure',
    (code) => {
      const error = new EnvelopeError(code, 'no')
      const dead = { deadLetter: 'dead' }
      const stranded = { deadLetter: 'unreadable' }
      const decided = {
        transient: 'stop',
        invalid: dead,
        unreadable: stranded,
        about_a_call: 'stop',
      } as const
      expect(actionFor(error, rule(dead, stranded))).toEqual(decided[error.kind ?? 'about_a_call'])
      expect(actionFor(error, rule('skip', 'stop'))).toBe(error.kind === 'invalid' ? 'skip' : 'stop')
    },
  )
})

describe('the share of rejected records', () => {
  const source = { topic: 't', partition: 0 }

  /** Counts records at ascending offsets. */
  function counting(maxShare: number): (rejected: boolean) => boolean {
    const count = new InvalidRateGuard(maxShare).forPartition(source)
    let offset = 0
    return (rejected) => count(String(offset++), rejected)
  }

  it('the share of rejected records may be reached, not exceeded', () => {
    const count = counting(0.003)
    expect([true, true, true].map(count)).toEqual([false, false, false])
    expect([false, true, false].map(count)).toEqual([false, true, true])
  })

  it('the share of rejected records of 0 is exceeded by the first, of 1 by none', () => {
    expect([false, true].map(counting(0))).toEqual([false, true])
    const all = counting(1)
    for (let i = 0; i < 2500; i++) expect(all(true)).toBe(false)
  })

  it('the share of rejected records is counted over the last 1,000 records exactly', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(700), { maxLength: 40 }), fc.integer({ min: 0, max: 5 }), (gaps, limit) => {
        const count = counting(limit / 1000)
        const seen: boolean[] = []
        for (const gap of gaps) {
          for (let i = 0; i <= gap; i++) {
            seen.push(i === gap)
            const inWindow = seen.slice(-1000).filter(Boolean).length
            expect(count(i === gap)).toBe(inWindow > limit)
          }
        }
      }),
      { numRuns: 20 },
    )
  })

  it('the share of rejected records counts a record once, however often its partition is delivered again', () => {
    const step = fc.record({
      partition: fc.nat(2),
      // Where the partition continues: mostly after the delivered records, sometimes before them.
      back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(1500)),
      records: fc.nat(40),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, limit) => {
        const rejected = (partition: number, offset: number): boolean => (offset * 7 + partition) % 5 === 0
        const share = new InvalidRateGuard(limit / 1000)
        const next = [0, 0, 0]
        const distinct = new Map<string, boolean>()
        for (const { partition, back, records } of steps) {
          const from = Math.max(0, (next[partition] ?? 0) - back)
          const count = share.forPartition({ topic: 't', partition })
          for (let offset = from; offset < from + records; offset++) {
            const key = `${String(partition)}/${String(offset)}`
            if (!distinct.has(key)) distinct.set(key, rejected(partition, offset))
            const exceeded = count(String(offset), rejected(partition, offset))
            const inWindow = [...distinct.values()].slice(-1000).filter(Boolean).length
            expect(exceeded).toBe(inWindow > limit)
          }
          next[partition] = Math.max(next[partition] ?? 0, from + records)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('the share of rejected records counts the last record of a partition once, however often it comes', () => {
    const count = new InvalidRateGuard(0.001).forPartition(source)
    expect(['5', '5', '4', '6'].map((offset) => count(offset, true))).toEqual([false, false, false, true])
  })

  it('the share of rejected records keeps one offset per partition in memory, not one per record', () => {
    const share = new InvalidRateGuard(1)
    const counts: CountRecord[] = [0, 1].map((partition) => share.forPartition({ topic: 't', partition }))
    for (const count of counts) expect(count('9'.repeat(18), true)).toBe(false)
    // After an offset of another length, and after the same offset.
    for (const count of counts) expect(count('10', true)).toBe(false)
  })
})
