import { constants, createPublicKey, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Client } from 'tencentcloud-sdk-nodejs/tencentcloud/services/kms/v20190118/kms_client.js'

import { startTencentKmsEmulator, type TencentKmsEmulator } from '../src/index.js'
import { ACTIONS } from '../src/actions/index.js'
import { CANARY, emitted } from '../../../test/support/emissions.js'
import { codeOf, present, sdkClient } from './support/sdk-client.js'

/** All calls use the vendor's own SDK. */
let kms: TencentKmsEmulator
let sdk: Client
let orders: string
let users: string
let partner: string

beforeAll(async () => {
  kms = await startTencentKmsEmulator({ quotas: { '*': Infinity } })
  sdk = sdkClient(kms)
  orders = kms.createKey({ alias: 'orders' }).keyId
  users = kms.createKey({ alias: 'users' }).keyId
  partner = kms.createKey({ alias: 'partner', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' }).keyId
})
afterAll(async () => {
  const called = new Set(kms.calls().map(({ action }) => action))
  emitted('log', kms.calls())
  await kms.close()
  expect([...ACTIONS.keys()].filter((action) => !called.has(action))).toEqual([])
})

const Plaintext = Buffer.from(CANARY).toString('base64')
const EncryptionContext = '{"topic":"orders"}'

describe('GenerateDataKey', () => {
  it('GenerateDataKey returns a DEK in the clear and as a blob that Decrypt opens', async () => {
    const made = await sdk.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32, EncryptionContext })
    expect(made.KeyId).toBe(orders)
    expect(Buffer.from(present(made.Plaintext), 'base64')).toHaveLength(32)
    const CiphertextBlob = present(made.CiphertextBlob)
    expect(await sdk.Decrypt({ CiphertextBlob, EncryptionContext })).toMatchObject({
      KeyId: orders,
      Plaintext: made.Plaintext,
    })
  })

  it('GenerateDataKey makes as many bytes as NumberOfBytes says, else as KeySpec does', async () => {
    const bytes = async (size: object): Promise<number> => {
      const made = await sdk.GenerateDataKey({ KeyId: orders, ...size })
      return Buffer.from(present(made.Plaintext), 'base64').length
    }
    expect(await bytes({ KeySpec: 'AES_128' })).toBe(16)
    expect(await bytes({ KeySpec: 'AES_256' })).toBe(32)
    expect(await bytes({ KeySpec: 'AES_256', NumberOfBytes: 1 })).toBe(1)
    expect(await bytes({ NumberOfBytes: 1024 })).toBe(1024)
  })

  it.each([{}, { NumberOfBytes: 0 }, { NumberOfBytes: 1025 }, { KeySpec: 'AES_512' }])(
    'GenerateDataKey refuses %o',
    async (size) => {
      expect(await codeOf(sdk.GenerateDataKey({ KeyId: orders, ...size }))).toBe('InvalidParameter')
    },
  )
})

describe('a CiphertextBlob', () => {
  it('a CiphertextBlob has three segments of base64, of the lengths in the examples of the vendor', async () => {
    for (const [bytes, total] of [
      [32, 210],
      [16, 190],
    ] as const) {
      const { CiphertextBlob } = await sdk.GenerateDataKey({ KeyId: orders, NumberOfBytes: bytes })
      const segments = present(CiphertextBlob).split('-k-')
      expect(segments.map((segment) => Buffer.from(segment, 'base64').length)).toEqual([64, 16, 36 + bytes])
      for (const segment of segments) {
        expect(Buffer.from(segment, 'base64').toString('base64')).toBe(segment)
      }
      expect(present(CiphertextBlob)).toHaveLength(total)
    }
  })

  it('a CiphertextBlob shows neither CMK nor plaintext, and never repeats', async () => {
    const blobs = await Promise.all(
      Array.from({ length: 20 }, async () =>
        present((await sdk.Encrypt({ KeyId: orders, Plaintext })).CiphertextBlob),
      ),
    )
    const segments = blobs.flatMap((blob) => blob.split('-k-'))
    expect(new Set(segments).size).toBe(60)
    for (const segment of segments) {
      const bytes = Buffer.from(segment, 'base64')
      expect(bytes.includes(CANARY)).toBe(false)
      expect(bytes.includes(orders)).toBe(false)
    }
  })

  it('a CiphertextBlob does not decrypt if any of its characters is changed', async () => {
    const blob = present((await sdk.Encrypt({ KeyId: orders, Plaintext })).CiphertextBlob)
    const changed = Array.from(blob, (character, at) => {
      const other = character === 'A' ? 'B' : 'A'
      return blob.slice(0, at) + other + blob.slice(at + 1)
    })
    const codes = await Promise.all(changed.map((it) => codeOf(sdk.Decrypt({ CiphertextBlob: it }))))
    expect(new Set(codes)).toEqual(new Set(['InvalidParameterValue.InvalidCiphertext']))
  })

  it.each(['', 'AAAA', '-k--k-', 'A-k-A-k-A', 'a'.repeat(9000)])(
    'a CiphertextBlob is not %j',
    async (CiphertextBlob) => {
      expect(await codeOf(sdk.Decrypt({ CiphertextBlob }))).toBe('InvalidParameterValue.InvalidCiphertext')
      expect(await codeOf(sdk.ReEncrypt({ CiphertextBlob }))).toBe('InvalidParameterValue.InvalidCiphertext')
    },
  )

  it('a CiphertextBlob cannot be combined from segments of two blobs', async () => {
    const blob = async (): Promise<string[]> =>
      present((await sdk.Encrypt({ KeyId: orders, Plaintext })).CiphertextBlob).split('-k-')
    const [one, other] = [await blob(), await blob()]
    for (const at of [0, 1, 2]) {
      const CiphertextBlob = one.with(at, present(other[at])).join('-k-')
      expect(await codeOf(sdk.Decrypt({ CiphertextBlob }))).toBe('InvalidParameterValue.InvalidCiphertext')
    }
  })
})

