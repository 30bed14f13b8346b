import { readFileSync } from 'node:fs'
import avsc from 'avsc'
import { describe, expect, it } from 'vitest'
import type { Preamble } from '../../../src/envelope/format.js'
import { formatOf, hasEnvelopePrefix } from '../../../src/envelope/formats.js'
import { encodePreamble } from '../../../src/envelope/v1/envelope.js'
import { encodeHeader } from '../../../src/envelope/v1/header.js'
import { PREFIX } from '../../../src/envelope/v1/prefix.js'

const stock = avsc.Type.forSchema(
  JSON.parse(
    readFileSync(new URL('../../../schemas/envelope.v1.avsc', import.meta.url), 'utf8'),
  ) as avsc.Schema,
)

const header = encodeHeader({
  suite: 1,
  compression: 0,
  dictionary: Buffer.alloc(0),
  keyBound: true,
  boundHeaders: ['a', 'b'],
  topic: 'orders',
  context: [['env', 'prod']],
  sessionId: Buffer.alloc(16, 1),
  commitment: Buffer.alloc(32, 2),
})
const wrappedDeks = [
  { provider: 'local', cmkId: 'orders', ciphertextDek: Buffer.alloc(64, 3) },
  { provider: 'tencent-kms', cmkId: 'ap-guangzhou/6a1c', ciphertextDek: Buffer.alloc(70, 4) },
]
const body = Buffer.alloc(100, 5)
const envelope = Buffer.concat([
  PREFIX,
  stock.toBuffer({ wrappedDeks, header, iv: Buffer.alloc(12, 6), tag: Buffer.alloc(16, 7), body }),
])

function decoded(bytes: Buffer): { preamble: Preamble; bodyAt: number } | string {
  try {
    const format = formatOf(bytes)
    const preamble = format.decodePreamble(bytes)
    expect(format.preambleLength(bytes)).toBe(preamble.bytes.length)
    return { preamble, bodyAt: format.bodyStart(bytes, preamble.bytes.length) }
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('an envelope', () => {
  it('an envelope that a stock Avro library wrote is read, as views of its bytes', () => {
    const result = decoded(envelope)
    if (typeof result === 'string') throw new Error(result)
    const { preamble, bodyAt } = result
    expect(preamble.wrappedDeks).toEqual(wrappedDeks)
    expect(preamble.headerBytes).toEqual(header)
    expect(envelope.subarray(bodyAt)).toEqual(body)
    expect(encodePreamble(wrappedDeks, header)).toEqual(preamble.bytes)
    for (const view of [
      preamble.bytes,
      preamble.headerBytes,
      ...preamble.wrappedDeks.map((w) => w.ciphertextDek),
    ])
      expect(view.buffer).toBe(envelope.buffer)
  })

  it('an envelope cut anywhere is malformed, or not sealed if cut before its second byte; no bytes may follow it', () => {
    for (let length = 0; length < envelope.length; length++)
      expect([length, decoded(envelope.subarray(0, length))]).toEqual([
        length,
        length < 2 ? 'NOT_SEALED' : 'MALFORMED',
      ])
    for (const tail of [Buffer.alloc(1), envelope])
      expect(decoded(Buffer.concat([envelope, tail]))).toBe('MALFORMED')
  })

  it('an envelope is recognised by its whole prefix', () => {
    expect(hasEnvelopePrefix(envelope)).toBe(true)
    expect(hasEnvelopePrefix(PREFIX)).toBe(true)
    for (let at = 0; at < PREFIX.length; at++) {
      const other = Buffer.from(PREFIX)
      other.writeUInt8(other.readUInt8(at) ^ 1, at)
      expect(hasEnvelopePrefix(other)).toBe(false)
      expect(hasEnvelopePrefix(PREFIX.subarray(0, at))).toBe(false)
      expect(decoded(other)).toBe(at < 2 ? 'NOT_SEALED' : 'UNKNOWN_FORMAT')
    }
  })
})
