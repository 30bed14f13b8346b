import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type EmulatorKey,
  type TencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import { signal } from './service.js'

const decrypts = {
  secretId: 'decrypts',
  secretKey: 'of-who-decrypts',
  allow: [{ actions: ['kms:Decrypt', 'kms:AsymmetricRsaDecrypt'] }],
}
const nothing = { secretId: 'nothing', secretKey: 'of-who-may-nothing', allow: [{ actions: [] }] }

const open: Kms[] = []
let emulator: TencentKmsEmulator
let symmetric: EmulatorKey
let rsa: EmulatorKey

beforeAll(async () => {
  emulator = await startTencentKmsEmulator({
    quotas: { '*': Infinity },
    credentials: [EMULATOR_CREDENTIAL, decrypts, nothing],
    keys: [{ alias: 'symmetric' }, { alias: 'rsa', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' }],
  })
  ;[symmetric, rsa] = emulator.keys() as [EmulatorKey, EmulatorKey]
})
afterEach(async () => {
  emulator.faults.clear()
  emulator.setKeyState(rsa.keyId, 'Enabled')
  for (const kms of open.splice(0)) await kms.close?.()
})
afterAll(() => emulator.close())

/** Verifies that `key` can be unwrapped under by this identity. */
async function verify({ region, keyId }: EmulatorKey, { secretId, secretKey } = decrypts): Promise<string[]> {
  const cmkId = `${region}/${keyId}`
  const kms = tencentKms({
    endpoint: emulator.url,
    credentials: { secretId, secretKey },
    cmks: { [`${rsa.region}/${rsa.keyId}`]: { type: 'rsa-2048' } },
  })
  open.push(kms)
  emulator.forgetCalls()
  await kms.verify({ cmkId, context: { tenant: 'acme' }, signal, use: 'unwrap' })
  return emulator.calls().map(({ code = 'done' }) => code)
}

it('an identity that may only decrypt is verified by the answer that bytes do not open', async () => {
  expect(await verify(symmetric)).toEqual([
    'UnauthorizedOperation',
    'InvalidParameterValue.InvalidCiphertext',
  ])
  expect(await verify(rsa)).toEqual(['FailedOperation.DecryptError'])
})

it('an identity without permissions is not verified', async () => {
  for (const key of [symmetric, rsa])
    await expect(verify(key, nothing)).rejects.toMatchObject({ code: 'KMS_DENIED' })
})

it('an RSA CMK that cannot be used is not verified', async () => {
  for (const state of ['Disabled', 'PendingDelete'] as const) {
    emulator.setKeyState(rsa.keyId, state)
    await expect(verify(rsa)).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
  }
})

it('a service that opens bytes that were never wrapped is not verified', async () => {
  for (const [key, action] of [
    [symmetric, 'Decrypt'],
    [rsa, 'AsymmetricRsaDecrypt'],
  ] as const) {
    for (const [bytes, code] of [
      [32, 'KMS_RESPONSE_INVALID'],
      [16, 'UNWRAP_FAILED'],
    ] as const) {
      const members = {
        Error: undefined,
        KeyId: key.keyId,
        Plaintext: Buffer.alloc(bytes, 1).toString('base64'),
      }
      emulator.faults.inject({ kind: 'altered', members, action })
      await expect(verify(key)).rejects.toMatchObject({ code, kmsCode: undefined })
    }
  }
})

it.each([
  ['InvalidParameter', 'KMS_REFUSED'],
  ['InvalidParameterValue', 'KMS_REFUSED'],
  ['InvalidParameterValue.InvalidPlaintext', 'KMS_REFUSED'],
  ['FailedOperation.EncryptionError', 'KMS_UNAVAILABLE'],
  ['ResourceUnavailable.CmkDisabled', 'CMK_DISABLED'],
  ['ResourceUnavailable.CmkNotFound', 'CMK_NOT_FOUND'],
  ['UnauthorizedOperation', 'KMS_DENIED'],
  ['IpNotInWhitelist', 'KMS_DENIED'],
  ['InternalError', 'KMS_UNAVAILABLE'],
])('any other answer of the service does not verify: %s fails as %s', async (kmsCode, code) => {
  for (const [key, action] of [
    [symmetric, 'Decrypt'],
    [rsa, 'AsymmetricRsaDecrypt'],
  ] as const) {
    emulator.faults.inject({ kind: 'error', code: kmsCode, action })
    await expect(verify(key)).rejects.toMatchObject({ code, kmsCode })
  }
})
