import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { errorCodes, type ErrorCode } from '../../src/errors.js'
import type { EncryptRule } from '../../src/index.js'
import { openRecords, sealRecords, type OpenedRecord, type ReadRecord } from '../../src/record/index.js'
import { CANARY, emitted } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'

async function owner(encrypt: Partial<EncryptRule>) {
  const made = await memoryEncryption(
    [
      { match: ['t'], encrypt: { cmk: 'main', ...encrypt }, read: { cmk: 'main' } },
      { match: ['u'], read: { cmk: 'main' } },
    ],
    {
      cmks: {
        main: [
          { kms: 'memory', id: 'one' },
          { kms: 'memory', id: 'two' },
        ],
      },
    },
  )
  const seal = async (record: object): Promise<ReadRecord & { value: Buffer }> => {
    const [sealed] = await sealRecords(made.encryption, [{ topic: 't', value: CANARY, ...record }])
    return sealed as ReadRecord & { value: Buffer }
  }
  const open = async (record: ReadRecord): Promise<OpenedRecord> => {
    const [opened] = await openRecords(made.encryption, [record])
    if (opened?.error !== undefined) emitted('error', opened.error)
    return opened as OpenedRecord
  }
  return { ...made, seal, open }
}

const bytes = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b)),
)
const value = bytes.map((b) => Buffer.concat([Buffer.from(CANARY), Buffer.from(b as string)]))
const key = fc.oneof(fc.constantFrom(null, undefined), bytes)
const header = fc.oneof(
  fc.constant(null),
  bytes,
  fc.array(fc.oneof(fc.constant(null), bytes), { maxLength: 3 }),
)
const headers = fc.dictionary(fc.constantFrom('a', '9', '10', '__proto__', 'é', '🦄', '｡', 'other'), header)
const BOUND = ['a', '9', '10', '__proto__', 'é', '🦄', '｡']

describe('opening inverts sealing', () => {
  it.each(['none', 'gzip'] as const)('for all values, keys and headers, with compression %s', async (how) => {
    const { encryption } = await owner({
      compression: how,
      bindHeaders: BOUND,
      context: { '9': 'x', '10': 'y' },
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ value, key, headers }), { maxLength: 10 }), async (records) => {
        const sealed = await sealRecords(
          encryption,
          records.map((record) => ({ topic: 't', ...record })),
        )
        for (const [i, { value: envelope, key: keyAfter }] of sealed.entries()) {
          expect(envelope?.includes(CANARY)).toBe(false)
          expect(keyAfter).toBe(records[i]?.key)
        }
        const opened = await openRecords(encryption, sealed)
        expect(opened.map((result) => result.value)).toEqual(records.map((record) => record.value))
      }),
      { numRuns: 100 },
    )
    await encryption.close()
  })

  it('a string is sealed as its UTF-8, in value, key and headers alike', async () => {
    const { seal, open } = await owner({ bindHeaders: ['h'] })
    for (const text of ['', CANARY, 'é漢🦄', `${CANARY}\0`]) {
      const asText = await seal({ value: text, key: text, headers: { h: [text, null] } })
      const read = { ...asText, key: Buffer.from(text), headers: { h: [Buffer.from(text), null] } }
      expect((await open(read)).value?.toString()).toBe(text)
      const asBytes = await seal({ value: Buffer.from(text), key: read.key, headers: read.headers })
      expect((await open({ ...asText, value: asBytes.value })).value?.toString()).toBe(text)
    }
  })
})

describe('no change of any byte opens to another plaintext', () => {
  const documented = new Set<ErrorCode>(errorCodes())

  it('each bit of an envelope with two wrappings, bound headers and a context', async () => {
    const { kms, seal, open } = await owner({
      bindHeaders: ['a', 'b'],
      context: { env: 'prod' },
      compression: 'gzip',
    })
    const sealed = await seal({ key: 'k', headers: { a: ['1', null], other: 'x' } })
    const { length } = sealed.value
    const second = sealed.value.lastIndexOf('two')
    // From count to the second wrapping's end: not authenticated, and another wrapping still opens.
    const wrappings = { from: 10, to: second + 4 + 24 }
    const opening: number[] = []
    for (let at = 0; at < length; at++) {
      for (let bit = 1; bit < 256; bit *= 2) {
        const changed = Buffer.from(sealed.value)
        changed.writeUInt8(changed.readUInt8(at) ^ bit, at)
        const calls = kms.calls.length
        const { value: got, error } = await open({ ...sealed, value: changed })
        if (error === undefined) {
          expect(got?.toString()).toBe(CANARY)
          opening.push(at)
        } else {
          expect(documented).toContain(error.code)
          expect(error.kind).toMatch(/^(invalid|unreadable)$/)
          // What the bytes alone show costs no call.
          if (!['UNWRAP_FAILED', 'COMMITMENT_MISMATCH'].includes(error.code))
            expect(kms.calls.length).toBe(calls)
        }
      }
    }
    expect(opening.every((at) => at >= wrappings.from && at < wrappings.to)).toBe(true)
    expect(new Set(opening).size).toBeGreaterThan(20)
  })

  it('anything random in front of, within or behind it', async () => {
    const { seal, open } = await owner({})
    const sealed = await seal({ key: 'k' })
    const splice = fc.tuple(fc.nat(sealed.value.length), fc.nat(40), fc.uint8Array({ maxLength: 40 }))
    await fc.assert(
      fc.asyncProperty(splice, async ([from, remove, insert]) => {
        const changed = Buffer.concat([
          sealed.value.subarray(0, from),
          insert,
          sealed.value.subarray(from + remove),
        ])
        const { value: got, error } = await open({ ...sealed, value: changed })
        if (error === undefined) expect(got?.toString()).toBe(CANARY)
        else expect(documented).toContain(error.code)
        expect(got).not.toBeNull()
      }),
      { numRuns: 500 },
    )
  })

  it('parts of two envelopes do not mix, and records do not move between topics', async () => {
    const { seal, open } = await owner({})
    const [one, two] = [await seal({ key: 'k' }), await seal({ key: 'k', value: `${CANARY}!` })]
    for (let at = 11; at < one.value.length; at++) {
      const mixed = Buffer.concat([one.value.subarray(0, at), two.value.subarray(at)])
      const { value: got } = await open({ ...one, value: mixed })
      expect([undefined, CANARY, `${CANARY}!`]).toContain(got?.toString())
    }
    expect((await open({ ...one, topic: 'u' })).error).toMatchObject({ code: 'WRONG_TOPIC' })
  })
})

it('a record that KafkaJS would not send as it stands is refused, and nothing of its batch is sealed', async () => {
  const { encryption, kms } = await owner({ bindHeaders: ['h'] })
  for (const wrong of [
    { value: undefined },
    { value: 7 },
    { value: new Uint8Array(3) },
    { value: { canary: CANARY } },
    { value: CANARY, key: 7 },
    { value: CANARY, headers: { h: 7 } },
    { value: CANARY, headers: { h: undefined } },
    { value: CANARY, headers: { h: ['x', 7] } },
  ]) {
    const batch = [
      { topic: 't', value: CANARY },
      { topic: 't', ...wrong },
    ] as { topic: string; value: string }[]
    const failure: unknown = await sealRecords(encryption, batch).catch((error: unknown) => error)
    emitted('error', failure)
    expect(failure).toMatchObject({ code: 'INVALID_RECORD' })
  }
  expect(kms.calls).toEqual([])
})