describe('Encrypt', () => {
  it('Encrypt is inverted by Decrypt, up to 4096 bytes', async () => {
    for (const bytes of [1, 32, 4096]) {
      const text = Buffer.alloc(bytes, 7).toString('base64')
      const { CiphertextBlob, KeyId } = await sdk.Encrypt({ KeyId: orders, Plaintext: text })
      expect(KeyId).toBe(orders)
      expect((await sdk.Decrypt({ CiphertextBlob: present(CiphertextBlob) })).Plaintext).toBe(text)
    }
  })

  it.each([
    ['over 4096 bytes', Buffer.alloc(4097).toString('base64')],
    ['nothing', ''],
    ['what is not base64', 'a b'],
    ['base64 without padding', 'YQ'],
  ])('Encrypt refuses %s', async (_, text) => {
    expect(await codeOf(sdk.Encrypt({ KeyId: orders, Plaintext: text }))).toBe(
      'InvalidParameterValue.InvalidPlaintext',
    )
  })
})

describe('the encryption context', () => {
  it('the encryption context must come back byte for byte', async () => {
    const { CiphertextBlob } = await sdk.Encrypt({ KeyId: orders, Plaintext, EncryptionContext })
    const open = (context?: string): Promise<string> =>
      codeOf(
        sdk.Decrypt({
          CiphertextBlob: present(CiphertextBlob),
          ...(context === undefined ? {} : { EncryptionContext: context }),
        }),
      )
    expect(await open(EncryptionContext)).toBe('OK')
    for (const other of [undefined, '', '{}', '{"topic":"users"}', '{"topic": "orders"}']) {
      expect(await open(other)).toBe('InvalidParameterValue.InvalidCiphertext')
    }
  })

  it('the encryption context is in the log, plaintext and keys are not', async () => {
    const { Plaintext: dek } = await sdk.GenerateDataKey({
      KeyId: orders,
      NumberOfBytes: 32,
      EncryptionContext,
    })
    await sdk.Encrypt({ KeyId: orders, Plaintext, EncryptionContext })
    const log = kms.calls().slice(-2)
    for (const call of log) {
      expect(call).toMatchObject({ keyId: orders, encryptionContext: EncryptionContext })
      expect(call.code).toBeUndefined()
    }
    expect(JSON.stringify(log)).not.toContain(present(dek))
    expect(JSON.stringify(log)).not.toContain(Plaintext)
  })

  it('the encryption context is a JSON object of strings, of at most 1,024 characters', async () => {
    const encrypt = (context: string): Promise<string> =>
      codeOf(sdk.Encrypt({ KeyId: orders, Plaintext, EncryptionContext: context }))
    const ofLength = (length: number): string => JSON.stringify({ k: 'ü'.repeat(length - 8) })
    expect(await encrypt(ofLength(1024))).toBe('OK')
    for (const wrong of [ofLength(1025), 'topic', '[]', '["a"]', '{"a":1}', 'null', '{']) {
      expect(await encrypt(wrong)).toBe('InvalidParameter')
    }
  })
})

