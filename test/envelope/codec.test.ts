import { readFileSync } from 'node:fs'
import avsc from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as bounds from '../../src/envelope/bounds.js'
import { canonicalContext, contextEntries } from '../../src/envelope/context.js'
import { envelopeType, headerType } from '../../src/avro/index.js'
import type { Header } from '../../src/envelope/format.js'
import { decodePreamble } from '../../src/envelope/formats.js'
import { encodePreamble } from '../../src/envelope/v1/envelope.js'
import { decodeHeader, encodeHeader } from '../../src/envelope/v1/header.js'
import { PREFIX } from '../../src/envelope/v1/prefix.js'
import { lengthBytes, writeLengthAt } from '../../src/envelope/write.js'

const CANONICAL = {
  'envelope.v1': '0fea18fa6fe363e8',
  'header.v1': '7e01b7a267487823',
}

function schemaOf(name: string): avsc.Schema {
  return JSON.parse(
    readFileSync(new URL(`../../schemas/${name}.avsc`, import.meta.url), 'utf8'),
  ) as avsc.Schema
}

/** CRC-64-AVRO (Avro specification, "Schema Fingerprints"), bit by bit; not the library's. */
function crc64Avro(text: string): string {
  const EMPTY = 0xc15d213aa4d7a795n
  let fingerprint = EMPTY
  for (const byte of Buffer.from(text)) {
    fingerprint ^= BigInt(byte)
    for (let i = 0; i < 8; i++)
      fingerprint = (fingerprint >> 1n) ^ (EMPTY & -(fingerprint & 1n) & 0xffffffffffffffffn)
  }
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(fingerprint)
  return bytes.toString('hex')
}

/** The parsing canonical form, for the kinds of schema that these are. */
function canonical(schema: unknown, namespace = ''): unknown {
  if (typeof schema === 'string') return schema
  const { name, type, fields, items, values, size, namespace: own } = schema as Record<string, unknown>
  const space = typeof own === 'string' ? own : namespace
  const full =
    typeof name === 'string' ? (name.includes('.') || space === '' ? name : `${space}.${name}`) : undefined
  const inner = full?.includes('.') ? full.slice(0, full.lastIndexOf('.')) : space
  return {
    ...(full === undefined ? {} : { name: full }),
    type,
    ...(Array.isArray(fields)
      ? {
          fields: (fields as { name: string; type: unknown }[]).map((f) => ({
            name: f.name,
            type: canonical(f.type, inner),
          })),
        }
      : {}),
    ...(items === undefined ? {} : { items: canonical(items, inner) }),
    ...(values === undefined ? {} : { values: canonical(values, inner) }),
    ...(size === undefined ? {} : { size }),
  }
}

describe('released schemas', () => {
  it('released schemas have the fingerprints that are literals in the code, according to an independent CRC', () => {
    expect(crc64Avro('"null"')).toBe('8a8f25cce724dd63')
    for (const [name, fingerprint] of Object.entries(CANONICAL)) {
      expect(crc64Avro(JSON.stringify(canonical(schemaOf(name))))).toBe(fingerprint)
    }
    expect(PREFIX.toString('hex')).toBe(`c301${CANONICAL['envelope.v1']}`)
  })

  it('the types of the entry for tools are those of the released schemas', () => {
    expect(envelopeType.schema()).toEqual(avsc.Type.forSchema(schemaOf('envelope.v1')).schema())
    expect(headerType.schema()).toEqual(avsc.Type.forSchema(schemaOf('header.v1')).schema())
  })

  it('the bounds of the format are frozen', () => {
    expect({ ...bounds }).toMatchInlineSnapshot(`
      {
        "CMK_ID": {
          "maxBytes": 256,
          "pattern": /\\^\\[!-~\\]\\{1,256\\}\\$/,
        },
        "COMMITMENT_BYTES": 32,
        "CONTEXT_TEXT": {
          "maxBytes": 128,
          "pattern": /\\^\\[A-Za-z0-9\\._:/@=\\+-\\]\\{1,128\\}\\$/,
        },
        "DICTIONARY_NAME_BYTES": 32,
        "IV_BYTES": 12,
        "MAX_BOUND_HEADERS": 32,
        "MAX_BOUND_HEADER_BYTES": 256,
        "MAX_CIPHERTEXT_DEK_BYTES": 1024,
        "MAX_CONTEXT_BYTES": 1024,
        "MAX_HEADER_BYTES": 4096,
        "MAX_WRAPPINGS": 5,
        "PROVIDER": {
          "maxBytes": 64,
          "pattern": /\\^\\[a-z0-9/-\\]\\{1,64\\}\\$/,
        },
        "SESSION_ID_BYTES": 16,
        "TAG_BYTES": 16,
        "TOPIC": {
          "maxBytes": 249,
          "pattern": /\\^\\[A-Za-z0-9\\._-\\]\\{1,249\\}\\$/,
        },
      }
    `)
  })
})

