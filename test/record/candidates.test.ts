import { describe, expect, it } from 'vitest'
import { EnvelopeError, type ErrorCode } from '../../src/errors.js'
import { CANARY } from '../support/emissions.js'
import { cmk, craft, DEK, open, opened, wrapping } from './crafted.js'

const IDS = ['a', 'b', 'c', 'd', 'e'] as const
type Id = (typeof IDS)[number]

const dek = (): Uint8Array => Uint8Array.from(DEK)
const other = (): Uint8Array => new Uint8Array(32).fill(9)
const failing = (code: ErrorCode) => (): Error => new EnvelopeError(code, 'no')

/** Opens an envelope with five wrappings by the CMKs given, in that order. */
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
  it('are tried in the order of the configuration, not of the envelope', async () => {
    expect(await tried({ d: dek, a: dek })).toEqual({ opened: CANARY, asked: 'd' })
    expect(await tried({ b: failing('KMS_DENIED'), a: dek })).toEqual({ opened: CANARY, asked: 'ba' })
  })

  it('one that does not unwrap, or whose DEK is not the one committed to, gives way to the next', async () => {
    for (const bad of [
      failing('CIPHERTEXT_DEK_INVALID'),
      failing('CMK_NOT_FOUND'),
      failing('KMS_UNAVAILABLE'),
      other,
      () => new Uint8Array(16),
    ])
      expect(await tried({ a: bad, b: dek })).toEqual({ opened: CANARY, asked: 'ab' })
  })

  it('at most two fail for good: a forged envelope does not buy more KMS calls', async () => {
    const bad = failing('CIPHERTEXT_DEK_INVALID')
    expect(await tried({ a: bad, b: bad, c: dek })).toEqual({ opened: 'UNWRAP_FAILED', asked: 'ab' })
    expect(await tried({ a: other, b: bad, c: dek })).toEqual({ opened: 'COMMITMENT_MISMATCH', asked: 'ab' })
  })

  it('transient failures do not count, and are reported before others', async () => {
    const [away, bad] = [failing('KMS_UNAVAILABLE'), failing('CIPHERTEXT_DEK_INVALID')]
    expect(await tried({ a: away, b: away, c: away, d: away, e: dek })).toEqual({
      opened: CANARY,
      asked: 'abcde',
    })
    expect(await tried({ a: bad, b: away, c: bad, d: dek })).toEqual({
      opened: 'KMS_UNAVAILABLE',
      asked: 'abc',
    })
  })

  it('when none is left, what another reader may open is not reported as invalid; else the first failure', async () => {
    const [disabled, bad] = [failing('CMK_DISABLED'), failing('CIPHERTEXT_DEK_INVALID')]
    for (const answers of [
      { a: disabled, b: other },
      { a: other, b: disabled },
      { a: bad, b: disabled },
    ])
      expect((await tried(answers)).opened).toBe('CMK_DISABLED')
    expect((await tried({ a: failing('KMS_DENIED'), b: disabled })).opened).toBe('KMS_DENIED')
    expect((await tried({ a: bad, b: other })).opened).toBe('UNWRAP_FAILED')
    expect((await tried({ a: other, b: bad })).opened).toBe('COMMITMENT_MISMATCH')
  })

  it('whatever a KMS has against a ciphertext DEK, damage or another CMK, the record fails as one: UNWRAP_FAILED', async () => {
    for (const code of ['CIPHERTEXT_DEK_INVALID', 'CMK_MISMATCH'] as const)
      expect((await tried({ a: failing(code) })).opened).toBe('UNWRAP_FAILED')
  })

  it('and keeps what the KMS said, its code and its id for the call, for whoever asks its support', async () => {
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

  it('are exactly the (provider, cmkId) of the rule; all other wrappings are ignored before any call', async () => {
    const value = craft({ wrappings: [wrapping('p', 'A'), wrapping('q', 'a'), wrapping('p/x', 'a')] })
    expect(await tried({ a: dek }, value)).toEqual({ opened: 'NO_CANDIDATE', asked: '' })
  })

  it('asymmetric ones only where the rule accepts public-key sealing', async () => {
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