describe('ReEncrypt', () => {
  it('ReEncrypt moves a ciphertext to another CMK and another context', async () => {
    const { CiphertextBlob } = await sdk.Encrypt({ KeyId: orders, Plaintext, EncryptionContext })
    const moved = await sdk.ReEncrypt({
      CiphertextBlob: present(CiphertextBlob),
      SourceEncryptionContext: EncryptionContext,
      DestinationKeyId: users,
      DestinationEncryptionContext: '{"topic":"users"}',
    })
    expect(moved).toMatchObject({ KeyId: users, SourceKeyId: orders, ReEncrypted: true })
    expect(
      await sdk.Decrypt({
        CiphertextBlob: present(moved.CiphertextBlob),
        EncryptionContext: '{"topic":"users"}',
      }),
    ).toMatchObject({ KeyId: users, Plaintext })
  })

  it('ReEncrypt returns the same blob for the same CMK, unless the CMK was rotated', async () => {
    const { keyId } = kms.createKey({ alias: 're-encrypted' })
    const CiphertextBlob = present((await sdk.Encrypt({ KeyId: keyId, Plaintext })).CiphertextBlob)
    for (const DestinationKeyId of ['', keyId]) {
      expect(await sdk.ReEncrypt({ CiphertextBlob, DestinationKeyId })).toMatchObject({
        CiphertextBlob,
        KeyId: keyId,
        SourceKeyId: keyId,
        ReEncrypted: false,
      })
    }
    await sdk.EnableKeyRotation({ KeyId: keyId })
    await sdk.RotateKey({ KeyId: keyId })
    const renewed = await sdk.ReEncrypt({ CiphertextBlob })
    expect(renewed).toMatchObject({ KeyId: keyId, SourceKeyId: keyId, ReEncrypted: true })
    expect(renewed.CiphertextBlob).not.toBe(CiphertextBlob)
    for (const blob of [CiphertextBlob, present(renewed.CiphertextBlob)]) {
      expect((await sdk.Decrypt({ CiphertextBlob: blob })).Plaintext).toBe(Plaintext)
    }
  })

  it('ReEncrypt needs the context of the source', async () => {
    const { CiphertextBlob } = await sdk.Encrypt({ KeyId: orders, Plaintext, EncryptionContext })
    expect(
      await codeOf(sdk.ReEncrypt({ CiphertextBlob: present(CiphertextBlob), DestinationKeyId: users })),
    ).toBe('InvalidParameterValue.InvalidCiphertext')
  })
})

describe('a public key of the caller', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const EncryptionPublicKey = publicKey.export({ type: 'spki', format: 'pem' }).toString()

  it.each([
    ['RSAES_OAEP_SHA_256', 'sha256'],
    ['RSAES_OAEP_SHA_1', 'sha1'],
  ])(
    'a public key of the caller encrypts the plaintext that GenerateDataKey and Decrypt return, with %s',
    async (EncryptionAlgorithm, oaepHash) => {
      const back = { EncryptionPublicKey, EncryptionAlgorithm }
      const made = await sdk.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32, ...back })
      const CiphertextBlob = present(made.CiphertextBlob)
      const again = await sdk.Decrypt({ CiphertextBlob, ...back })
      const clear = Buffer.from(present((await sdk.Decrypt({ CiphertextBlob })).Plaintext), 'base64')
      for (const { Plaintext: sealed } of [made, again]) {
        const bytes = Buffer.from(present(sealed), 'base64')
        expect(bytes).toHaveLength(256)
        expect(privateDecrypt({ key: privateKey, oaepHash }, bytes).equals(clear)).toBe(true)
      }
    },
  )

  it('a public key of the caller encrypts with RSAES_PKCS1_V1_5 too', async () => {
    const back = { EncryptionPublicKey, EncryptionAlgorithm: 'RSAES_PKCS1_V1_5' }
    const { Plaintext: sealed } = await sdk.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32, ...back })
    const padded = privateDecrypt(
      { key: privateKey, padding: constants.RSA_NO_PADDING },
      Buffer.from(present(sealed), 'base64'),
    )
    expect([padded[0], padded[1], padded.at(-33)]).toEqual([0, 2, 0])
  })

  it.each([
    ['by SM2, which is the default', { EncryptionPublicKey }, 'FailedOperation.EncryptionError'],
    [
      'by SM2 in ASN.1',
      { EncryptionPublicKey, EncryptionAlgorithm: 'SM2_C1C3C2_ASN1' },
      'FailedOperation.EncryptionError',
    ],
    ['by what there is not', { EncryptionPublicKey, EncryptionAlgorithm: 'toString' }, 'InvalidParameter'],
    [
      'that is none',
      { EncryptionPublicKey: 'x', EncryptionAlgorithm: 'RSAES_OAEP_SHA_1' },
      'InvalidParameter',
    ],
    [
      'that is too short for it',
      { EncryptionPublicKey, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256', NumberOfBytes: 191 },
      'FailedOperation.EncryptionError',
    ],
  ])('a public key of the caller is refused %s', async (_, back, code) => {
    expect(await codeOf(sdk.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32, ...back }))).toBe(code)
  })

  it('a public key of the caller is refused with another modulus or of another kind', async () => {
    for (const { publicKey: other } of [
      generateKeyPairSync('rsa', { modulusLength: 3072 }),
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ]) {
      const pem = other.export({ type: 'spki', format: 'pem' }).toString()
      const back = { EncryptionPublicKey: pem, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }
      expect(await codeOf(sdk.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32, ...back }))).toBe(
        'InvalidParameter',
      )
    }
  })
})