const text = (characters: string, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from(characters)), minLength: 1, maxLength })

const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
const none = fc.constant(Buffer.alloc(0))
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
/** A compression, and a dictionary if it has one. */
const compressed: fc.Arbitrary<Pick<Header, 'compression' | 'dictionary'>> = fc.oneof(
  fc.record({ compression: fc.integer({ min: 0, max: 2 }), dictionary: none }),
  fc.record({ compression: fc.constant(3), dictionary: sha256 }),
  fc.record({ compression: int.filter((n) => n < 0 || n > 3), dictionary: fc.oneof(none, sha256) }),
)

const parts = fc.record({
  suite: int,
  keyBound: fc.boolean(),
  boundHeaders: fc
    .uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), { maxLength: 32 })
    .map((names) => names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))),
  topic: text('abcXYZ019._-', 249),
  context: fc.dictionary(text('ab019:/@', 8), text('xyz=+', 20), { maxKeys: 8 }).map(contextEntries),
  sessionId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  commitment: sha256,
})
const header: fc.Arbitrary<Header> = fc
  .tuple(parts, compressed)
  .map(([given, { compression, dictionary }]) => ({ ...given, compression, dictionary }))

/**
 * The released schema with its map as an array of pairs: the same bytes (Avro 1.12, "Maps"), but a JavaScript object
 * would put keys that look like integers first.
 */
function withPairs(schema: avsc.Schema): avsc.Schema {
  const pair = {
    type: 'record',
    name: 'Pair',
    fields: ['key', 'value'].map((name) => ({ name, type: 'string' })),
  }
  const map = { type: 'map', values: 'string' }
  const text = JSON.stringify(schema)
  expect(text).toContain(JSON.stringify(map))
  return JSON.parse(
    text.replace(JSON.stringify(map), JSON.stringify({ type: 'array', items: pair })),
  ) as avsc.Schema
}

