import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { EnvelopeError, errorCodes } from '../../src/errors.js'
import type { SealedRecord } from '../../src/record/record.js'
import { CANARY } from '../support/emissions.js'
import { cmk, craft, DEK, open, wrapping, type Craft } from './crafted.js'

/** A record and a reader in the making: each fault spoils one thing of it. */
interface Case {
  readonly craft: Craft
  readonly change: (envelope: Buffer) => Buffer
  readonly rule: Parameters<typeof open>[2] & object
  readonly key: string | null
  readonly configured: string
  readonly answer: () => Uint8Array | Error
}

const GOOD: Case = {
  craft: { key: 'k' },
  change: (envelope) => envelope,
  rule: {},
  key: 'k',
  configured: 'a',
  answer: () => Uint8Array.from(DEK),
}

const header = (c: Case, changed: Craft['header'] & object): Case => ({
  ...c,
  craft: { ...c.craft, header: { ...c.craft.header, ...changed } },
})
const required = (c: Case, changed: object): Case => ({
  ...c,
  rule: { ...c.rule, require: { ...c.rule.require, ...changed } },
})
const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at)
  return copy
}

/** One fault for each step of docs/format.md, section 13, in the order of its table. */
const FAULTS: readonly (readonly [name: string, code: string, spoil: (c: Case) => Case])[] = [
  ['fingerprint', 'UNKNOWN_FORMAT', (c) => ({ ...c, change: (e) => flipped(c.change(e), 5) })],
  [
    'a byte behind',
    'MALFORMED',
    (c) => ({ ...c, change: (e) => Buffer.concat([c.change(e), Buffer.of(0)]) }),
  ],
  ['order of bound headers', 'MALFORMED', (c) => header(c, { boundHeaders: ['b', 'a'] })],
  ['compression', 'UNKNOWN_COMPRESSION', (c) => header(c, { compression: 4 })],
  [
    'dictionary',
    'DICTIONARY_UNKNOWN',
    (c) => header(c, { compression: 3, dictionary: Buffer.alloc(32), ...c.craft.header }),
  ],
  ['topic', 'WRONG_TOPIC', (c) => header(c, { topic: 'u' })],
  ['context entry', 'REQUIREMENT_UNMET', (c) => required(c, { context: { env: 'prod' } })],
  ['CMK', 'NO_CANDIDATE', (c) => ({ ...c, configured: 'another' })],
  [
    'unwrapping',
    'UNWRAP_FAILED',
    (c) => ({ ...c, answer: () => new EnvelopeError('CIPHERTEXT_DEK_INVALID', 'no') }),
  ],
  ['commitment', 'COMMITMENT_MISMATCH', (c) => header(c, { commitment: Buffer.alloc(32) })],
  ['key', 'AUTHENTICATION_FAILED', (c) => ({ ...c, key: null })],
  [
    'gzip',
    'DECOMPRESSION_FAILED',
    (c) =>
      header(
        { ...c, craft: { ...c.craft, body: Buffer.from(CANARY) } },
        { compression: 1, ...c.craft.header },
      ),
  ],
]
const NO_KMS_NEEDED = FAULTS.findIndex(([name]) => name === 'unwrapping')

async function result(c: Case): Promise<{ opened: string | null; asked: string[] }> {
  const asked: string[] = []
  const cmks = [await cmk({ provider: 'near', cmkId: c.configured }, asked, c.answer)]
  const record: SealedRecord = { value: c.change(craft(c.craft)), key: c.key }
  return { opened: await open(record, cmks, c.rule), asked }
}

describe('the order of checks', () => {
  it('a record without a fault opens', async () => {
    expect(await result(GOOD)).toEqual({ opened: CANARY, asked: ['near a'] })
  })

  it('each fault alone gives its code, and no KMS is asked if the bytes and the rule suffice', async () => {
    for (const [i, [name, code, spoil]] of FAULTS.entries()) {
      const { opened, asked } = await result(spoil(GOOD))
      const calls = i < NO_KMS_NEEDED ? 0 : code === 'COMMITMENT_MISMATCH' ? 2 : 1
      expect([name, opened, asked.length]).toEqual([name, code, calls])
    }
  })

  it('the first of two faults in the order of checks is reported', async () => {
    for (const [i, [first, code, spoil]] of FAULTS.entries()) {
      for (const [second, , spoilToo] of FAULTS.slice(i + 1)) {
        const { opened } = await result(spoilToo(spoil(GOOD)))
        expect([first, second, opened]).toEqual([first, second, code])
      }
    }
  })

  it('an unknown suite comes before an unknown compression', async () => {
    for (const suite of [0, 2, -1]) {
      const unknown = header(GOOD, { suite, compression: 4 })
      expect(await result(unknown)).toEqual({ opened: 'UNKNOWN_SUITE', asked: [] })
    }
  })

  it('any of key, headers and context may be reported if several of them break the rule', async () => {
    const bound = header(GOOD, { boundHeaders: ['a'], context: [['env', 'prod']] })
    const ready = { ...bound, craft: { ...bound.craft, headers: [[]] } }
    const met = { bindHeaders: ['a'], context: { env: 'prod' } }
    expect((await result(required(ready, met))).opened).toBe(CANARY)
    for (const unmet of [
      required(header(ready, { keyBound: false }), met),
      required(ready, { ...met, bindHeaders: ['a', 'b'] }),
      required(ready, { ...met, bindHeaders: ['A'] }),
      required(ready, { ...met, context: { env: 'test' } }),
      required(ready, { ...met, context: { env: 'prod', region: 'eu' } }),
    ])
      expect(await result(unmet)).toEqual({ opened: 'REQUIREMENT_UNMET', asked: [] })
  })

  it('a tombstone is never decoded, and every code is a documented one', async () => {
    expect(await open({ value: null }, [])).toBeNull()
    expect(await open({ value: null }, [], { tombstones: 'reject' })).toBe('TOMBSTONE_REJECTED')
    for (const [, code] of FAULTS) expect(errorCodes()).toContain(code)
  })
})

it('opening happens once: a plaintext that is an envelope, or gzip, is delivered unchanged', async () => {
  const cmks = [await cmk(wrapping('near', 'a'), [])]
  const inner = craft()
  expect(await open({ value: craft({ body: inner }) }, cmks)).toBe(inner.toString())
  const packed = gzipSync(CANARY)
  expect(await open({ value: craft({ body: packed }) }, cmks)).toBe(packed.toString())
})
