import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { CMK, failed, KEY_ID, ok, serviceForTests, signal } from './service.js'

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

describe('re-encryption by the service', () => {
  const OTHER_ID = randomUUID()
  const rewrap = (more = {}, by: Kms = kms) =>
    (by as Required<Kms>).rewrapDek({
      ...call,
      ciphertextDek: Buffer.from('a-k-b'),
      toCmkId: `ap-guangzhou/${OTHER_ID}`,
      ...more,
    })
  const answer = { KeyId: OTHER_ID, SourceKeyId: KEY_ID, CiphertextBlob: 'c-k-d', ReEncrypted: true }

  it('re-encryption by the service names the new CMK, and carries the same context twice', async () => {
    under.service.answer = () => ok(answer)
    expect(Buffer.from(await rewrap()).toString()).toBe('c-k-d')
    await rewrap({ context: {} })
    const context = '{"10":"a","1a":"b","tenant":"acme"}'
    const bare = { CiphertextBlob: 'a-k-b', DestinationKeyId: OTHER_ID }
    expect(under.service.asked.map(({ action, params }) => ({ action, ...params }))).toEqual([
      {
        action: 'ReEncrypt',
        ...bare,
        ...{ SourceEncryptionContext: context, DestinationEncryptionContext: context },
      },
      { action: 'ReEncrypt', ...bare },
    ])
  })

  it('re-encryption by the service may name its CMKs in upper or lower case', async () => {
    under.service.answer = () =>
      ok({ ...answer, KeyId: OTHER_ID.toUpperCase(), SourceKeyId: KEY_ID.toUpperCase() })
    await rewrap()
  })

  it.each<[Record<string, unknown>, string]>([
    // The call does not say which CMK decrypts: the ciphertext DEK selected it.
    [{ SourceKeyId: 'other' }, 'CMK_MISMATCH'],
    [{ SourceKeyId: OTHER_ID }, 'CMK_MISMATCH'],
    [{ SourceKeyId: undefined }, 'KMS_RESPONSE_INVALID'],
    [{ SourceKeyId: 7 }, 'KMS_RESPONSE_INVALID'],
    [{ SourceKeyId: 'x'.repeat(129) }, 'KMS_RESPONSE_INVALID'],
    [{ KeyId: KEY_ID }, 'KMS_RESPONSE_INVALID'],
    [{ KeyId: undefined }, 'KMS_RESPONSE_INVALID'],
    [{ CiphertextBlob: undefined }, 'KMS_RESPONSE_INVALID'],
    [{ CiphertextBlob: '' }, 'KMS_RESPONSE_INVALID'],
    [{ CiphertextBlob: 'x'.repeat(1025) }, 'KMS_RESPONSE_INVALID'],
    [{ CiphertextBlob: 'a b' }, 'KMS_RESPONSE_INVALID'],
  ])('re-encryption by the service that is answered with %j fails with %s', async (change, code) => {
    under.service.answer = () => ok({ ...answer, ...change })
    await expect(rewrap()).rejects.toMatchObject({ code })
  })

  it.each([
    ['InvalidParameterValue.InvalidCiphertext', 'CIPHERTEXT_DEK_INVALID'],
    ['UnauthorizedOperation', 'KMS_DENIED'],
    ['ResourceUnavailable.CmkDisabled', 'CMK_DISABLED'],
    ['ResourceUnavailable.CmkNotFound', 'CMK_NOT_FOUND'],
    ['RequestLimitExceeded', 'KMS_THROTTLED'],
  ])(
    're-encryption by the service that fails with %s is %s, and the message names both CMKs',
    async (kmsCode, code) => {
      under.service.answer = () => failed(kmsCode)
      await expect(rewrap()).rejects.toMatchObject({
        ...{ code, kmsCode },
        message: expect.stringContaining(`from CMK ${CMK} to CMK ap-guangzhou/${OTHER_ID}`) as string,
      })
    },
  )

  it.each([
    ['empty', Buffer.alloc(0)],
    ['too long', Buffer.alloc(1025, 'a')],
    ['not visible ASCII', Buffer.from('a b')],
  ])(
    're-encryption by the service is not asked for if the ciphertext DEK is %s',
    async (_, ciphertextDek) => {
      await expect(rewrap({ ciphertextDek })).rejects.toMatchObject({ code: 'CIPHERTEXT_DEK_INVALID' })
      expect(under.service.asked).toEqual([])
    },
  )

  it('re-encryption by the service is not asked for in a context that it cannot have wrapped with', async () => {
    const context = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [String(i), 'x'.repeat(120)]))
    await expect(rewrap({ context })).rejects.toMatchObject({ code: 'CIPHERTEXT_DEK_INVALID' })
    expect(under.service.asked).toEqual([])
  })

  it('re-encryption by the service is not asked for between regions, or for RSA CMKs', async () => {
    const far = { toCmkId: `ap-shanghai/${OTHER_ID}` }
    const rsa = under.kms({ cmks: { [CMK]: { type: 'rsa-2048' } } })
    const toRsa = under.kms({ cmks: { [`ap-guangzhou/${OTHER_ID}`]: { type: 'rsa-2048' } } })
    for (const asked of [
      () => rewrap(far),
      () => rewrap({ toCmkId: 'none' }),
      () => rewrap({}, rsa),
      () => rewrap({}, toRsa),
    ])
      await expect(asked()).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
    const { rewrapsTo } = await kms.describe(CMK, signal)
    expect([CMK, `ap-guangzhou/${OTHER_ID}`, far.toCmkId, 'none'].map((id) => rewrapsTo?.(id))).toEqual([
      ...[true, true, false, false],
    ])
    expect(under.service.asked).toEqual([])
  })
})
