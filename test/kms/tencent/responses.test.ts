import { beforeEach, describe, expect, it } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { CMK, KEY_ID, ok, serviceForTests, signal } from './service.js'

const call = { cmkId: CMK, context: { tenant: 'acme', '10': 'a', '1a': 'b' }, signal }
const DEK = Uint8Array.from({ length: 32 }, (_, at) => (at * 73 + 41) & 0xff)

const under = serviceForTests()
let kms: Kms

beforeEach(() => {
  kms = under.kms()
})

describe('the answer of the service', () => {
  const generate = (change: Record<string, unknown>) => {
    under.service.answer = () =>
      ok({
        KeyId: KEY_ID,
        Plaintext: Buffer.from(DEK).toString('base64'),
        CiphertextBlob: 'a-k-b-k-c',
        ...change,
      })
    return kms.generateDek(call)
  }

  it('the answer of the service must name the CMK of the call; otherwise it is invalid or, if only the ciphertext selects the CMK, CMK_MISMATCH', async () => {
    for (const action of ['generate', 'wrap', 'unwrap'] as const) {
      under.service.answer = () =>
        ok({ KeyId: 'other', Plaintext: Buffer.from(DEK).toString('base64'), CiphertextBlob: 'a' })
      const made =
        action === 'generate'
          ? kms.generateDek(call)
          : action === 'wrap'
            ? kms.wrapDek({ ...call, dek: DEK })
            : kms.unwrapDek({ ...call, ciphertextDek: Buffer.from('a') })
      const code = action === 'unwrap' ? 'CMK_MISMATCH' : 'KMS_RESPONSE_INVALID'
      await expect(made).rejects.toMatchObject({ code })
    }
  })

  it('the answer of the service may name its CMK in upper or lower case', async () => {
    const Plaintext = Buffer.from(DEK).toString('base64')
    for (const KeyId of [KEY_ID.toUpperCase(), KEY_ID.toLowerCase()]) {
      for (const cmkId of [CMK, `ap-guangzhou/${KEY_ID.toUpperCase()}`]) {
        under.service.answer = () => ok({ KeyId, Plaintext, CiphertextBlob: 'a' })
        expect(await kms.unwrapDek({ ...call, cmkId, ciphertextDek: Buffer.from('a') })).toEqual(DEK)
        expect((await kms.generateDek({ ...call, cmkId })).dek).toEqual(DEK)
      }
    }
  })

  it.each([
    [{ KeyId: undefined }],
    [{ KeyId: 7 }],
    [{ KeyId: '' }],
    [{ Plaintext: undefined }],
    [{ Plaintext: '' }],
    [{ Plaintext: ['x'] }],
    [{ Plaintext: 'not base64!' }],
    [{ Plaintext: Buffer.alloc(31).toString('base64') }],
    [{ Plaintext: Buffer.alloc(33).toString('base64') }],
    [{ Plaintext: Buffer.alloc(32).toString('hex') }],
    [{ Plaintext: Buffer.alloc(32).toString('base64').slice(0, -1) }],
    [{ Plaintext: ` ${Buffer.alloc(32).toString('base64')}` }],
    [{ CiphertextBlob: undefined }],
    [{ CiphertextBlob: '' }],
    [{ CiphertextBlob: 'a b' }],
    [{ CiphertextBlob: 'ä' }],
    [{ CiphertextBlob: 'x'.repeat(1025) }],
    [{ CiphertextBlob: { length: 3 } }],
  ])('an answer of the service with %j is KMS_RESPONSE_INVALID, with the request id', async (change) => {
    await expect(generate(change)).rejects.toMatchObject({
      code: 'KMS_RESPONSE_INVALID',
      requestId: '0f1e2d3c-0000-4000-8000-123456789abc',
    })
  })

  it('the answer of the service to unwrapping blames the ciphertext DEK if it has another length than a DEK, since the maker chose that', async () => {
    for (const length of [1, 16, 31, 33, 64]) {
      under.service.answer = () => ok({ KeyId: KEY_ID, Plaintext: Buffer.alloc(length).toString('base64') })
      await expect(kms.unwrapDek({ ...call, ciphertextDek: Buffer.from('a') })).rejects.toMatchObject({
        code: 'UNWRAP_FAILED',
      })
    }
    for (const Plaintext of ['?', '']) {
      under.service.answer = () => ok({ KeyId: KEY_ID, Plaintext })
      await expect(kms.unwrapDek({ ...call, ciphertextDek: Buffer.from('a') })).rejects.toMatchObject({
        code: 'KMS_RESPONSE_INVALID',
      })
    }
  })

  it('an answer above its bound in length is refused before its form is checked, which would overflow the stack', async () => {
    const long = 'A'.repeat(16_000_000)
    under.service.answer = () => ok({ KeyId: KEY_ID, Plaintext: long, CiphertextBlob: 'a', PublicKey: long })
    const requestTimeout = 30_000
    const symmetric = under.kms({ requestTimeout })
    const rsa = under.kms({ requestTimeout, cmks: { [CMK]: { type: 'rsa-2048' } } })
    for (const made of [
      () => symmetric.generateDek(call),
      () => symmetric.unwrapDek({ ...call, ciphertextDek: Buffer.from('a') }),
      () => rsa.generateDek(call),
    ])
      await expect(made()).rejects.toMatchObject({ code: 'KMS_RESPONSE_INVALID' })
  })

  it('the answer of the service to unwrapping may be as long as a plaintext of Encrypt, and no longer', async () => {
    for (const [bytes, code] of [
      [4096, 'UNWRAP_FAILED'],
      [4099, 'KMS_RESPONSE_INVALID'],
    ] as const) {
      under.service.answer = () => ok({ KeyId: KEY_ID, Plaintext: Buffer.alloc(bytes).toString('base64') })
      await expect(kms.unwrapDek({ ...call, ciphertextDek: Buffer.from('a') })).rejects.toMatchObject({
        code,
      })
    }
  })

  it('the answer of the service becomes a DEK in its own memory', async () => {
    const { dek } = await generate({})
    expect(dek).toEqual(DEK)
    expect(dek.buffer.byteLength).toBe(32)
  })
})