describe('an RSA CMK', () => {
  const encrypted = async (algorithm: object): Promise<string> => {
    const { PublicKey } = await sdk.GetPublicKey({ KeyId: partner })
    const key = createPublicKey({ key: Buffer.from(PublicKey, 'base64'), format: 'der', type: 'spki' })
    return publicEncrypt({ key, ...algorithm }, Buffer.from(CANARY)).toString('base64')
  }

  it('an RSA CMK gives its public key as DER in base64, and what the vendor calls PEM as base64 of that', async () => {
    const { KeyId, PublicKey, PublicKeyPem } = await sdk.GetPublicKey({ KeyId: partner })
    expect(KeyId).toBe(partner)
    const key = createPublicKey({ key: Buffer.from(PublicKey, 'base64'), format: 'der', type: 'spki' })
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048)
    expect(kms.keys().find(({ keyId }) => keyId === partner)?.publicKey).toBe(
      key.export({ type: 'spki', format: 'pem' }),
    )
    expect(Buffer.from(PublicKeyPem, 'base64').toString()).toBe(PublicKey)
  })

  const algorithms = {
    RSAES_OAEP_SHA_256: { oaepHash: 'sha256' },
    RSAES_OAEP_SHA_1: { oaepHash: 'sha1' },
    RSAES_PKCS1_V1_5: { padding: constants.RSA_PKCS1_PADDING },
  }
  it.each(Object.entries(algorithms))(
    'an RSA CMK decrypts %s, and nothing else under that name',
    async (Algorithm, row) => {
      const Ciphertext = await encrypted(row)
      expect(await sdk.AsymmetricRsaDecrypt({ KeyId: partner, Ciphertext, Algorithm })).toMatchObject({
        KeyId: partner,
        Plaintext,
      })
      for (const other of Object.keys(algorithms).filter((name) => name !== Algorithm)) {
        expect(await codeOf(sdk.AsymmetricRsaDecrypt({ KeyId: partner, Ciphertext, Algorithm: other }))).toBe(
          'FailedOperation.DecryptError',
        )
      }
    },
  )

  it('an RSA CMK does not decrypt a changed or a short ciphertext', async () => {
    const Ciphertext = await encrypted(algorithms.RSAES_OAEP_SHA_256)
    const bytes = Buffer.from(Ciphertext, 'base64')
    bytes[128] = (bytes[128] ?? 0) ^ 1
    for (const wrong of [bytes.toString('base64'), 'AAAA', '']) {
      for (const Algorithm of Object.keys(algorithms)) {
        expect(await codeOf(sdk.AsymmetricRsaDecrypt({ KeyId: partner, Ciphertext: wrong, Algorithm }))).toBe(
          'FailedOperation.DecryptError',
        )
      }
    }
    const decrypt = (change: object): Promise<string> =>
      codeOf(
        sdk.AsymmetricRsaDecrypt({ KeyId: partner, Ciphertext, Algorithm: 'RSAES_OAEP_SHA_256', ...change }),
      )
    expect(await decrypt({ Ciphertext: '%' })).toBe('InvalidParameter')
    expect(await decrypt({ Algorithm: 'RSA' })).toBe('InvalidParameter')
  })

  it('an RSA CMK refuses the actions of a symmetric CMK, and a symmetric CMK refuses those of an RSA CMK', async () => {
    const codes = await Promise.all(
      [
        sdk.GenerateDataKey({ KeyId: partner, NumberOfBytes: 32 }),
        sdk.Encrypt({ KeyId: partner, Plaintext }),
        sdk.EnableKeyRotation({ KeyId: partner }),
        sdk.RotateKey({ KeyId: partner }),
        sdk.GetPublicKey({ KeyId: orders }),
        sdk.AsymmetricRsaDecrypt({ KeyId: orders, Ciphertext: 'AAAA', Algorithm: 'RSAES_OAEP_SHA_256' }),
      ].map(codeOf),
    )
    // Each with a code from its list.
    expect(codes).toEqual([
      'InvalidParameterValue.InvalidKeyUsage',
      'InvalidParameterValue.InvalidKeyId',
      'InvalidParameter',
      'UnsupportedOperation.RotateNotSupported',
      'InvalidParameterValue.InvalidKeyId',
      'InvalidParameterValue.InvalidKeyUsage',
    ])
  })

  it('an RSA CMK does not support SM2', async () => {
    expect(await codeOf(sdk.AsymmetricSm2Decrypt({ KeyId: partner, Ciphertext: 'AAAA' }))).toBe(
      'UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion',
    )
  })
})

