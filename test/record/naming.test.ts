import { createHash } from 'node:crypto'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import { compressionNamed } from '../../src/record/compression.js'
import { TopicRules, type ResolvedRule } from '../../src/record/topic-rules.js'
import { sealRecords } from '../../src/record/index.js'
import { CANARY, thrownBy } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { cmk, craft, DICTIONARY, opened, wrapping, type Craft, type Rule } from './crafted.js'

/** The error message for a record made this way, read from topic `t` under a rule named `r`. */
async function refusal(given: Craft, rule: Rule = {}, configured = 'a'): Promise<string> {
  const cmks = [await cmk({ provider: 'near', cmkId: configured }, [])]
  const { error } = await opened({ value: craft(given) }, cmks, rule)
  return error?.message ?? 'it opened'
}

describe('a record that is refused: the error names', () => {
  it('the error of a refused record names suite and compression by number', async () => {
    expect(await refusal({ header: { suite: 2 } })).toContain('suite 2.')
    expect(await refusal({ header: { compression: 4 } })).toContain('compression 4.')
  })

  it('the error of a refused record names the dictionary that the reader lacks by its SHA-256', async () => {
    const header = { compression: 3, dictionary: Buffer.alloc(32, 0xab) }
    expect(await refusal({ header })).toContain(`SHA-256 ${'ab'.repeat(32)}.`)
  })

  it('the error of a refused record names the topic it was sealed for and the one it was read from', async () => {
    expect(await refusal({ header: { topic: 'elsewhere' } })).toMatch(/elsewhere.* t\b/)
  })

  it('the error of a refused record names the rule, and the requirement that is not met', async () => {
    expect(await refusal({ header: { keyBound: false } })).toMatch(/rule r .*record key/)
    expect(await refusal({}, { require: { bindHeaders: ['h1'] } })).toMatch(/rule r .*header "h1"/)
    expect(await refusal({}, { require: { context: { env: 'prod' } } })).toMatch(/rule r .*env=prod/)
  })

  it('the error of a refused record names the rule, and the wrappings that it does not accept', async () => {
    const wrappings = [wrapping('near', 'a'), wrapping('far', 'b')]
    expect(await refusal({ wrappings }, {}, 'another')).toMatch(/rule r .*near a, far b/)
  })

  it('the error of a refused record names the CMK that did not unwrap', async () => {
    const refuses = () => new EnvelopeError('CIPHERTEXT_DEK_INVALID', 'no')
    const cmks = [await cmk(wrapping('near', 'a'), [], refuses)]
    expect((await opened({ value: craft() }, cmks)).error?.message).toMatch(/CMK a /)
  })

  it('the error of a refused record names the rule that refuses tombstones', async () => {
    const { error } = await opened({ value: null }, [], { tombstones: 'reject' })
    expect(error?.message).toContain('rule r ')
  })

  it('the error of a refused record says that it is about the commitment, or that the record was changed', async () => {
    expect(await refusal({ header: { commitment: Buffer.alloc(32) } })).toMatch(/: the DEK .*commitment/)
    expect(await refusal({ key: 'k' })).toMatch(/: the record differs from what was sealed/)
  })

  it('the error of a refused record says what is wrong with a gzip member', async () => {
    const gzip = gzipSync(CANARY)
    const member = (body: Buffer, maxDecompressedBytes = 1000): Promise<string> =>
      refusal({ header: { compression: 1 }, body }, { maxDecompressedBytes })
    const changed = (at: number): Buffer => {
      const copy = Buffer.from(gzip)
      copy.writeUInt8(copy.readUInt8(at) ^ 1, at)
      return copy
    }
    expect(await member(changed(0))).toMatch(/authentic.* header of a gzip member/)
    expect(await member(changed(10))).toMatch(/authentic.* does not decompress/)
    expect(await member(Buffer.concat([gzip, gzip]))).toMatch(/authentic.* exactly one gzip member/)
    expect(await member(changed(gzip.length - 1))).toMatch(/authentic.* checksum or size/)
    expect(await member(gzipSync('x'.repeat(1001)))).toMatch(/TOO_LARGE.*larger after decompression/)
  })

  it('the error of a refused record says that its deflated data is not exactly one stream', async () => {
    const dictionary = createHash('sha256').update(DICTIONARY).digest()
    const deflated = deflateRawSync(CANARY, { dictionary: DICTIONARY })
    const body = Buffer.concat([deflated, Buffer.of(0)])
    const header = { compression: 3, dictionary }
    expect(await refusal({ header, body })).toMatch(
      /DECOMPRESSION_FAILED.*authentic.* exactly one deflate stream/,
    )
  })
})

describe('a record that is not sealed: the error names', () => {
  it('the error of a record that is not sealed names topic and rule, and the kind of value', async () => {
    const { encryption } = await memoryEncryption([
      { match: ['t'], name: 'r', encrypt: { cmk: 'main', tombstones: 'reject' } },
      { match: ['plain'], passthrough: true },
    ])
    const refused = (value: unknown, topic = 't') =>
      thrownBy(() => sealRecords(encryption, [{ topic, value: value as string }]))
    expect(await refused(null)).toMatchObject({
      message: expect.stringMatching(/rule r /) as string,
      position: { topic: 't' },
    })
    expect(await refused(craft())).toMatchObject({
      code: 'ALREADY_SEALED',
      message: expect.stringMatching(/: the value starts with the prefix of an envelope/) as string,
      position: { topic: 't' },
    })
    for (const topic of ['t', 'plain'])
      expect(await refused(7, topic)).toMatchObject({
        code: 'INVALID_RECORD',
        message: expect.stringMatching(/the value is a number/) as string,
      })
  })
})

it('the error for a topic whose rule lacks `encrypt` or `decrypt` names topic and rule, and what did not happen', () => {
  const rule = {
    name: 'r',
    match: ['t'],
    passthrough: false,
    sealing: undefined,
    compression: undefined,
    reading: undefined,
  }
  const book = new TopicRules([rule] satisfies ResolvedRule[])
  const refused = (message: RegExp): Error =>
    expect.objectContaining({
      code: 'TOPIC_NOT_CONFIGURED',
      message: expect.stringMatching(message) as string,
    }) as Error
  expect(() => book.forWriting('t')).toThrow(refused(/rule r .*`encrypt`.* topic t, .*nothing was sent/))
  expect(() => book.forReading('t')).toThrow(refused(/rule r .*`decrypt`.* topic t, .*nothing was delivered/))
  expect(() => book.forWriting('u')).toThrow(refused(/no rule .*topic u, .*nothing was sent/))
  expect(() => book.forReading('u')).toThrow(refused(/no rule .*topic u, .*nothing was delivered/))
})

it('the error for a compression that this runtime lacks names it', () => {
  expect(() => compressionNamed('lzma' as 'zstd')).toThrow(/UNKNOWN_COMPRESSION.*lzma/)
})
