import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { canonicalContext as ofEnvelope } from '../../src/envelope/context.js'
import { canonicalContext } from '../../src/kms/canonical-context.js'

const text = fc.stringMatching(/^[A-Za-z0-9._:/@=+-]{1,128}$/)
// Keys that JavaScript puts in front, in numeric order, and names that objects inherit.
const awkward = fc.constantFrom('9', '10', '1a', '-1', '__proto__', 'constructor', 'toString')
const context = fc.dictionary(fc.oneof(text, awkward), text, { maxKeys: 12 })

describe('the canonical context that KMSs get', () => {
  it('is that of the envelope, for every context', () => {
    fc.assert(
      fc.property(context, (entries) => {
        expect(canonicalContext(entries).toString('latin1')).toBe(ofEnvelope(entries))
      }),
    )
  })

  it('is no bytes where there are no entries', () => {
    expect(canonicalContext({})).toHaveLength(0)
  })

  it('differs for contexts that differ, also where one tries to look like the other', () => {
    const one = canonicalContext({ a: '1', b: '2' })
    const other = canonicalContext({ a: '1","b":"2' })
    expect(other.equals(one)).toBe(false)
  })
})