describe('headers', () => {
  const oracle = avsc.Type.forSchema(schemaOf('header.v1'))
  const writer = avsc.Type.forSchema(withPairs(schemaOf('header.v1')))

  it('a header has the bytes that a stock Avro library writes', () => {
    fc.assert(
      fc.property(header, (given) => {
        const context = given.context.map(([key, value]) => ({ key, value }))
        expect(encodeHeader(given).equals(writer.toBuffer({ ...given, context }))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('a header whose fields of fixed size have another size is not written', () => {
    const [given] = fc.sample(header, { numRuns: 1, seed: 1 }) as [Header]
    for (const wrong of [{ sessionId: Buffer.alloc(15) }, { commitment: Buffer.alloc(33) }]) {
      expect(() => encodeHeader({ ...given, ...wrong })).toThrow(RangeError)
    }
  })

  it('a dictionary is named for deflate, never for none, gzip and zstd, and as it may be for later compressions', () => {
    const [given] = fc.sample(header, { numRuns: 1, seed: 1 }) as [Header]
    const read = (compression: number, bytes: number): string => {
      try {
        decodeHeader(encodeHeader({ ...given, compression, dictionary: Buffer.alloc(bytes, 9) }))
        return 'read'
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    for (const [compression, lengths] of [
      [0, [0]],
      [1, [0]],
      [2, [0]],
      [3, [32]],
      ...[4, 64, -1, 2 ** 31 - 1].map((later) => [later, [0, 32]] as const),
    ] as const)
      for (const length of [0, 1, 31, 32, 33, 64, 5000])
        expect([compression, length, read(compression, length)]).toEqual([
          compression,
          length,
          (lengths as readonly number[]).includes(length) ? 'read' : 'MALFORMED',
        ])
  })

  it('decoding a header inverts encoding, and a stock Avro library reads the same', () => {
    fc.assert(
      fc.property(header, (given) => {
        const bytes = encodeHeader(given)
        expect(decodeHeader(bytes)).toEqual(given)
        const read = oracle.fromBuffer(bytes) as Header & { context: Record<string, string> }
        expect({ ...read, context: contextEntries(read.context) }).toEqual(given)
      }),
      { numRuns: 500 },
    )
  })
})

describe('preambles', () => {
  const wrapping = fc.record({
    provider: text('ab019/-', 64),
    cmkId: text('cC019!~', 256),
    ciphertextDek: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  })
  const wrappings = fc.uniqueArray(wrapping, {
    minLength: 1,
    maxLength: 5,
    selector: ({ provider, cmkId }) => JSON.stringify([provider, cmkId]),
  })

  const stock = avsc.Type.forSchema(schemaOf('envelope.v1'))

  it('a preamble has the bytes with which a stock Avro library begins the envelope', () => {
    fc.assert(
      fc.property(wrappings, header, (wrappedDeks, given) => {
        const headerBytes = encodeHeader(given)
        const rest = { iv: Buffer.alloc(12, 7), tag: Buffer.alloc(16, 8), body: Buffer.alloc(0) }
        const envelope = stock.toBuffer({ wrappedDeks, header: headerBytes, ...rest })
        const preamble = encodePreamble(wrappedDeks, headerBytes)
        expect(
          Buffer.concat([preamble, rest.iv, rest.tag, Buffer.alloc(1)]).equals(
            Buffer.concat([PREFIX, envelope]),
          ),
        ).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('decoding a preamble inverts encoding, whatever follows', () => {
    fc.assert(
      fc.property(wrappings, header, fc.uint8Array(), (wrappedDeks, given, rest) => {
        const headerBytes = encodeHeader(given)
        fc.pre(headerBytes.length <= bounds.MAX_HEADER_BYTES)
        const bytes = encodePreamble(wrappedDeks, headerBytes)
        const preamble = decodePreamble(Buffer.concat([bytes, rest]))
        expect(preamble.bytes.equals(bytes)).toBe(true)
        expect(preamble.wrappedDeks).toEqual(wrappedDeks)
        expect(preamble.header).toEqual(given)
      }),
      { numRuns: 300 },
    )
  })

  it('random bytes after the prefix never crash the decoder, and lengths that they only claim cost no memory', () => {
    const before = process.memoryUsage().arrayBuffers
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodePreamble(Buffer.concat([PREFIX, bytes]))
        } catch (error) {
          expect(error).toMatchObject({ code: 'MALFORMED' })
        }
      }),
      { numRuns: 20_000 },
    )
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20)
  })
})

it('lengths are written as avsc writes longs', () => {
  const long = avsc.Type.forSchema('long')
  for (const length of [0, 1, 63, 64, 8191, 8192, 2 ** 20, 2 ** 31 - 1, 2 ** 33]) {
    const bytes = Buffer.alloc(lengthBytes(length))
    expect(writeLengthAt(bytes, 0, length)).toBe(bytes.length)
    expect(bytes.equals(long.toBuffer(length))).toBe(true)
  }
})

it('the canonical context is JSON with its keys in byte order, and nothing for none', () => {
  expect(canonicalContext({})).toBe('')
  expect(canonicalContext({ b: '2', a: '1', '9': 'x', '10': 'y', B: 'z' })).toBe(
    '{"10":"y","9":"x","B":"z","a":"1","b":"2"}',
  )
})
