import { generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { CMK, failed, KEY_ID, ok, PEM, rsaCmk, serviceForTests, signal, symmetricCmks } from './service.js'

const call = { cmkId: CMK, context: { tenant: 'acme', '10': 'a', '1a': 'b' }, signal }

const under = serviceForTests()
let kms: Kms

beforeEach(() => {
  kms = under.kms()
})

describe('verifying', () => {
  it('verifying that making or wrapping DEKs works does just that', async () => {
    await kms.verify({ ...call, use: 'generate' })
    await kms.verify({ ...call, use: 'wrap' })
    await under.kms({ cmks: { [CMK]: { type: 'symmetric', dek: 'encrypt' } } }).verify({
      ...call,
      use: 'generate',
    })
    under.service.answer = rsaCmk
    const rsa = under.kms({ cmks: { [CMK]: { type: 'rsa-2048' } } })
    await rsa.verify({ ...call, use: 'generate' })
    // Each time: a public key that was kept proves nothing.
    await rsa.verify({ ...call, use: 'wrap' })
    expect(under.actions()).toEqual(['GenerateDataKey', 'Encrypt', 'Encrypt', 'GetPublicKey', 'GetPublicKey'])
  })

  it('verifying that unwrapping works makes a round trip', async () => {
    await kms.verify({ ...call, use: 'unwrap' })
    expect(under.actions()).toEqual(['GenerateDataKey', 'Decrypt'])
  })

  it('verifying for an identity that may only decrypt, or under an archived CMK, checks whether decrypting is allowed', async () => {
    for (const code of ['UnauthorizedOperation', 'ResourceUnavailable.CmkArchived']) {
      const decrypts = symmetricCmks()
      under.service.answer = (asked) => (asked.action === 'Decrypt' ? decrypts(asked) : failed(code))
      await kms.verify({ ...call, use: 'unwrap' })
      for (const use of ['generate', 'wrap'] as const)
        await expect(kms.verify({ ...call, use })).rejects.toMatchObject({ kmsCode: code })
    }
    under.service.answer = () => failed('UnauthorizedOperation')
    await expect(kms.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({ code: 'KMS_DENIED' })
  })

  it('verifying fails if the CMK does not work, or has another type than stated', async () => {
    for (const [kmsCode, code] of [
      ['ResourceUnavailable.CmkDisabled', 'CMK_DISABLED'],
      ['ResourceUnavailable.CmkNotFound', 'CMK_NOT_FOUND'],
      ['InvalidParameterValue.InvalidKeyUsage', 'CMK_UNUSABLE'],
    ] as const) {
      under.service.answer = () => failed(kmsCode)
      for (const type of ['symmetric', 'rsa-2048'] as const)
        for (const use of ['wrap', 'unwrap'] as const) {
          const each = under.kms({ cmks: { [CMK]: { type } } })
          await expect(each.verify({ ...call, use })).rejects.toMatchObject({ code })
        }
    }
  })

  it('verifying a CMK of another type says to set its type, whether one was stated or not', async () => {
    under.service.answer = () => failed('InvalidParameterValue.InvalidKeyUsage')
    for (const cmks of [{}, { [CMK]: { type: 'symmetric' } }, { [CMK]: { type: 'rsa-2048' } }] as const)
      for (const use of ['wrap', 'unwrap'] as const)
        await expect(under.kms({ cmks }).verify({ ...call, use })).rejects.toThrow(
          /Set `type` in `cmks` .* not listed there counts as symmetric/,
        )
  })

  it('verifying fails if the unwrapped DEK differs from the wrapped one', async () => {
    const cmks = symmetricCmks()
    under.service.answer = (asked) =>
      asked.action === 'Decrypt'
        ? ok({ KeyId: KEY_ID, Plaintext: Buffer.alloc(32).toString('base64') })
        : cmks(asked)
    await expect(kms.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({
      code: 'KMS_RESPONSE_INVALID',
    })
  })

  it('verifying that an RSA CMK unwraps needs no other permission; with a pinned key it proves that the key belongs to the CMK', async () => {
    under.service.answer = (asked) =>
      asked.action === 'GetPublicKey' ? failed('UnauthorizedOperation') : rsaCmk(asked)
    await under.kms({ cmks: { [CMK]: { type: 'rsa-2048' } } }).verify({ ...call, use: 'unwrap' })
    await under.kms({ cmks: { [CMK]: { type: 'rsa-2048', publicKey: PEM } } }).verify({
      ...call,
      use: 'unwrap',
    })
    expect(under.actions()).toEqual(['AsymmetricRsaDecrypt', 'AsymmetricRsaDecrypt'])
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
    const publicKey = other.export({ type: 'spki', format: 'pem' }).toString()
    const wrong = under.kms({ cmks: { [CMK]: { type: 'rsa-2048', publicKey } } })
    await expect(wrong.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({
      code: 'CIPHERTEXT_DEK_INVALID',
    })
    under.service.answer = () => failed('UnauthorizedOperation')
    const denied = under.kms({ cmks: { [CMK]: { type: 'rsa-2048' } } })
    await expect(denied.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({ code: 'KMS_DENIED' })
  })
})
