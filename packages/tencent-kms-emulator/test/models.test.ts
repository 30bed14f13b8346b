/** Compares the emulator's actions with the models of the vendor's SDK: parameters, and members of answers. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client } from 'tencentcloud-sdk-nodejs/tencentcloud/services/kms/v20190118/kms_client.js'
import { startTencentKmsEmulator, type TencentKmsEmulator } from '../src/index.js'
import { ACTIONS } from '../src/actions/index.js'
import { present, sdkClient } from './support/sdk-client.js'

interface Model {
  readonly required: readonly string[]
  readonly optional: readonly string[]
}

let models: ReadonlyMap<string, Model>
let kms: TencentKmsEmulator
let sdk: Client

beforeAll(async () => {
  const client = createRequire(import.meta.url).resolve(
    'tencentcloud-sdk-nodejs/tencentcloud/services/kms/v20190118/kms_client.js',
  )
  const text = (await readFile(client.replace('kms_client.js', 'kms_models.d.ts'), 'utf8')).replaceAll(
    /\/\*\*.*?\*\//gs,
    '',
  )
  models = new Map(
    [...text.matchAll(/export interface (\w+) \{(.*?)\}/gs)].map(([, name = '', body = '']) => [
      name,
      {
        required: [...body.matchAll(/^\s*(\w+):/gm)].map(([, member = '']) => member),
        optional: [...body.matchAll(/^\s*(\w+)\?:/gm)].map(([, member = '']) => member),
      },
    ]),
  )
  kms = await startTencentKmsEmulator({ quotas: { '*': Infinity }, keys: [{ alias: 'orders' }] })
  sdk = sdkClient(kms)
})
afterAll(() => kms.close())

const model = (name: string): Model => models.get(name) ?? { required: [], optional: [] }

it.each([...ACTIONS.values()].map((action) => [action.name, action] as const))(
  '%s accepts the parameters of the SDK, and requires the same ones',
  (name, { parameters }) => {
    const { required, optional } = model(`${name}Request`)
    const needed = Object.entries(parameters).filter(([, schema]) => schema.type !== 'optional')
    expect(Object.keys(parameters).sort()).toEqual([...required, ...optional].sort())
    expect(needed.map(([member]) => member).sort()).toEqual([...required].sort())
  },
)

it('every answer has the members that the SDK has, and no others', async () => {
  const orders = kms.keys()[0]?.keyId ?? ''
  const { keyId: rsa } = kms.createKey({ alias: 'rsa', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' })
  const made = await sdk.CreateKey({ Alias: 'made' })
  const generated = await sdk.GenerateDataKey({ KeyId: orders, KeySpec: 'AES_256' })
  const CiphertextBlob = present(generated.CiphertextBlob)
  const one = { KeyId: present(made.KeyId) }
  const answers: Record<string, object> = {
    CreateKey: made,
    GenerateDataKey: generated,
    Encrypt: await sdk.Encrypt({ KeyId: orders, Plaintext: 'eA==' }),
    Decrypt: await sdk.Decrypt({ CiphertextBlob }),
    ReEncrypt: await sdk.ReEncrypt({ CiphertextBlob }),
    GetPublicKey: await sdk.GetPublicKey({ KeyId: rsa }),
    UpdateAlias: await sdk.UpdateAlias({ ...one, Alias: 'made-again' }),
    UpdateKeyDescription: await sdk.UpdateKeyDescription({ ...one, Description: '' }),
    EnableKeyRotation: await sdk.EnableKeyRotation(one),
    GetKeyRotationStatus: await sdk.GetKeyRotationStatus(one),
    RotateKey: await sdk.RotateKey(one),
    DisableKeyRotation: await sdk.DisableKeyRotation(one),
    ArchiveKey: await sdk.ArchiveKey(one),
    CancelKeyArchive: await sdk.CancelKeyArchive(one),
    DisableKey: await sdk.DisableKey(one),
    EnableKey: await sdk.EnableKey(one),
    EnableKeys: await sdk.EnableKeys({ KeyIds: [one.KeyId] }),
    DisableKeys: await sdk.DisableKeys({ KeyIds: [one.KeyId] }),
    ScheduleKeyDeletion: await sdk.ScheduleKeyDeletion({ ...one, PendingWindowInDays: 7 }),
    CancelKeyDeletion: await sdk.CancelKeyDeletion(one),
    ListKeys: await sdk.ListKeys({}),
    ListKeyDetail: await sdk.ListKeyDetail({}),
    DescribeKey: await sdk.DescribeKey(one),
    DescribeKeys: await sdk.DescribeKeys({ KeyIds: [one.KeyId] }),
    GenerateRandom: await sdk.GenerateRandom({ NumberOfBytes: 1 }),
    ListAlgorithms: await sdk.ListAlgorithms(),
    GetRegions: await sdk.GetRegions(),
    GetServiceStatus: await sdk.GetServiceStatus(),
  }
  const decrypting = ['AsymmetricRsaDecrypt', 'AsymmetricSm2Decrypt']
  expect([...Object.keys(answers), ...decrypting].sort()).toEqual([...ACTIONS.keys()].sort())
  for (const [action, answer] of Object.entries(answers)) {
    const { required, optional } = model(`${action}Response`)
    expect([action, ...Object.keys(answer).sort()]).toEqual([action, ...[...required, ...optional].sort()])
  }
  const { KeyMetadata } = await sdk.DescribeKey(one)
  expect(Object.keys(KeyMetadata ?? {}).sort()).toEqual([...model('KeyMetadata').optional].sort())
})

it('a CMK rotates on request only if rotation is enabled, and once a day; an imported CMK never does', async () => {
  const { keyId: KeyId } = kms.createKey({ alias: 'rotated' })
  const { keyId: imported } = kms.createKey({ alias: 'imported', origin: 'EXTERNAL' })
  kms.setKeyState(imported, 'Enabled')
  const codeOf = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => 'OK',
      (error: unknown) => (error as { code: unknown }).code,
    )
  expect(await codeOf(sdk.RotateKey({ KeyId }))).toBe('UnsupportedOperation.RotateNotSupported')
  expect(await codeOf(sdk.RotateKey({ KeyId: imported }))).toBe('UnsupportedOperation.RotateNotSupported')
  await sdk.EnableKeyRotation({ KeyId })
  expect(await codeOf(sdk.RotateKey({ KeyId }))).toBe('OK')
  expect(await codeOf(sdk.RotateKey({ KeyId }))).toBe('RequestLimitExceeded.RotateRateLimited')
})
