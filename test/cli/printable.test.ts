import { expect, it } from 'vitest'
import { printable } from '../../src/cli/printable.js'

it('text of any language is shown as it is', () => {
  for (const text of ['"name":"王小明"', 'Łódź, Αθήνα', 'שלום مرحبا', '😀', 'a ~!']) {
    expect(printable(Buffer.from(text))).toBe(text)
  }
})

it('characters that a terminal would not show are escaped', () => {
  expect(printable(Buffer.from('a\0\t\n\x7f\x85'))).toBe('a\\x00\\x09\\x0a\\x7f\\xc2\\x85')
  // Bidi controls, spaces of other widths, and letters that have no ink.
  for (const character of [
    '\u202e',
    '\u2066',
    '\u200f',
    '\u061c',
    '\u200b',
    '\ufeff',
    '\u00a0',
    '\u2028',
    '\u3164',
  ]) {
    const bytes = Buffer.from(character)
    expect(printable(bytes)).toBe([...bytes].map((byte) => `\\x${byte.toString(16)}`).join(''))
  }
  expect(printable(Buffer.from('\\x00'))).toBe('\\\\x00')
})

it('bytes that are not UTF-8 are escaped, and a character that is cut is too', () => {
  const cut = Buffer.from('王')
  expect(printable(Buffer.concat([cut.subarray(1), Buffer.from('a'), cut, cut.subarray(0, 2)]))).toBe(
    '\\x8e\\x8ba王\\xe7\\x8e',
  )
  expect(printable(Buffer.of(0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80))).toBe('\\xff\\xc0\\x80\\xed\\xa0\\x80')
  expect(printable(Buffer.alloc(0))).toBe('')
})
