import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EnvelopeError, errorCodes } from '../../src/errors.js'
import type { ReadingRule } from '../../src/record/rules.js'
import { InvalidShare, verdictOf } from '../../src/record/verdict.js'

const rule = (onInvalid: 'stop' | 'skip'): ReadingRule => ({ read: { onInvalid } }) as ReadingRule

describe('the verdict', () => {
  it.each(errorCodes())(
    'on %s: only what is transient is retried, and only what is invalid skipped',
    (code) => {
      const error = new EnvelopeError(code, 'no')
      const stopping = error.kind === 'transient' ? 'retry' : 'stop'
      expect(verdictOf(error, rule('stop'))).toBe(stopping)
      expect(verdictOf(error, rule('skip'))).toBe(error.kind === 'invalid' ? 'skip' : stopping)
    },
  )
})

describe('the share of invalid records', () => {
  const invalid = (share: InvalidShare, ...records: boolean[]): boolean[] =>
    records.map((record) => share.exceededBy(record))

  it('may be reached, not exceeded', () => {
    const share = new InvalidShare(0.003)
    expect(invalid(share, true, true, true)).toEqual([false, false, false])
    expect(share.exceededBy(false)).toBe(false)
    expect(share.exceededBy(true)).toBe(true)
    expect(share.exceededBy(false)).toBe(true)
  })

  it('of 0 is exceeded by the first, of 1 by none', () => {
    expect(new InvalidShare(0).exceededBy(false)).toBe(false)
    expect(new InvalidShare(0).exceededBy(true)).toBe(true)
    const all = new InvalidShare(1)
    for (let i = 0; i < 2500; i++) expect(all.exceededBy(true)).toBe(false)
  })

  it('is counted over the last 1,000 records exactly', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(700), { maxLength: 40 }), fc.integer({ min: 0, max: 5 }), (gaps, limit) => {
        const share = new InvalidShare(limit / 1000)
        const seen: boolean[] = []
        for (const gap of gaps) {
          for (let i = 0; i <= gap; i++) {
            seen.push(i === gap)
            const inWindow = seen.slice(-1000).filter(Boolean).length
            expect(share.exceededBy(i === gap)).toBe(inWindow > limit)
          }
        }
      }),
      { numRuns: 20 },
    )
  })
})
