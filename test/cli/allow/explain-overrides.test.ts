import { describe, expect, it } from 'vitest'
import { explainAllowed, explainList } from '../../../src/cli/allow/explain-overrides.js'
import { refusalOf } from '../../../src/cli/allow/examine.js'
import type { CheckedOverride } from '../../../src/config/checked.js'
import type { ErrorCode } from '../../../src/errors.js'
import type { Trial } from '../../../src/operate/index.js'

const UNTIL = '2026-12-31T18:00:00Z'
const override: CheckedOverride = {
  ...{ topic: 'orders', partition: 0, offset: '1', code: 'NO_CANDIDATE', action: 'skip' },
  ...{ until: UNTIL, untilMs: Date.parse(UNTIL), by: 'ops', why: 'INC-42' },
}

describe('the explanation of an override', () => {
  it('an override that was not examined, or that skips what another reader might open, comes with a warning', () => {
    const trusted = explainAllowed('f.yaml', override, false)
    expect(trusted).toContain('The record was not examined')
    expect(trusted).toContain('another reader might open the record')
    const examined = explainAllowed('f.yaml', { ...override, code: 'MALFORMED' }, true)
    expect(examined).not.toMatch(/not examined|another reader/)
    const letter = explainAllowed('f.yaml', { ...override, action: { deadLetter: 'dead' } }, true)
    expect(letter).toContain('Topic dead has to exist')
    expect(letter).not.toContain('another reader')
  })

  it('an override that has ended is listed as one to remove', () => {
    const ended = 'it has ended and has no effect'
    expect(explainList('f.yaml', [override], Date.parse(UNTIL) - 1)).not.toContain(ended)
    expect(explainList('f.yaml', [override, override], Date.parse(UNTIL))).toContain(ended)
    expect(explainList('f.yaml', [], 0)).toBe('f.yaml has no overrides\n')
  })
})

describe('the examination before an override', () => {
  const trial = (outcome: Trial['outcome'], code?: ErrorCode): Trial => ({
    ...{ topic: 'orders', outcome, checks: [] },
    ...(code && { failure: { code, what: '', remedy: '' } }),
  })

  it.each(['opened', 'passed'] as const)('a record that is %s needs no override', (outcome) => {
    expect(refusalOf(trial(outcome), 'MALFORMED')).toContain('accepts the record')
  })

  it('a record that fails with another code gets no override, and one that fails with this code does', () => {
    expect(refusalOf(trial('refused', 'NOT_SEALED'), 'MALFORMED')).toBe(
      'the record fails with NOT_SEALED, not with MALFORMED',
    )
    expect(refusalOf(trial('refused', 'MALFORMED'), 'MALFORMED')).toBeUndefined()
  })

  it.each([trial('unavailable', 'KMS_TIMEOUT'), trial('undecided'), undefined])(
    'a record of which it is not known whether it opens gets no override: %j',
    (of) => {
      expect(() => refusalOf(of, 'KMS_TIMEOUT')).toThrow('nothing was changed')
    },
  )
})
