import { describe, expect, it } from 'vitest'
import { EnvelopeError, type ErrorCode } from '../../src/errors.js'
import { CANARY } from '../support/emissions.js'
import { cmk, craft, DEK, open, opened, wrapping } from './crafted.js'

const IDS = ['a', 'b', 'c', 'd', 'e'] as const
type Id = (typeof IDS)[number]

const dek = (): Uint8Array => Uint8Array.from(DEK)
const other = (): Uint8Array => new Uint8Array(32).fill(9)
const failing = (code: ErrorCode) => (): Error => new EnvelopeError(code, 'no')

/** Opens an envelope with five wrappings under the given CMKs, in that order. */
async function tried(
  answers: Partial<Record<Id, () => Uint8Array | Error>>,
  value = craft({ wrappings: IDS.map((id) => wrapping('p', id)) }),
): Promise<{ opened: string | null; asked: string }> {
  const asked: string[] = []
  const cmks = await Promise.all(
    Object.entries(answers).map(([cmkId, answer]) => cmk({ provider: 'p', cmkId }, asked, answer)),
  )
  const opened = await open({ value }, cmks)
  return { opened, asked: asked.map((name) => name.slice(2)).join('') }
}

describe('candidates', () => {
  it('candidates are tried in the order of the configuration, not of the envelope', async () => {
    expect(await tried({ d: dek, a: dek })).toEqual({ opened: CANARY, asked: 'd' })
    expect(await tried({ b: failing('KMS_DENIED'), a: dek })).toEqual({ opened: CANARY, asked: 'ba' })
  })

  it('after a candidate that does not unwrap, or whose DEK does not match the commitment, the next is tried', async () => {
    for (const bad of [
      failing('CIPHERTEXT_DEK_INVALID'),
      failing('CMK_NOT_FOUND'),
      failing('KMS_UNAVAILABLE'),
    ])
      expect(await tried({ a: bad, b: dek })).toEqual({ opened: CANARY, asked: 'ab' })
  })

  it('a candidate whose KMS answers with another DEK, or with none, is asked once more before the next', async () => {
    for (const bad of [other, failing('UNWRAP_FAILED'), failing('CMK_MISMATCH')])
      expect(await tried({ a: bad, b: dek })).toEqual({ opened: CANARY, asked: 'aab' })
  })

  it('candidates fail for at most two invalid wrappings: a forged envelope does not buy more KMS calls', async () => {
    const bad = failing('CIPHERTEXT_DEK_INVALID')
    expect(await tried({ a: bad, b: bad, c: dek })).toEqual({ opened: 'UNWRAP_FAILED', asked: 'ab' })
    expect(await tried({ a: other, b: bad, c: dek })).toEqual({ opened: 'COMMITMENT_MISMATCH', asked: 'aab' })
  })

  it('candidates whose KMS is unavailable or denies do not count as invalid: all others are tried', async () => {
    const [away, denied] = [failing('KMS_UNAVAILABLE'), failing('KMS_DENIED')]
    for (const bad of [away, denied])
      expect(await tried({ a: bad, b: bad, c: bad, d: bad, e: dek })).toEqual({
        opened: CANARY,
        asked: 'abcde',
      })
  })

  describe('of two CMKs', () => {
    const answers = {
      opens: dek,
      'other DEK': other,
      refuses: failing('CIPHERTEXT_DEK_INVALID'),
      denies: failing('KMS_DENIED'),
      away: failing('KMS_UNAVAILABLE'),
    }
    type Told = keyof typeof answers
    const [MISMATCH, REFUSED, DENIED, AWAY] = [
      'COMMITMENT_MISMATCH',
      'UNWRAP_FAILED',
      'KMS_DENIED',
      'KMS_UNAVAILABLE',
    ]
    // The result of the record: rows are the answer of the first KMS, columns that of the second, in this order.
    const columns: readonly Told[] = ['opens', 'other DEK', 'refuses', 'denies', 'away']
    const table: Readonly<Record<Told, readonly string[]>> = {
      opens: [CANARY, CANARY, CANARY, CANARY, CANARY],
      'other DEK': [CANARY, MISMATCH, MISMATCH, MISMATCH, MISMATCH],
      refuses: [CANARY, REFUSED, REFUSED, REFUSED, REFUSED],
      denies: [CANARY, MISMATCH, REFUSED, DENIED, AWAY],
      away: [CANARY, MISMATCH, REFUSED, AWAY, AWAY],
    }
    const rows = Object.entries(table) as [Told, readonly string[]][]
    it.each(rows.flatMap(([a, told]) => told.map((outcome, i) => [a, columns[i] as Told, outcome] as const)))(
      'if the first CMK %s and the second %s, the record is %s',
      async (a, b, outcome) => {
        expect((await tried({ a: answers[a], b: answers[b] })).opened).toBe(outcome)
      },
    )
  })

  it('a record whose ciphertext DEK a KMS refuses, for damage or another CMK, fails with the one code UNWRAP_FAILED', async () => {
    for (const code of ['CIPHERTEXT_DEK_INVALID', 'CMK_MISMATCH'] as const)
      expect((await tried({ a: failing(code) })).opened).toBe('UNWRAP_FAILED')
  })

  it('an error keeps the code of the KMS and its request id', async () => {
    const told = { kmsCode: 'InvalidParameterValue.InvalidCiphertext', requestId: 'r-1' }
    for (const code of ['CIPHERTEXT_DEK_INVALID', 'CMK_MISMATCH'] as const)
      for (const said of [told, { kmsCode: told.kmsCode }, { requestId: told.requestId }, {}]) {
        const failing = new EnvelopeError(code, 'no', said)
        const one = await cmk({ provider: 'p', cmkId: 'a' }, [], () => failing)
        const { error } = await opened({ value: craft({ wrappings: [wrapping('p', 'a')] }) }, [one])
        expect(error).toMatchObject({
          code: 'UNWRAP_FAILED',
          kind: 'invalid',
          position: { topic: 't' },
          kmsCode: undefined,
          requestId: undefined,
          ...said,
        })
      }
  })

  it('a failure of authentication is final: no further candidate is tried', async () => {
    const value = craft({ wrappings: IDS.map((id) => wrapping('p', id)) })
    value.writeUInt8(value.readUInt8(value.length - 1) ^ 1, value.length - 1)
    expect(await tried({ a: dek, b: dek }, value)).toEqual({ opened: 'AUTHENTICATION_FAILED', asked: 'a' })
  })

  it('candidates are exactly the (provider, cmkId) of the rule; all other wrappings are ignored before any call', async () => {
    const value = craft({ wrappings: [wrapping('p', 'A'), wrapping('q', 'a'), wrapping('p/x', 'a')] })
    expect(await tried({ a: dek }, value)).toEqual({ opened: 'NO_CANDIDATE', asked: '' })
  })

  it('asymmetric wrappings are candidates only if the rule accepts public-key sealing', async () => {
    const value = craft({ wrappings: [wrapping('p/rsa', 'a')] })
    const asked: string[] = []
    const cmks = [await cmk({ provider: 'p/rsa', cmkId: 'a' }, asked, dek, true)]
    expect(await open({ value }, cmks)).toBe('NO_CANDIDATE')
    expect(asked).toEqual([])
    expect(await open({ value }, cmks, { acceptPublicKeySealing: true })).toBe(CANARY)
  })

  it('wrappings may be replaced without touching the body', async () => {
    const [before, after] = [craft(), craft({ wrappings: [wrapping('elsewhere', 'new')] })]
    const body = before.subarray(-29 - CANARY.length)
    expect(body).toEqual(after.subarray(-29 - CANARY.length))
    expect(await open({ value: after }, [await cmk(wrapping('elsewhere', 'new'), [])])).toBe(CANARY)
  })
})

it('an error of another copy of the package is recognised by its code', async () => {
  /** As that copy would throw it: the same shape, another class. */
  class Foreign extends Error {
    override readonly name = 'EnvelopeError'
    readonly code = 'KMS_DENIED'
    readonly kind = 'unreadable'
    at(): this {
      return this
    }
  }
  expect(await tried({ a: () => new Foreign('no') })).toEqual({ opened: 'KMS_DENIED', asked: 'a' })
})
