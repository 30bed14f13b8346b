import { constants, publicEncrypt } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

import type { Client } from 'tencentcloud-sdk-nodejs/tencentcloud/services/kms/v20190118/kms_client.js'

import { startTencentKmsEmulator, type CmkState, type TencentKmsEmulator } from '../src/index.js'
import { codeOf, present, sdkClient } from './support/sdk-client.js'

const STATES: readonly CmkState[] = ['Enabled', 'Disabled', 'PendingDelete', 'PendingImport', 'Archived']

let kms: TencentKmsEmulator
let sdk: Client
let key: { keyId: string; blob: string }
let other: { keyId: string; blob: string }
let rsa: { keyId: string; ciphertext: string }

beforeAll(async () => {
  kms = await startTencentKmsEmulator({ quotas: { '*': Infinity } })
  sdk = sdkClient(kms)
  key = await symmetric('one')
  other = await symmetric('other')
  const { keyId, publicKey } = kms.createKey({ alias: 'rsa', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' })
  const padded = { key: present(publicKey), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  rsa = { keyId, ciphertext: publicEncrypt(padded, Buffer.from('x')).toString('base64') }
})
afterAll(() => kms.close())

async function symmetric(alias: string): Promise<{ keyId: string; blob: string }> {
  const { keyId } = kms.createKey({ alias })
  const { CiphertextBlob } = await sdk.Encrypt({ KeyId: keyId, Plaintext: 'eA==' })
  return { keyId, blob: present(CiphertextBlob) }
}

const DISABLED = 'CmkDisabled'
const ARCHIVED = 'CmkArchived'
const NOT = 'CmkStateNotSupport'

/** The answer for each action and each state of STATES, without `ResourceUnavailable.`. */
const TABLE: Readonly<
  Record<string, { call: () => Promise<unknown>; codes: readonly string[]; onRsa?: true }>
> = {
  GenerateDataKey: {
    call: () => sdk.GenerateDataKey({ KeyId: key.keyId, NumberOfBytes: 32 }),
    codes: ['OK', DISABLED, 'KeyPendingDelete', DISABLED, ARCHIVED],
  },
  Encrypt: {
    call: () => sdk.Encrypt({ KeyId: key.keyId, Plaintext: 'eA==' }),
    codes: ['OK', DISABLED, DISABLED, DISABLED, ARCHIVED],
  },
  Decrypt: {
    call: () => sdk.Decrypt({ CiphertextBlob: key.blob }),
    codes: ['OK', DISABLED, DISABLED, DISABLED, 'OK'],
  },
  'ReEncrypt from it': {
    call: () => sdk.ReEncrypt({ CiphertextBlob: key.blob, DestinationKeyId: other.keyId }),
    codes: ['OK', DISABLED, DISABLED, DISABLED, 'OK'],
  },
  'ReEncrypt to it': {
    call: () => sdk.ReEncrypt({ CiphertextBlob: other.blob, DestinationKeyId: key.keyId }),
    codes: ['OK', DISABLED, DISABLED, DISABLED, DISABLED],
  },
  GetPublicKey: {
    call: () => sdk.GetPublicKey({ KeyId: rsa.keyId }),
    codes: ['OK', NOT, NOT, NOT, NOT],
    onRsa: true,
  },
  AsymmetricRsaDecrypt: {
    call: () =>
      sdk.AsymmetricRsaDecrypt({
        KeyId: rsa.keyId,
        Ciphertext: rsa.ciphertext,
        Algorithm: 'RSAES_OAEP_SHA_256',
      }),
    codes: ['OK', NOT, NOT, NOT, NOT],
    onRsa: true,
  },
  DescribeKey: { call: () => sdk.DescribeKey({ KeyId: key.keyId }), codes: ['OK', 'OK', 'OK', 'OK', 'OK'] },
  GetKeyRotationStatus: {
    call: () => sdk.GetKeyRotationStatus({ KeyId: key.keyId }),
    codes: ['OK', 'OK', 'OK', 'OK', 'OK'],
  },
  DisableKeyRotation: {
    call: () => sdk.DisableKeyRotation({ KeyId: key.keyId }),
    codes: ['OK', 'OK', 'OK', 'OK', 'OK'],
  },
  EnableKeyRotation: {
    call: () => sdk.EnableKeyRotation({ KeyId: key.keyId }),
    codes: ['OK', NOT, NOT, NOT, NOT],
  },
  RotateKey: { call: () => sdk.RotateKey({ KeyId: key.keyId }), codes: ['OK', NOT, NOT, NOT, NOT] },
  EnableKey: { call: () => sdk.EnableKey({ KeyId: key.keyId }), codes: ['OK', 'OK', NOT, NOT, NOT] },
  DisableKey: { call: () => sdk.DisableKey({ KeyId: key.keyId }), codes: ['OK', 'OK', NOT, NOT, NOT] },
  ArchiveKey: { call: () => sdk.ArchiveKey({ KeyId: key.keyId }), codes: ['OK', 'OK', NOT, NOT, 'OK'] },
  CancelKeyArchive: {
    call: () => sdk.CancelKeyArchive({ KeyId: key.keyId }),
    codes: [NOT, NOT, NOT, NOT, 'OK'],
  },
  ScheduleKeyDeletion: {
    call: () => sdk.ScheduleKeyDeletion({ KeyId: key.keyId, PendingWindowInDays: 7 }),
    codes: ['CmkShouldBeDisabled', 'OK', NOT, NOT, NOT],
  },
  CancelKeyDeletion: {
    call: () => sdk.CancelKeyDeletion({ KeyId: key.keyId }),
    codes: ['CmkNotPendingDelete', 'CmkNotPendingDelete', 'OK', 'CmkNotPendingDelete', 'CmkNotPendingDelete'],
  },
  UpdateAlias: {
    call: () => sdk.UpdateAlias({ KeyId: key.keyId, Alias: 'one' }),
    codes: ['OK', 'OK', 'InvalidParameter', 'OK', 'OK'],
  },
  UpdateKeyDescription: {
    call: () => sdk.UpdateKeyDescription({ KeyId: key.keyId, Description: '' }),
    codes: ['OK', 'OK', 'InvalidParameter', 'OK', 'OK'],
  },
}

it.each(Object.entries(TABLE))(
  '%s answers according to the state of the CMK',
  async (_, { call, codes, onRsa }) => {
    const { keyId } = onRsa ? rsa : key
    const answers: string[] = []
    for (const state of STATES) {
      kms.setKeyState(keyId, state)
      answers.push((await codeOf(call())).replace('ResourceUnavailable.', ''))
    }
    kms.setKeyState(keyId, 'Enabled')
    expect(Object.fromEntries(STATES.map((state, at) => [state, answers[at]]))).toEqual(
      Object.fromEntries(STATES.map((state, at) => [state, codes[at]])),
    )
  },
)

describe('by the clock', () => {
  const day = 86_400_000
  let timed: TencentKmsEmulator
  let client: Client

  beforeAll(async () => {
    // Of the SDK too, which signs with it.
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
    timed = await startTencentKmsEmulator()
    client = sdkClient(timed)
  })
  afterAll(async () => {
    vi.useRealTimers()
    await timed.close()
  })
  const pass = (ms: number): void => {
    vi.setSystemTime(Date.now() + ms)
  }

  it('a CMK is deleted when its days are over, and not a second before', async () => {
    const { keyId: KeyId } = timed.createKey({ alias: 'leaving' })
    timed.setKeyState(KeyId, 'Disabled')
    for (const PendingWindowInDays of [6, 31]) {
      expect(await codeOf(client.ScheduleKeyDeletion({ KeyId, PendingWindowInDays }))).toBe(
        'InvalidParameter.InvalidPendingWindowInDays',
      )
    }
    const { DeletionDate } = await client.ScheduleKeyDeletion({ KeyId, PendingWindowInDays: 30 })
    expect(DeletionDate).toBe((Date.now() + 30 * day) / 1000)
    pass(30 * day - 1000)
    expect((await client.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({
      KeyState: 'PendingDelete',
      DeletionDate,
    })
    pass(1000)
    expect(await codeOf(client.DescribeKey({ KeyId }))).toBe('ResourceUnavailable.CmkNotFound')
    expect(await codeOf(client.CancelKeyDeletion({ KeyId }))).toBe('ResourceUnavailable.CmkNotFound')
  })

  it('a CMK whose deletion is cancelled stays, disabled', async () => {
    const { keyId: KeyId } = timed.createKey({ alias: 'staying' })
    timed.setKeyState(KeyId, 'PendingDelete')
    await client.CancelKeyDeletion({ KeyId })
    pass(31 * day)
    expect((await client.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({
      KeyState: 'Disabled',
      DeletionDate: 0,
    })
  })

  it('a CMK rotates every RotateDays; earlier ciphertexts still decrypt', async () => {
    const { keyId: KeyId } = timed.createKey({ alias: 'turning' })
    await client.EnableKeyRotation({ KeyId, RotateDays: 7 })
    const CiphertextBlob = present((await client.Encrypt({ KeyId, Plaintext: 'eA==' })).CiphertextBlob)
    const renewed = async (): Promise<boolean | undefined> =>
      (await client.ReEncrypt({ CiphertextBlob })).ReEncrypted
    pass(7 * day - 1000)
    expect(await renewed()).toBe(false)
    pass(1000)
    expect(await renewed()).toBe(true)
    expect((await client.Decrypt({ CiphertextBlob })).Plaintext).toBe('eA==')
    expect((await client.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({
      LastRotateTime: Date.now() / 1000,
      NextRotateTime: (Date.now() + 7 * day) / 1000,
      KeyRotationEnabled: true,
    })
  })
})
