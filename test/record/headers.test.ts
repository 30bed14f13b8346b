import { describe, expect, it } from 'vitest'
import type { SealedRecord } from '../../src/record/record.js'
import {
  headerValues,
  ownHeaders,
  plainHeaders,
  readHeaders,
  withHeadersAsWritten,
} from '../../src/record/headers.js'

describe('headers in the forms that clients use', () => {
  const a = Buffer.from('a')

  it.each<[string, unknown, unknown]>([
    ['none', undefined, undefined],
    ['null', null, undefined],
    ['a plain object', { h: a, list: [a, null] }, { h: a, list: [a, null] }],
    [
      'a Map',
      new Map<string, unknown>([
        ['h', a],
        ['list', [a, 'b']],
      ]),
      { h: [a], list: [a, 'b'] },
    ],
    [
      'pairs',
      [
        ['h', a],
        ['h', null],
        ['g', 'x'],
      ],
      { h: [a, null], g: ['x'] },
    ],
    ['objects', [{ h: a }, { h: 'b', g: null }], { h: [a, 'b'], g: [null] }],
    ['numbers of bytes', [{ h: [-128, 255, 0, 97] }], { h: [Buffer.from([0x80, 0xff, 0, 97])] }],
    ['an empty list of numbers', [{ h: [] }], { h: [Buffer.alloc(0)] }],
  ])('headers given as %s are read by name', (_, given, read) => {
    expect(readHeaders(given)).toEqual(read)
  })

  it.each<[string, unknown]>([
    ['a number that is no byte', [{ h: [256] }]],
    ['a number below a signed byte', [{ h: [-129] }]],
    ['a fraction', [{ h: [1.5] }]],
    ['one number that is no byte among others', [{ h: [1, 256] }]],
    ['a text', 'h: a'],
    ['an object of a class', new URL('http://h')],
    ['a pair whose name is no text', [[1, a]]],
  ])('headers with %s are refused', (_, given) => {
    expect(() => readHeaders(given)).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }) as Error)
  })

  it('headers of a plain object are copies', () => {
    const h = Buffer.from('h')
    const read = plainHeaders({ h })
    h.fill(0)
    expect(read).toEqual({ h: Buffer.from('h') })
    expect(plainHeaders({})).toEqual({})
  })
})

it.each<[string, (bytes: Buffer) => unknown]>([
  ['nothing', () => undefined],
  ['null', () => null],
  ['an object', (bytes) => ({ h: bytes, list: [bytes, 'text', null] })],
  ['a Map', (bytes) => new Map([['h', [bytes]]])],
  ['pairs', (bytes) => [['h', bytes]]],
  ['objects', (bytes) => [{ h: bytes }]],
])('a copy of headers has the same form, and bytes of its own: %s', (_, given) => {
  const bytes = Buffer.from('bytes')
  const { copy, byName } = ownHeaders(given(bytes))
  bytes.fill(0)
  expect(copy).toEqual(given(Buffer.from('bytes')))
  expect(byName).toEqual(readHeaders(copy))
})

it('headers of any name are copied', () => {
  const given = JSON.parse('{ "__proto__": "a", "constructor": "b", "toString": ["c"] }') as unknown
  expect(Object.entries(plainHeaders(given))).toEqual(Object.entries(given as object))
  expect(Object.getPrototypeOf(plainHeaders(given))).toBe(Object.prototype)
})

describe('headers with the name of a member of every object', () => {
  const misread = { constructor: [Object, Buffer.from('x')] } as never
  const other = { toString: Buffer.from('y'), h: [Buffer.from('z')] } as never

  it('headers that a client misread are restored; those of other records stay as they are', () => {
    const records: SealedRecord[] = [
      { value: null, headers: misread },
      { value: null },
      { value: null, headers: other },
    ]
    const restored: readonly object[] = [
      { value: null, headers: { constructor: [Buffer.from('x')] } },
      { value: null, headers: {} },
      { value: null, headers: { toString: [Buffer.from('y')], h: [Buffer.from('z')] } },
    ]
    expect(withHeadersAsWritten(records)).toEqual(restored)
  })

  it('one such header among others is enough', () => {
    const headers = { h: Buffer.from('z'), constructor: [Object, Buffer.from('x')] } as never
    const restored: readonly object[] = [
      { value: null, headers: { h: [Buffer.from('z')], constructor: [Buffer.from('x')] } },
    ]
    expect(withHeadersAsWritten([{ value: null, headers }])).toEqual(restored)
  })

  it('a list of records without such headers is the same list', () => {
    const records = [{ value: null, headers: { h: [Buffer.from('a')] } }, { value: null }]
    expect(withHeadersAsWritten(records)).toBe(records)
  })

  it('only the member itself is left out, and only under its own name', () => {
    expect(headerValues([Object, 'x'], 'constructor')).toEqual(['x'])
    expect(headerValues(['x', Object], 'constructor')).toEqual(['x', Object])
    expect(headerValues([undefined, 'x'], 'h')).toEqual([undefined, 'x'])
  })
})
