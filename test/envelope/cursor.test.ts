import avsc from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TOPIC } from '../../src/envelope/bounds.js'
import { Cursor } from '../../src/envelope/cursor.js'
import type { Header } from '../../src/envelope/format.js'
import { formatOf } from '../../src/envelope/formats.js'
import { bodyStart, encodePreamble } from '../../src/envelope/v1/envelope.js'
import { decodeHeader, encodeHeader } from '../../src/envelope/v1/header.js'
import { PREFIX } from '../../src/envelope/v1/prefix.js'

const malformed = expect.objectContaining({ code: 'MALFORMED' }) as Error
const read = (...bytes: number[]): Cursor => new Cursor(Buffer.from(bytes))
const int = avsc.Type.forSchema('int')
const long = avsc.Type.forSchema('long')

describe('numbers', () => {
  it('an int is encoded as avsc writes it, for all 32 bits', () => {
    const ints = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
    fc.assert(
      fc.property(ints, (n) => {
        expect(new Cursor(int.toBuffer(n)).int()).toBe(n)
      }),
      { examples: [[0], [-1], [63], [64], [-64], [-65], [2 ** 31 - 1], [-(2 ** 31)]], numRuns: 2000 },
    )
  })

  it('an int or length is accepted only as avsc would write it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 11 }), (bytes) => {
        for (const [type, decode] of [
          [int, (c: Cursor) => c.int()],
          [long, (c: Cursor) => c.length(0, Number.MAX_SAFE_INTEGER, 'it')],
        ] as const) {
          const cursor = new Cursor(Buffer.from(bytes))
          try {
            const n = decode(cursor)
            expect(type.toBuffer(n).equals(bytes.subarray(0, cursor.at))).toBe(true)
          } catch (error) {
            expect(error).toMatchObject({ code: 'MALFORMED' })
          }
        }
      }),
      { numRuns: 10_000 },
    )
  })

  it('an int or length with a longer form, a 33rd bit or no end is malformed', () => {
    for (const bytes of [
      [0x82, 0x00],
      [0x80, 0x80, 0x00],
      [0x82, 0x80, 0x80, 0x80, 0x10],
      [0x82, 0x80],
    ])
      expect(() => read(...bytes).int()).toThrow(malformed)
    expect(() => read(...Array<number>(6).fill(0x80)).int()).toThrow(malformed)
    expect(() => read(0x82, 0x00).length(0, 9, 'it')).toThrow(malformed)
    expect(() => read(...Array<number>(10).fill(0xff), 0x01).length(0, 9, 'it')).toThrow(malformed)
    expect(() => read().length(0, 9, 'it')).toThrow(malformed)
  })

  it('a length is checked against its bounds, inclusive, before it is compared with the input', () => {
    expect(read(2).length(1, 3, 'it')).toBe(1)
    expect(read(6).length(1, 3, 'it')).toBe(3)
    for (const byte of [0, 8, 1, 3]) expect(() => read(byte).length(1, 3, 'it')).toThrow(malformed)
    expect(() => read(8).bytes(1, 3, 'it')).toThrow(/bounds/)
    expect(() => read(6).bytes(1, 3, 'it')).toThrow(/ends within it/)
  })

  it('reading and skipping may reach the end of the input, but not beyond', () => {
    for (const [rest, end] of [
      [[97, 98], 3],
      [[97, 98, 99], 3],
    ] as const) {
      const [reader, skipper] = [read(4, ...rest), read(4, ...rest)]
      expect(reader.bytes(1, 9, 'it')).toEqual(Buffer.from('ab'))
      skipper.skip(1, 9, 'it')
      expect([reader.at, skipper.at]).toEqual([end, end])
    }
    expect(() => read(4, 97).bytes(1, 9, 'it')).toThrow(malformed)
    expect(() => {
      read(4, 97).skip(1, 9, 'it')
    }).toThrow(malformed)
  })

  it('a boolean is 0 or 1', () => {
    expect([read(0).boolean('it'), read(1).boolean('it')]).toEqual([false, true])
    for (const byte of [2, 0x80, 0xff]) expect(() => read(byte).boolean('it')).toThrow(malformed)
  })

  it('a text has only the characters of its rule, to its end', () => {
    const text = (content: string): string =>
      new Cursor(Buffer.concat([long.toBuffer(content.length), Buffer.from(content, 'latin1')])).text(
        TOPIC,
        'it',
      )
    expect(text('a.B_9-')).toBe('a.B_9-')
    for (const content of ['', 'a\n', '\na', 'a b', 'a\0', 'a\xe9', 'a'.repeat(250)])
      expect(() => text(content)).toThrow(malformed)
  })
})

describe('length bombs', () => {
  const header: Header = {
    suite: 1,
    compression: 0,
    dictionary: Buffer.alloc(0),
    keyBound: true,
    boundHeaders: [],
    topic: 't',
    context: [],
    sessionId: Buffer.alloc(16),
    commitment: Buffer.alloc(32),
  }
  const wrapping = { provider: 'local', cmkId: 'c', ciphertextDek: Buffer.alloc(1) }
  const preamble = encodePreamble([wrapping], encodeHeader(header))
  const claims = [2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 33, 2 ** 40, 2 ** 52]
  const behind = (claim: number): Buffer => Buffer.concat([long.toBuffer(claim), Buffer.alloc(100, 2)])
  const starts: Record<string, Buffer> = {
    count: PREFIX,
    provider: Buffer.concat([PREFIX, Buffer.from([2])]),
    cmkId: Buffer.concat([PREFIX, Buffer.from([2, 2, 97])]),
    ciphertextDek: Buffer.concat([PREFIX, Buffer.from([2, 2, 97, 2, 97])]),
    header: Buffer.concat([PREFIX, Buffer.from([2, 2, 97, 2, 97, 2, 1, 0])]),
  }
  const headerStarts: Record<string, number[]> = {
    dictionary: [2, 8],
    boundHeaders: [2, 0, 0, 1],
    name: [2, 0, 0, 1, 2],
    topic: [2, 0, 0, 1, 0],
    context: [2, 0, 0, 1, 0, 2, 97],
    key: [2, 0, 0, 1, 0, 2, 97, 2],
    value: [2, 0, 0, 1, 0, 2, 97, 2, 2, 97],
  }

  it('length bombs in every length and count are MALFORMED, and nothing is allocated for them', () => {
    const before = process.memoryUsage()
    for (let round = 0; round < 200; round++) {
      for (const claim of claims) {
        for (const start of Object.values(starts)) {
          const bytes = Buffer.concat([start, behind(claim)])
          expect(() => formatOf(bytes).preambleLength(bytes)).toThrow(malformed)
          expect(() => formatOf(bytes).decodePreamble(bytes)).toThrow(malformed)
        }
        for (const start of Object.values(headerStarts))
          expect(() => decodeHeader(Buffer.concat([Buffer.from(start), behind(claim)]))).toThrow(malformed)
        const body = Buffer.concat([preamble, Buffer.alloc(28), behind(claim)])
        expect(() => bodyStart(body, preamble.length)).toThrow(malformed)
      }
    }
    const after = process.memoryUsage()
    expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(2 ** 25)
  })
})
