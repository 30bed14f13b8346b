import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type AccessStatement,
  type TencentKmsEmulator,
} from '../src/index.js'
import { thrownBy } from '../../../test/support/emissions.js'
import { codeOf, present, sdkClient } from './support/sdk-client.js'

let kms: TencentKmsEmulator
let orders: string
let users: string

beforeAll(async () => {
  kms = await startTencentKmsEmulator()
  orders = kms.createKey({ alias: 'orders' }).keyId
  users = kms.createKey({ alias: 'users' }).keyId
})
afterAll(() => kms.close())

function as(secretId: string, ...allow: AccessStatement[]): ReturnType<typeof sdkClient> {
  const credential = { secretId, secretKey: `of ${secretId}`, allow }
  kms.setCredentials([EMULATOR_CREDENTIAL, credential])
  return sdkClient(kms, credential)
}

describe('a secret id', () => {
  it('a secret id may do what is granted to it and nothing else: a producer may not decrypt', async () => {
    const producer = as('producer', { actions: ['kms:GenerateDataKey'], keys: [orders] })
    const { CiphertextBlob } = await producer.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32 })
    const blob = { CiphertextBlob: present(CiphertextBlob) }
    expect(await codeOf(producer.Decrypt(blob))).toBe('UnauthorizedOperation')
    expect(kms.calls().at(-1)).toMatchObject({ secretId: 'producer', code: 'UnauthorizedOperation' })
    expect(await codeOf(producer.GenerateDataKey({ KeyId: users, NumberOfBytes: 32 }))).toBe(
      'UnauthorizedOperation',
    )
    const consumer = as('consumer', { actions: ['Decrypt'], keys: [orders] })
    expect(await codeOf(consumer.Decrypt(blob))).toBe('OK')
    expect(await codeOf(consumer.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32 }))).toBe(
      'UnauthorizedOperation',
    )
  })

  it('a secret id is checked against the CMK that the blob names', async () => {
    const { CiphertextBlob } = await sdkClient(kms).Encrypt({ KeyId: users, Plaintext: 'eA==' })
    const reader = as('reader', { actions: ['Decrypt'], keys: [orders] })
    expect(await codeOf(reader.Decrypt({ CiphertextBlob: present(CiphertextBlob) }))).toBe(
      'UnauthorizedOperation',
    )
    expect(kms.calls().at(-1)).toMatchObject({ keyId: users })
  })

  it('a secret id needs both CMKs for ReEncrypt', async () => {
    const { CiphertextBlob } = await sdkClient(kms).Encrypt({ KeyId: users, Plaintext: 'eA==' })
    const move = { CiphertextBlob: present(CiphertextBlob), DestinationKeyId: orders }
    for (const keys of [[users], [orders]]) {
      expect(await codeOf(as('mover', { actions: ['ReEncrypt'], keys }).ReEncrypt(move))).toBe(
        'UnauthorizedOperation',
      )
    }
    expect(await codeOf(as('mover', { actions: ['ReEncrypt'], keys: [users, orders] }).ReEncrypt(move))).toBe(
      'OK',
    )
  })

  it('a secret id learns nothing about CMKs that it may not use', async () => {
    const reader = as('reader', { actions: ['DescribeKey'], keys: [orders] })
    for (const KeyId of [users, '23e80852-1e38-11e9-b129-5cb9019b4b01', 'x']) {
      expect(await codeOf(reader.DescribeKey({ KeyId }))).toBe('UnauthorizedOperation')
    }
  })

  it('a secret id needs a grant on every CMK for an action that is not about one CMK', async () => {
    const lists = async (...allow: AccessStatement[]): Promise<string> =>
      codeOf(as('lister', ...allow).ListKeys({}))
    expect(await lists({ actions: ['ListKeys'] })).toBe('OK')
    expect(await lists({ actions: ['ListKeys'], keys: [orders] })).toBe('UnauthorizedOperation')
    expect(await lists()).toBe('UnauthorizedOperation')
  })

  it('a secret id is granted actions by name, by the start of it, or all', async () => {
    const describes = async (...actions: string[]): Promise<string> =>
      codeOf(as('describer', { actions }).DescribeKey({ KeyId: orders }))
    for (const action of ['DescribeKey', 'kms:DescribeKey', 'Describe*', 'kms:Describe*', '*', 'kms:*']) {
      expect(await describes('Encrypt', action)).toBe('OK')
    }
    for (const action of ['Describe', 'Encrypt', 'DescribeKeys', 'describekey', 'cvm:DescribeKey', '']) {
      expect(await describes(action)).toBe('UnauthorizedOperation')
    }
  })

  it('a secret id is unknown as soon as it is removed', async () => {
    const gone = as('gone', { actions: ['*'] })
    expect(await codeOf(gone.ListKeys({}))).toBe('OK')
    kms.setCredentials([EMULATOR_CREDENTIAL])
    expect(await codeOf(gone.ListKeys({}))).toBe('AuthFailure.SecretIdNotFound')
  })
})

it('a temporary credential of the SDK is accepted with its token', async () => {
  const temporary = { secretId: 'temporary', secretKey: 'k', token: 'token-1' }
  kms.setCredentials([temporary])
  expect(await codeOf(sdkClient(kms, temporary).ListKeys({}))).toBe('OK')
  kms.setCredentials([{ ...temporary, token: 'token-2' }])
  expect(await codeOf(sdkClient(kms, temporary).ListKeys({}))).toBe('AuthFailure.TokenFailure')
})

it.each([
  ['twice', [EMULATOR_CREDENTIAL, EMULATOR_CREDENTIAL]],
  ['without a key', [{ secretId: 'a', secretKey: '' }]],
  ['that no header can carry', [{ secretId: 'a/b', secretKey: 'k' }]],
])('a secret id %s is refused, and changes nothing', async (_, credentials) => {
  kms.setCredentials([EMULATOR_CREDENTIAL])
  const refused = thrownBy(() => {
    kms.setCredentials(credentials)
  })
  expect(await refused).toMatchObject({ code: 'OPTIONS_INVALID' })
  expect(await codeOf(sdkClient(kms).ListKeys({}))).toBe('OK')
})
