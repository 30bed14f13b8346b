import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalContext } from '../../src/envelope/context.js'

const text = fc.stringMatching(/^[A-Za-z0-9._:/@=+-]{1,128}$/)
// Keys that JavaScript orders first, by their numbers, and names that objects inherit.
const awkward = fc.constantFrom('9', '10', '1a', '-1', '__proto__', 'constructor', 'toString')
const context = fc.dictionary(fc.oneof(text, awkward), text, { maxKeys: 12 })

describe('the canonical text of a context', () => {
  it('the canonical text of a context is JSON without white space or escapes, with its keys in the order of their bytes', () => {
    fc.assert(
      fc.property(context, (entries) => {
        const keys = Object.keys(entries).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        const members = keys.map((key) => `"${key}":"${String(entries[key])}"`)
        expect(canonicalContext(entries)).toBe(keys.length === 0 ? '' : `{${members.join(',')}}`)
      }),
    )
  })

  it('the canonical text of a context is empty if there are no entries', () => {
    expect(canonicalContext({})).toBe('')
  })

  it('the canonical text of a context differs for contexts that differ, even if one tries to look like the other', () => {
    expect(canonicalContext({ a: '1","b":"2' })).not.toBe(canonicalContext({ a: '1', b: '2' }))
  })
})
