import { describe, expect, it } from 'vitest'
import type { Format } from '../../src/envelope/format.js'
import { checkEnvelope, DEFAULT_FORMAT, formatOf, hasEnvelopePrefix } from '../../src/envelope/formats.js'
import { suiteOf } from '../../src/crypto/suites.js'

const coded = (code: string): Error => expect.objectContaining({ code }) as Error
const header = DEFAULT_FORMAT.encodeHeader({
  suite: 1,
  compression: 0,
  dictionary: Buffer.alloc(0),
  keyBound: false,
  boundHeaders: [],
  topic: 'orders',
  context: [],
  sessionId: Buffer.alloc(16),
  commitment: Buffer.alloc(32),
})
const wrappedDeks = [{ provider: 'local', cmkId: 'orders', ciphertextDek: Buffer.alloc(64, 3) }]
const preamble = DEFAULT_FORMAT.encodePreamble(wrappedDeks, header)
const envelope = Buffer.alloc(DEFAULT_FORMAT.envelopeBytes(preamble, 5))
DEFAULT_FORMAT.writeFrame(envelope, 0, preamble, 5)

describe('a second format', () => {
  const second: Format = { ...DEFAULT_FORMAT, version: 2, prefix: Buffer.from('c3010102030405060708', 'hex') }
  const both = [DEFAULT_FORMAT, second]
  const sealed = Buffer.concat([second.prefix, envelope.subarray(second.prefix.length)])

  it('a second format is a row in the table of formats, which readers then accept with the first', () => {
    expect(formatOf(sealed, both)).toBe(second)
    expect(formatOf(envelope, both)).toBe(DEFAULT_FORMAT)
    expect(hasEnvelopePrefix(sealed, both)).toBe(true)
    expect(hasEnvelopePrefix(envelope, both)).toBe(true)
  })

  it('a second format is unknown to a reader without the row', () => {
    expect(() => formatOf(sealed)).toThrow(coded('UNKNOWN_FORMAT'))
    expect(hasEnvelopePrefix(sealed)).toBe(false)
  })
})

it('a value passes as an envelope only as a whole: a prefix or a preamble before plaintext is not enough', () => {
  expect(() => {
    checkEnvelope(envelope)
  }).not.toThrow()
  for (const [value, code] of [
    [Buffer.from('plaintext'), 'NOT_SEALED'],
    [Buffer.concat([DEFAULT_FORMAT.prefix, Buffer.from('plaintext')]), 'MALFORMED'],
    [Buffer.concat([preamble, Buffer.from('plaintext')]), 'MALFORMED'],
    [envelope.subarray(0, -1), 'MALFORMED'],
    [Buffer.concat([envelope, Buffer.alloc(1)]), 'MALFORMED'],
  ] as const) {
    expect(() => {
      checkEnvelope(value)
    }).toThrow(coded(code))
  }
})

it('the IV and tag of each suite are as long as those of the format', () => {
  const suite = suiteOf(1)
  expect([suite?.ivBytes, suite?.tagBytes]).toEqual([DEFAULT_FORMAT.sizes.iv, DEFAULT_FORMAT.sizes.tag])
})
