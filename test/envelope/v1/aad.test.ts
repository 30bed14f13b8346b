import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteLength, type Bytes } from '../../../src/envelope/bytes.js'
import type { HeaderValues } from '../../../src/envelope/format.js'
import { aadBase } from '../../../src/envelope/v1/aad.js'
import { aadOf } from '../../support/engine.js'

const base = aadBase(Buffer.from('header'))
const hex = (...parts: Parameters<typeof aadOf>): string =>
  aadOf(...parts)
    .subarray(base.length)
    .toString('hex')

it('the AAD begins with the prefix, the length of the header, and the unchanged header', () => {
  expect(base.toString('hex')).toBe(`c3010fea18fa6fe363e800000006${Buffer.from('header').toString('hex')}`)
})

it('the key part of an AAD distinguishes a key that is not bound, null, empty or a value', () => {
  expect(hex(base, undefined, [])).toBe('00')
  expect(hex(base, null, [])).toBe('01')
  expect(hex(base, '', [])).toBe('0200000000')
  expect(hex(base, Buffer.alloc(0), [])).toBe('0200000000')
  expect(hex(base, 'é', [])).toBe('0200000002c3a9')
})

it('the header parts of an AAD count values, and distinguish null from empty', () => {
  expect(hex(base, undefined, [[]])).toBe('0000000000')
  expect(hex(base, undefined, [[null]])).toBe('0000000001ffffffff')
  expect(hex(base, undefined, [['']])).toBe('000000000100000000')
  expect(hex(base, undefined, [['42', null], [], ['é']])).toBe(
    '00' + '00000002' + '000000023432' + 'ffffffff' + '00000000' + '00000001' + '00000002c3a9',
  )
})

describe('laws', () => {
  // Few and short values, so that equal ones and shifted boundaries are common.
  const bytes = fc.oneof(
    fc.array(fc.constantFrom(0, 1, 255), { maxLength: 2 }).map((b): Bytes => Buffer.from(b)),
    fc.string({ unit: fc.constantFrom('\0', '\u0001', 'é'), maxLength: 2 }).map((text): Bytes => text),
  )
  const key = fc.oneof(fc.constant(undefined), fc.constant(null), bytes)
  const values: fc.Arbitrary<HeaderValues> = fc.array(fc.oneof(fc.constant(null), bytes), { maxLength: 2 })
  const headers = fc.array(values, { maxLength: 2 })
  const named = (value: Bytes | null | undefined): string =>
    value == null ? String(value) : Buffer.from(value as string).toString('hex')
  const all = (keyValue: Bytes | null | undefined, headerValues: readonly HeaderValues[]): string =>
    JSON.stringify([named(keyValue), headerValues.map((ofOne) => ofOne.map(named))])

  it('two records have the same AAD only if key and bound headers are the same', () => {
    fc.assert(
      fc.property(key, headers, key, headers, (key1, headers1, key2, headers2) => {
        fc.pre(headers1.length === headers2.length)
        const same = aadOf(base, key1, headers1).equals(aadOf(base, key2, headers2))
        expect(same).toBe(all(key1, headers1) === all(key2, headers2))
      }),
      { numRuns: 10_000 },
    )
  })

  it('a string counts as its UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const utf8 = Buffer.from(text)
        expect(byteLength(text)).toBe(utf8.length)
        expect(aadOf(base, text, [[text, null]]).equals(aadOf(base, utf8, [[utf8, null]]))).toBe(true)
      }),
    )
    for (const text of ['\ud800', 'x\udfff'])
      expect(aadOf(base, text, [])).toEqual(aadOf(base, Buffer.from(text), []))
  })
})

it('the length of a key in an AAD has all of its 32 bits', () => {
  const aad = aadOf(base, Buffer.alloc(0x1020304), [])
  expect(aad.toString('hex', base.length, base.length + 6)).toBe('020102030400')
})
