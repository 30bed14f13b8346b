import { describe as group, expect, it } from 'vitest'
import { boundHeaderValues, boundKey, describe, isBytes, offsetText } from '../../src/record/record.js'
import { CANARY } from '../support/emissions.js'

const refused = (what: RegExp): Error =>
  expect.objectContaining({ code: 'INVALID_RECORD', message: expect.stringMatching(what) as string }) as Error

it('text and Buffers, which KafkaJS sends unchanged, count as bytes', () => {
  for (const bytes of ['', 'a', Buffer.alloc(0), Buffer.from('a')]) expect(isBytes(bytes)).toBe(true)
  for (const other of [null, undefined, 7, new Uint8Array(1), ['a'], {}]) expect(isBytes(other)).toBe(false)
})

it('a value is named by its type, never by its content', () => {
  for (const [value, name] of [
    [undefined, 'undefined'],
    [null, 'null'],
    [7, 'a number'],
    [CANARY, 'a string'],
    [() => CANARY, 'a function'],
    [[CANARY], 'a list'],
    [new Uint8Array(1), 'a Uint8Array that is not a Buffer'],
    [new Map([['canary', CANARY]]), 'a Map'],
    [{ canary: CANARY }, 'an object'],
  ] as const)
    expect(describe(value)).toBe(name)
})

group('a bound key', () => {
  it('a bound key is its bytes, and null if there is none', () => {
    const bytes = Buffer.from('k')
    expect(boundKey({ key: bytes })).toBe(bytes)
    for (const key of ['', 'k']) expect(boundKey({ key })).toBe(key)
    expect([boundKey({}), boundKey({ key: undefined }), boundKey({ key: null })]).toEqual([null, null, null])
  })

  it('a bound key of another type is refused', () => {
    expect(() => boundKey({ key: 7 as never })).toThrow(refused(/a key is a number/))
  })
})

group('bound headers', () => {
  it('bound headers are their values in record order, for each name; an absent header has no values', () => {
    const bytes = Buffer.from('y')
    const headers = { one: 'x', several: ['x', bytes, null], none: [], nothing: null, other: 'z' }
    const names = ['one', 'several', 'none', 'nothing', 'absent', 'toString']
    expect(boundHeaderValues({ headers }, names)).toEqual([['x'], ['x', bytes, null], [], [null], [], []])
    expect(boundHeaderValues({}, ['one'])).toEqual([[]])
  })

  it('bound headers of another type are refused, by name', () => {
    for (const [value, type] of [
      [7, 'a number'],
      [undefined, 'undefined'],
      [['x', {}], 'an object'],
      [[[]], 'a list'],
    ] as const)
      expect(() => boundHeaderValues({ headers: { h: value as never } }, ['h'])).toThrow(
        refused(new RegExp(`bound header "h" is ${type}`)),
      )
  })
})

group('offsets', () => {
  it.each<[unknown, string]>([
    ['0', '0'],
    ['10', '10'],
    ['9223372036854775807', '9223372036854775807'],
    ['007', '7'],
    [12n, '12'],
    [2 ** 53 - 1, '9007199254740991'],
  ])('the offset %s is read as decimal text', (given, text) => {
    expect(offsetText(given)).toBe(text)
  })

  it.each<[unknown, string]>([
    ['', 'not a decimal number'],
    ['-1', 'not a decimal number'],
    ['1e3', 'not a decimal number'],
    ['12345678901234567890', 'not a decimal number'],
    [2 ** 53, 'a number'],
    [1.5, 'a number'],
    [null, 'null'],
  ])('the offset %s is refused, with the forms that are read', (given, what) => {
    const text = `an offset is ${what}. Pass offsets as decimal text, a bigint or a safe integer`
    expect(() => offsetText(given)).toThrow(text)
  })
})