describe('CreateKey', () => {
  it('CreateKey makes a CMK that works immediately and has the requested description', async () => {
    const made = await sdk.CreateKey({ Alias: 'made', Description: 'of a test' })
    expect(made).toMatchObject({
      Alias: 'made',
      Description: 'of a test',
      KeyState: 'Enabled',
      KeyUsage: 'ENCRYPT_DECRYPT',
    })
    const KeyId = present(made.KeyId)
    expect((await sdk.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({
      KeyId,
      Alias: 'made',
      Description: 'of a test',
      KeyState: 'Enabled',
      KeyUsage: 'ENCRYPT_DECRYPT',
      Origin: 'TENCENT_KMS',
      Owner: 'user',
      CreateTime: made.CreateTime,
      KeyRotationEnabled: false,
      DeletionDate: 0,
    })
    expect(await codeOf(sdk.Encrypt({ KeyId, Plaintext }))).toBe('OK')
  })

  it('CreateKey makes RSA CMKs, and external ones that wait for their material', async () => {
    expect(await sdk.CreateKey({ Alias: 'made-rsa', KeyUsage: 'ASYMMETRIC_DECRYPT_RSA_2048' })).toMatchObject(
      { KeyUsage: 'ASYMMETRIC_DECRYPT_RSA_2048', KeyState: 'Enabled' },
    )
    const external = await sdk.CreateKey({ Alias: 'made-external', Type: 2 })
    expect(external).toMatchObject({ KeyState: 'PendingImport' })
    const KeyId = present(external.KeyId)
    kms.setKeyState(KeyId, 'Enabled')
    expect(await codeOf(sdk.Encrypt({ KeyId, Plaintext }))).toBe('OK')
    expect(await codeOf(sdk.EnableKeyRotation({ KeyId }))).toBe(
      'UnsupportedOperation.ExternalCmkCanNotRotate',
    )
  })

  const tag = { TagKey: 'team', TagValue: 'a' }
  it.each([
    ['a tag twice', { Alias: 'tagged', Tags: [tag, tag] }, 'InvalidParameterValue.TagKeysDuplicated'],
    ['an alias that exists', { Alias: 'orders' }, 'InvalidParameterValue.AliasAlreadyExists'],
    ['no alias', { Alias: '' }, 'InvalidParameterValue.InvalidAlias'],
    ['an alias of 61', { Alias: 'a'.repeat(61) }, 'InvalidParameterValue.InvalidAlias'],
    ['an alias from -', { Alias: '-a' }, 'InvalidParameterValue.InvalidAlias'],
    ['the alias of a product', { Alias: 'kms-a' }, 'InvalidParameterValue.InvalidAlias'],
    ['a long description', { Alias: 'a1', Description: 'ü'.repeat(513) }, 'InvalidParameter'],
    ['an unknown usage', { Alias: 'a1', KeyUsage: 'SIGN' }, 'InvalidParameterValue.InvalidKeyUsage'],
    [
      'SM2',
      { Alias: 'a1', KeyUsage: 'ASYMMETRIC_DECRYPT_SM2' },
      'UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion',
    ],
    ['an unknown type', { Alias: 'a1', Type: 3 }, 'InvalidParameterValue.InvalidType'],
    [
      'an external RSA CMK',
      { Alias: 'a1', Type: 2, KeyUsage: 'ASYMMETRIC_DECRYPT_RSA_2048' },
      'InvalidParameterValue.InvalidType',
    ],
  ])('CreateKey refuses %s', async (_, request, code) => {
    expect(await codeOf(sdk.CreateKey(request))).toBe(code)
  })

  it('CreateKey takes tags', async () => {
    expect(await sdk.CreateKey({ Alias: 'tagged', Tags: [tag] })).toMatchObject({ TagCode: 0 })
  })
})

describe('the description of a CMK', () => {
  it('the description of a CMK changes with UpdateAlias and UpdateKeyDescription', async () => {
    const { keyId: KeyId } = kms.createKey({ alias: 'before' })
    await sdk.UpdateAlias({ KeyId, Alias: 'after' })
    await sdk.UpdateAlias({ KeyId, Alias: 'after' })
    await sdk.UpdateKeyDescription({ KeyId, Description: 'new' })
    expect((await sdk.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({
      Alias: 'after',
      Description: 'new',
    })
    expect(await codeOf(sdk.UpdateAlias({ KeyId, Alias: 'orders' }))).toBe(
      'InvalidParameterValue.AliasAlreadyExists',
    )
    expect(await codeOf(sdk.CreateKey({ Alias: 'before' }))).toBe('OK')
  })

  it('the description of a CMK is available only in its region', async () => {
    const shanghai = sdkClient(kms, undefined, 'ap-shanghai')
    const { KeyId } = await shanghai.CreateKey({ Alias: 'orders' })
    expect((await shanghai.ListKeys({})).Keys).toEqual([{ KeyId }])
    expect(await codeOf(shanghai.DescribeKey({ KeyId: orders }))).toBe('ResourceUnavailable.CmkNotFound')
    const { CiphertextBlob } = await sdk.Encrypt({ KeyId: orders, Plaintext })
    expect(await codeOf(shanghai.Decrypt({ CiphertextBlob: present(CiphertextBlob) }))).toBe(
      'ResourceUnavailable.CmkNotFound',
    )
  })

  it('the description of a CMK needs a valid KeyId that exists', async () => {
    expect(await codeOf(sdk.DescribeKey({ KeyId: 'orders' }))).toBe('InvalidParameterValue.InvalidKeyId')
    expect(await codeOf(sdk.DescribeKey({ KeyId: '23e80852-1e38-11e9-b129-5cb9019b4b01' }))).toBe(
      'ResourceUnavailable.CmkNotFound',
    )
  })

  it('DescribeKeys describes up to a hundred CMKs, and refuses duplicates', async () => {
    const described = await sdk.DescribeKeys({ KeyIds: [users, orders] })
    expect(described.KeyMetadatas?.map(({ KeyId }) => KeyId)).toEqual([users, orders])
    const describe = (KeyIds: string[]): Promise<string> => codeOf(sdk.DescribeKeys({ KeyIds }))
    expect(await describe([orders, orders])).toBe('InvalidParameterValue.DuplicatedKeyId')
    expect(await describe([])).toBe('InvalidParameter')
    expect(await describe(Array.from({ length: 101 }, (_, at) => String(at)))).toBe('InvalidParameter')
  })
})

describe('lists', () => {
  const client = (): Client => sdkClient(kms, undefined, 'eu-frankfurt')
  let ids: string[] = []
  beforeAll(() => {
    const region = 'eu-frankfurt'
    ids = Array.from({ length: 12 }, (_, at) => kms.createKey({ alias: `key-${String(at)}`, region }).keyId)
    kms.setKeyState(present(ids[1]), 'Disabled')
    kms.setKeyState(present(ids[2]), 'PendingDelete')
    kms.setKeyState(present(ids[3]), 'PendingImport')
    kms.setKeyState(present(ids[4]), 'Archived')
    kms.createKey({ alias: 'rsa', region, usage: 'ASYMMETRIC_DECRYPT_RSA_2048' })
  })

  it('ListKeys lists keys that are enabled, disabled or waiting for import, ten at a time', async () => {
    const { Keys, TotalCount } = await client().ListKeys({})
    expect(TotalCount).toBe(11)
    expect(Keys).toHaveLength(10)
    const rest = await client().ListKeys({ Offset: 10, Limit: 200 })
    expect(rest.Keys).toHaveLength(1)
    const all = [...present(Keys), ...present(rest.Keys)].map(({ KeyId }) => KeyId)
    expect(ids.filter((id) => !all.includes(id))).toEqual([ids[2], ids[4]])
    expect((await client().ListKeys({ Role: 1 })).TotalCount).toBe(0)
    for (const wrong of [{ Limit: 201 }, { Limit: 0 }, { Offset: -1 }, { Role: 2 }]) {
      expect(await codeOf(client().ListKeys(wrong))).toBe('InvalidParameter')
    }
  })

  it('ListKeyDetail filters by state, usage, origin and name, newest first by default', async () => {
    const details = async (filter: object): Promise<(string | undefined)[]> =>
      present((await client().ListKeyDetail(filter)).KeyMetadatas).map(({ Alias }) => Alias)
    expect(await details({ Limit: 2 })).toEqual(['key-11', 'key-10'])
    expect(await details({ Limit: 2, OrderType: 1 })).toEqual(['key-0', 'key-1'])
    expect(await details({ KeyUsage: 'ALL', Limit: 1 })).toEqual(['rsa'])
    expect(await details({ KeyUsage: 'ASYMMETRIC_DECRYPT_RSA_2048' })).toEqual(['rsa'])
    expect(await details({ SearchKeyAlias: 'ey-1', OrderType: 1 })).toEqual(['key-1', 'key-10', 'key-11'])
    expect(await details({ SearchKeyAlias: ids[5] })).toEqual(['key-5'])
    expect(await details({ Origin: 'EXTERNAL' })).toEqual([])
    expect(await Promise.all([2, 3, 4, 5].map((KeyState) => details({ KeyState })))).toEqual([
      ['key-1'],
      ['key-2'],
      ['key-3'],
      ['key-4'],
    ])
    expect((await client().ListKeyDetail({ KeyState: 1, Limit: 1 })).TotalCount).toBe(8)
  })
})

describe('the service', () => {
  it('the service makes random bytes', async () => {
    const random = async (NumberOfBytes: number): Promise<Buffer> =>
      Buffer.from((await sdk.GenerateRandom({ NumberOfBytes })).Plaintext, 'base64')
    expect(await random(1024)).toHaveLength(1024)
    expect((await random(32)).equals(await random(32))).toBe(false)
    for (const NumberOfBytes of [0, 1025]) {
      expect(await codeOf(sdk.GenerateRandom({ NumberOfBytes }))).toBe('InvalidParameter')
    }
  })

  it('the service lists its regions and algorithms', async () => {
    expect((await sdk.GetRegions()).Regions).toContain('ap-guangzhou')
    expect(await sdk.GetServiceStatus()).toMatchObject({ ServiceEnabled: true, InvalidType: 1 })
    expect(await sdk.ListAlgorithms()).toMatchObject({
      SymmetricAlgorithms: [{ KeyUsage: 'ENCRYPT_DECRYPT' }],
      AsymmetricAlgorithms: [{ KeyUsage: 'ASYMMETRIC_DECRYPT_RSA_2048' }],
    })
  })

  it('the service refuses parameters of features that it does not have, unless they are empty', async () => {
    expect(await codeOf(sdk.DescribeWhiteBoxServiceStatus())).toBe('InvalidAction')
    for (const call of [
      () => sdk.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32, HsmClusterId: 'hsm' }),
      () => sdk.EnableKey({ KeyId: orders, MemberAccount: { MemberUin: 1 } }),
      () => sdk.ListKeyDetail({ MemberAccounts: [{ MemberUin: 1 }] }),
      () => sdk.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32, IsHostedByKms: 1 }),
    ])
      expect(await codeOf(call())).toBe('InvalidParameter')
    for (const call of [
      () => sdk.ListKeys({ HsmClusterId: 'hsm' }),
      () => sdk.ListKeyDetail({ HsmClusterId: 'hsm' }),
      () => sdk.CreateKey({ Alias: 'in-a-cluster', HsmClusterId: 'hsm' }),
    ])
      expect(await codeOf(call())).toBe('InvalidParameterValue.InvalidHsmClusterId')
    expect(await codeOf(sdk.ListKeys({ HsmClusterId: '' }))).toBe('OK')
    expect(await codeOf(sdk.GenerateDataKey({ KeyId: orders, NumberOfBytes: 32, IsHostedByKms: 0 }))).toBe(
      'OK',
    )
  })
})

