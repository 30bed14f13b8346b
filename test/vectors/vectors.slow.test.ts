import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { DekVector } from '../../scripts/vectors/dek-vectors.js'
import { parseVectors, tryVectors } from '../../scripts/vectors/try-vectors.js'
import { nodeEngine } from '../../src/crypto/engine.js'
import { aadOf, sealOne } from '../support/engine.js'
import { Dek } from '../../src/crypto/dek.js'
import { DEFAULT_SUITE } from '../../src/crypto/suites.js'
import { decodePreamble, DEFAULT_FORMAT } from '../../src/envelope/formats.js'
import { lengthBytes, writeLengthAt } from '../../src/envelope/write.js'

const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.json'))
const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const vectors = files.flatMap((file) => parseVectors(readFileSync(pathOf(file), 'utf8'))) as DekVector[]

const ruleVectors = parseVectors(readFileSync(pathOf('rules/v1.json'), 'utf8'))

it('the README says how many test vectors there are', () => {
  const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8')
  const count = (vectors.length + ruleVectors.length).toLocaleString('en')
  expect(readme).toContain(`on ${count} test vectors`)
})

/** The possible results of opening bytes under a DEK. */
const FROM_BYTES = [
  null,
  'NOT_SEALED',
  'MALFORMED',
  'UNKNOWN_FORMAT',
  'UNKNOWN_SUITE',
  'UNKNOWN_COMPRESSION',
  'DICTIONARY_UNKNOWN',
  'WRONG_TOPIC',
  'COMMITMENT_MISMATCH',
  'AUTHENTICATION_FAILED',
  'DECOMPRESSION_FAILED',
  'TOO_LARGE',
]

describe('vectors made by the Python reader, which shares no code with the library', () => {
  it('vectors made by the Python reader are many, and cover every code that opening bytes can give', () => {
    expect(vectors.filter(({ error }) => error === null).length).toBeGreaterThanOrEqual(100)
    expect(vectors.filter(({ error }) => error !== null).length).toBeGreaterThanOrEqual(200)
    expect(new Set(vectors.map(({ error }) => error))).toEqual(new Set(FROM_BYTES))
  })

  it('rule vectors, in which unwrapping is real, cover each code of unwrapping', () => {
    expect(new Set(ruleVectors.map(({ error }) => error))).toEqual(
      new Set([
        ...FROM_BYTES,
        'NO_CANDIDATE',
        'UNWRAP_FAILED',
        'REQUIREMENT_UNMET',
        'TOMBSTONE_REJECTED',
        'CMK_NOT_FOUND',
        'CMK_DISABLED',
        'CMK_UNUSABLE',
      ]),
    )
  })

  // One test for each vector would drown the report; a disagreement is named all the same.
  it.each([...files, 'rules/v1.json'])(
    'vectors made by the Python reader open, or fail with the documented code: %s',
    async (file) => {
      const { readable, count, lines } = await tryVectors(pathOf(file))
      expect(lines).toEqual([])
      expect(readable).toBe(true)
      expect(count).toBeGreaterThan(300)
    },
  )
})

it('sealing with the DEK, session and counter of a vector gives the same bytes', () => {
  let compared = 0
  for (const { name, dek, key, headers, envelope, plaintext } of vectors) {
    if (plaintext === null) continue
    const expected = Buffer.from(envelope, 'hex')
    const { wrappedDeks, header, bytes } = decodePreamble(expected)
    const counter = expected.readBigUInt64BE(bytes.length + 4)
    if (header.compression !== 0 || counter > 2n ** 53n || expected.readUInt32BE(bytes.length) !== 0) continue
    const contentKey = Dek.take(Buffer.from(dek, 'hex')).contentKey(DEFAULT_SUITE, header.sessionId)
    const preamble = DEFAULT_FORMAT.encodePreamble(
      wrappedDeks,
      DEFAULT_FORMAT.encodeHeader({ ...header, commitment: contentKey.commitment }),
    )
    const body = Buffer.from(plaintext, 'hex')
    const lengthAt = preamble.length + 28
    const bodyAt = lengthAt + lengthBytes(body.length)
    const target = Buffer.alloc(bodyAt + body.length)
    preamble.copy(target)
    writeLengthAt(target, lengthAt, body.length)
    const values = header.boundHeaders.map((bound) =>
      headers
        .filter(([n]) => n === bound)
        .map(([, value]) => (value === null ? null : Buffer.from(value, 'hex'))),
    )
    const boundKey = header.keyBound ? (key === null ? null : Buffer.from(key, 'hex')) : undefined
    const aad = aadOf(
      DEFAULT_FORMAT.aadBase(DEFAULT_FORMAT.encodeHeader({ ...header, commitment: contentKey.commitment })),
      boundKey,
      values,
    )
    const places = { ivAt: preamble.length, tagAt: preamble.length + 12, bodyAt }
    sealOne(nodeEngine, contentKey, Number(counter), { plaintext: body, aad, target, ...places })
    expect(DEFAULT_FORMAT.bodyStart(target, preamble.length)).toBe(bodyAt)
    expect(target.equals(expected), name).toBe(true)
    compared++
  }
  expect(compared).toBeGreaterThan(150)
})