it('ListKeys lists keys by their tags: every filter must find one, by key or by value', async () => {
  const tag = (TagKey: string, TagValue: string) => ({ TagKey, TagValue })
  await sdk.CreateKey({ Alias: 'tagged-1', Tags: [tag('squad', 'pay'), tag('env', 'prod')] })
  await sdk.CreateKey({ Alias: 'tagged-2', Tags: [tag('squad', 'pay'), tag('env', 'test')] })
  const found = async (...TagFilters: { TagKey: string; TagValue?: string[] }[]) =>
    (await sdk.ListKeyDetail({ TagFilters, OrderType: 1 })).KeyMetadatas?.map(({ Alias }) => Alias)
  expect(await found({ TagKey: 'squad' })).toEqual(['tagged-1', 'tagged-2'])
  expect(
    await found({ TagKey: 'squad', TagValue: ['pay'] }, { TagKey: 'env', TagValue: ['prod', 'x'] }),
  ).toEqual(['tagged-1'])
  expect(await found({ TagKey: 'owner' })).toEqual([])
})

it('an alias must not begin with KMS-, in upper or lower case', async () => {
  for (const Alias of ['KMS-orders', 'kms-orders', 'Kms-orders'])
    expect(await codeOf(sdk.CreateKey({ Alias }))).toBe('InvalidParameterValue.InvalidAlias')
})

it('a context has at most 1,024 characters when encrypting, and at most 1,024 bytes when decrypting', async () => {
  const EncryptionContext = JSON.stringify({ k: '密'.repeat(400) })
  const { CiphertextBlob } = await sdk.Encrypt({ KeyId: orders, Plaintext, EncryptionContext })
  expect(await codeOf(sdk.Decrypt({ CiphertextBlob: present(CiphertextBlob), EncryptionContext }))).toBe(
    'InvalidParameter',
  )
})

describe('rotation', () => {
  it('rotation is switched on and off, and its status is reported', async () => {
    const { keyId: KeyId } = kms.createKey({ alias: 'rotating' })
    const enabled = async (): Promise<boolean | undefined> =>
      (await sdk.GetKeyRotationStatus({ KeyId })).KeyRotationEnabled
    expect(await enabled()).toBe(false)
    await sdk.EnableKeyRotation({ KeyId })
    expect(await enabled()).toBe(true)
    expect((await sdk.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({ RotateDays: 365 })
    await sdk.DisableKeyRotation({ KeyId })
    expect(await enabled()).toBe(false)
    for (const RotateDays of [6, 366]) {
      expect(await codeOf(sdk.EnableKeyRotation({ KeyId, RotateDays }))).toBe('InvalidParameter')
    }
  })
})

it('a CMK can be disabled and enabled, archived and restored, and scheduled for deletion and kept', async () => {
  const { keyId: KeyId } = kms.createKey({ alias: 'lives' })
  const state = async (): Promise<unknown> => (await sdk.DescribeKey({ KeyId })).KeyMetadata?.KeyState
  await sdk.DisableKey({ KeyId })
  expect(await state()).toBe('Disabled')
  await sdk.EnableKey({ KeyId })
  expect(await state()).toBe('Enabled')
  await sdk.ArchiveKey({ KeyId })
  expect(await state()).toBe('Archived')
  await sdk.CancelKeyArchive({ KeyId })
  expect(await state()).toBe('Enabled')
  await sdk.DisableKey({ KeyId })
  expect(await sdk.ScheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 })).toMatchObject({ KeyId })
  expect(await state()).toBe('PendingDelete')
  expect(await sdk.CancelKeyDeletion({ KeyId })).toMatchObject({ KeyId })
  expect(await state()).toBe('Disabled')
})

describe('many CMKs', () => {
  it('many CMKs are disabled and enabled together, or none of them', async () => {
    const KeyIds = ['many-1', 'many-2'].map((alias) => kms.createKey({ alias }).keyId)
    const states = async (): Promise<unknown[]> =>
      present((await sdk.DescribeKeys({ KeyIds })).KeyMetadatas).map(({ KeyState }) => KeyState)
    await sdk.DisableKeys({ KeyIds })
    expect(await states()).toEqual(['Disabled', 'Disabled'])
    await sdk.EnableKeys({ KeyIds })
    expect(await states()).toEqual(['Enabled', 'Enabled'])
    kms.setKeyState(present(KeyIds[1]), 'Archived')
    expect(await codeOf(sdk.DisableKeys({ KeyIds }))).toBe('ResourceUnavailable.CmkStateNotSupport')
    expect(await states()).toEqual(['Enabled', 'Archived'])
  })
})
