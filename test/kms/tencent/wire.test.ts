import { constants, createPublicKey, generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { tencentKms, type TencentKmsOptions } from '../../../src/kms/tencent/index.js'
import { CMK, failed, KEY_ID, ok, startService, symmetricCmks, type Service, signal } from './service.js'

const CONTEXT = { tenant: 'acme', '10': 'a', '1a': 'b' }
const call = { cmkId: CMK, context: CONTEXT, signal }
const DEK = Uint8Array.from({ length: 32 }, (_, at) => (at * 73 + 41) & 0xff)
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PEM = publicKey.export({ type: 'spki', format: 'pem' }).toString()

let service: Service
let kms: Kms
const made: Kms[] = []

function withOptions(options: Partial<TencentKmsOptions> = {}): Kms {
  const next = tencentKms({ ...service.options, ...options })
  made.push(next)
  return next
}

beforeEach(async () => {
  service = await startService(symmetricCmks())
  kms = withOptions()
})
afterEach(async () => {
  for (const each of made.splice(0)) await each.close?.()
  await service.close()
})

/** An RSA CMK as the vendor documents it. */
function rsaCmk({ action, params }: { action: string; params: Readonly<Record<string, string>> }) {
  if (action === 'GetPublicKey') return ok({ KeyId: params['KeyId'], PublicKey: 'x', PublicKeyPem: PEM })
  if (action !== 'AsymmetricRsaDecrypt' || params['Algorithm'] !== 'RSAES_OAEP_SHA_256')
    return failed('InvalidParameter')
  try {
    const plain = privateDecrypt(
      { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
      Buffer.from(params['Ciphertext'] ?? '', 'base64'),
    )
    return ok({ KeyId: params['KeyId'], Plaintext: plain.toString('base64') })
  } catch {
    return failed('FailedOperation.DecryptError')
  }
}

const actions = (): string[] => service.asked.map(({ action }) => action)

describe('a symmetric CMK', () => {
  it('has its DEK generated, 32 bytes of it, and unwrapped from the blob as it came', async () => {
    const { dek, ciphertextDek } = await kms.generateDek(call)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    const [generate, decrypt] = service.asked
    expect(generate).toMatchObject({
      action: 'GenerateDataKey',
      params: { KeyId: KEY_ID, KeySpec: 'AES_256', EncryptionContext: '{"10":"a","1a":"b","tenant":"acme"}' },
    })
    expect(decrypt).toMatchObject({
      action: 'Decrypt',
      params: {
        CiphertextBlob: Buffer.from(ciphertextDek).toString(),
        EncryptionContext: '{"10":"a","1a":"b","tenant":"acme"}',
      },
    })
    expect(Object.keys(decrypt?.params ?? {})).toHaveLength(2)
    expect(Buffer.from(ciphertextDek).toString()).toMatch(/-k-.+-k-/)
  })

  it('is named to its own region, in version 2019-01-18, by a signature of the configured id', async () => {
    await kms.generateDek(call)
    expect(service.asked[0]?.headers).toMatchObject({
      'x-tc-region': 'ap-guangzhou',
      'x-tc-version': '2019-01-18',
    })
    expect(service.asked[0]?.headers.authorization).toMatch(
      /^TC3-HMAC-SHA256 Credential=AKIDexampleexample\//,
    )
  })

  it('gets no context where it is empty', async () => {
    const { ciphertextDek } = await kms.generateDek({ ...call, context: {} })
    await kms.unwrapDek({ ...call, context: {}, ciphertextDek })
    await kms.wrapDek({ ...call, context: {}, dek: DEK })
    for (const { params } of service.asked) expect(params).not.toHaveProperty('EncryptionContext')
  })

  it('wraps a DEK made elsewhere, as base64', async () => {
    const ciphertextDek = await kms.wrapDek({ ...call, dek: DEK })
    expect(service.asked[0]).toMatchObject({
      action: 'Encrypt',
      params: { KeyId: KEY_ID, Plaintext: Buffer.from(DEK).toString('base64') },
    })
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(DEK)
  })

  it('that shall get its DEKs from this process is only asked to wrap them', async () => {
    kms = withOptions({ cmks: { [CMK]: { type: 'symmetric', dek: 'encrypt' } } })
    const { dek, ciphertextDek } = await kms.generateDek(call)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    const other = await kms.generateDek(call)
    expect(other.dek).not.toEqual(dek)
    expect(actions()).toEqual(['Encrypt', 'Decrypt', 'Encrypt'])
    expect(await kms.describe(CMK, signal)).toEqual({ provider: 'tencent-kms', publicKeyWraps: false })
  })

  it('gets no blob that cannot be one, and no context that is longer than it takes', async () => {
    const long = Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [`key-${String(i)}`, 'v'.repeat(110)]),
    )
    const blobs = ['', 'a b', 'ä', 'a\n', 'x'.repeat(1025)].map((text) => Buffer.from(text))
    for (const ciphertextDek of blobs) {
      await expect(kms.unwrapDek({ ...call, ciphertextDek })).rejects.toMatchObject({
        code: 'CIPHERTEXT_DEK_INVALID',
      })
    }
    const ciphertextDek = Buffer.from('x')
    await expect(kms.unwrapDek({ ...call, context: long, ciphertextDek })).rejects.toMatchObject({
      code: 'CIPHERTEXT_DEK_INVALID',
    })
    for (const seal of [
      kms.generateDek({ ...call, context: long }),
      kms.wrapDek({ ...call, context: long, dek: DEK }),
    ])
      await expect(seal).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
    expect(service.asked).toHaveLength(0)
  })

  it('uses one connection for calls one after the other, and leaves none when closed', async () => {
    for (let i = 0; i < 5; i++) await kms.generateDek(call)
    expect([service.connections(), service.open()]).toEqual([1, 1])
    await kms.close?.()
    await vi.waitFor(() => {
      expect(service.open()).toBe(0)
    })
  })
})

describe('an RSA-2048 CMK', () => {
  beforeEach(() => {
    service.answer = rsaCmk
    kms = withOptions({ cmks: { [CMK]: { type: 'rsa-2048' } } })
  })

  it('has DEKs wrapped here, with RSA-OAEP-SHA-256 under its public key, and unwrapped by the service', async () => {
    expect(await kms.describe(CMK, signal)).toEqual({
      provider: 'tencent-kms/rsa-oaep-sha256',
      publicKeyWraps: true,
    })
    const { dek, ciphertextDek } = await kms.generateDek(call)
    expect(ciphertextDek).toHaveLength(256)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    expect(await kms.unwrapDek({ ...call, ciphertextDek: await kms.wrapDek({ ...call, dek: DEK }) })).toEqual(
      DEK,
    )
    expect(actions()).toEqual(['GetPublicKey', 'AsymmetricRsaDecrypt', 'AsymmetricRsaDecrypt'])
    expect(service.asked[1]?.params).toEqual({
      KeyId: KEY_ID,
      Ciphertext: Buffer.from(ciphertextDek).toString('base64'),
      Algorithm: 'RSAES_OAEP_SHA_256',
    })
  })

  it('is asked for its public key once, also by many at the same time, and again after an hour', async () => {
    const before = performance.now()
    await Promise.all(Array.from({ length: 20 }, () => kms.generateDek(call)))
    expect(actions()).toEqual(['GetPublicKey'])
    const after = performance.now()
    const clock = vi.spyOn(performance, 'now')
    try {
      clock.mockReturnValue(before + 3_599_999)
      await kms.generateDek(call)
      expect(actions()).toEqual(['GetPublicKey'])
      clock.mockReturnValue(after + 3_600_000)
      await kms.generateDek(call)
    } finally {
      clock.mockRestore()
    }
    expect(actions()).toEqual(['GetPublicKey', 'GetPublicKey'])
  })

  it('is asked again after a failure', async () => {
    service.answer = () => failed('InternalError')
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
    service.answer = rsaCmk
    await kms.generateDek(call)
    expect(actions()).toEqual(['GetPublicKey', 'GetPublicKey'])
  })

  it('whoever gives up waiting for the public key leaves it to the others', async () => {
    const controller = new AbortController()
    const first = kms.generateDek({ ...call, signal: controller.signal })
    const second = kms.generateDek(call)
    controller.abort()
    await expect(first).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
    expect((await second).dek).toHaveLength(32)
    expect(actions()).toEqual(['GetPublicKey'])
  })

  it('whose public key is pinned needs no service, no credentials and no SDK to wrap', async () => {
    const offline = tencentKms({ cmks: { [CMK]: { type: 'rsa-2048', publicKey: PEM } } })
    made.push(offline)
    expect(await offline.describe(CMK, signal)).toMatchObject({ publicKeyWraps: true })
    await offline.verify({ ...call, use: 'wrap' })
    const { dek, ciphertextDek } = await offline.generateDek(call)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    expect(actions()).toEqual(['AsymmetricRsaDecrypt'])
    await expect(offline.unwrapDek({ ...call, ciphertextDek })).rejects.toMatchObject({ code: 'KMS_DENIED' })
  })

  it.each([
    ['of another type', createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)],
    ['of another size', createPublicKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)],
    [
      'with a small exponent',
      generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey,
    ],
  ])('with a public key %s wraps nothing', async (_, key) => {
    const pem = key.export({ type: 'spki', format: 'pem' }).toString()
    service.answer = () => ok({ KeyId: KEY_ID, PublicKey: 'x', PublicKeyPem: pem })
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
  })

  it('gets no ciphertext DEK of another length than its modulus', async () => {
    for (const length of [0, 255, 257, 384]) {
      await expect(kms.unwrapDek({ ...call, ciphertextDek: new Uint8Array(length) })).rejects.toMatchObject({
        code: 'CIPHERTEXT_DEK_INVALID',
      })
    }
    expect(service.asked).toHaveLength(0)
  })
})

describe('verifying', () => {
  it('that wrapping works, wraps', async () => {
    await kms.verify({ ...call, use: 'wrap' })
    await withOptions({ cmks: { [CMK]: { type: 'symmetric', dek: 'encrypt' } } }).verify({
      ...call,
      use: 'wrap',
    })
    service.answer = rsaCmk
    const rsa = withOptions({ cmks: { [CMK]: { type: 'rsa-2048' } } })
    await rsa.verify({ ...call, use: 'wrap' })
    // Each time: a public key that was kept proves nothing.
    await rsa.verify({ ...call, use: 'wrap' })
    expect(actions()).toEqual(['GenerateDataKey', 'Encrypt', 'GetPublicKey', 'GetPublicKey'])
  })

  it('that unwrapping works, makes a round trip', async () => {
    await kms.verify({ ...call, use: 'unwrap' })
    expect(actions()).toEqual(['GenerateDataKey', 'Decrypt'])
  })

  it('of who may only decrypt, or under an archived CMK, finds out whether that is allowed', async () => {
    for (const code of ['UnauthorizedOperation', 'ResourceUnavailable.CmkArchived']) {
      const decrypts = symmetricCmks()
      service.answer = (asked) => (asked.action === 'Decrypt' ? decrypts(asked) : failed(code))
      await kms.verify({ ...call, use: 'unwrap' })
      await expect(kms.verify({ ...call, use: 'wrap' })).rejects.toMatchObject({ kmsCode: code })
    }
    service.answer = () => failed('UnauthorizedOperation')
    await expect(kms.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({ code: 'KMS_DENIED' })
  })

  it('fails where the CMK does not, or is of another type than stated', async () => {
    for (const [kmsCode, code] of [
      ['ResourceUnavailable.CmkDisabled', 'CMK_DISABLED'],
      ['ResourceUnavailable.CmkNotFound', 'CMK_NOT_FOUND'],
      ['InvalidParameterValue.InvalidKeyUsage', 'CMK_UNUSABLE'],
    ] as const) {
      service.answer = () => failed(kmsCode)
      for (const type of ['symmetric', 'rsa-2048'] as const)
        for (const use of ['wrap', 'unwrap'] as const) {
          const each = withOptions({ cmks: { [CMK]: { type } } })
          await expect(each.verify({ ...call, use })).rejects.toMatchObject({ code })
        }
    }
  })

  it('fails where what comes back is not what went in', async () => {
    const cmks = symmetricCmks()
    service.answer = (asked) =>
      asked.action === 'Decrypt'
        ? ok({ KeyId: KEY_ID, Plaintext: Buffer.alloc(32).toString('base64') })
        : cmks(asked)
    await expect(kms.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({
      code: 'KMS_RESPONSE_INVALID',
    })
  })

  it('of an RSA CMK unwrapping, needs no other right; with a pinned key it shows that the key is its own', async () => {
    service.answer = (asked) =>
      asked.action === 'GetPublicKey' ? failed('UnauthorizedOperation') : rsaCmk(asked)
    await withOptions({ cmks: { [CMK]: { type: 'rsa-2048' } } }).verify({ ...call, use: 'unwrap' })
    await withOptions({ cmks: { [CMK]: { type: 'rsa-2048', publicKey: PEM } } }).verify({
      ...call,
      use: 'unwrap',
    })
    expect(actions()).toEqual(['AsymmetricRsaDecrypt', 'AsymmetricRsaDecrypt'])
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
    const publicKey = other.export({ type: 'spki', format: 'pem' }).toString()
    const wrong = withOptions({ cmks: { [CMK]: { type: 'rsa-2048', publicKey } } })
    await expect(wrong.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({
      code: 'CIPHERTEXT_DEK_INVALID',
    })
    service.answer = () => failed('UnauthorizedOperation')
    const denied = withOptions({ cmks: { [CMK]: { type: 'rsa-2048' } } })
    await expect(denied.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({ code: 'KMS_DENIED' })
  })
})

describe('what the service answers', () => {
  const generate = (change: Record<string, unknown>) => {
    service.answer = () =>
      ok({
        KeyId: KEY_ID,
        Plaintext: Buffer.from(DEK).toString('base64'),
        CiphertextBlob: 'a-k-b-k-c',
        ...change,
      })
    return kms.generateDek(call)
  }

  it('must be for the CMK that was asked: anything else is CMK_MISMATCH', async () => {
    for (const action of ['generate', 'wrap', 'unwrap'] as const) {
      service.answer = () =>
        ok({ KeyId: 'other', Plaintext: Buffer.from(DEK).toString('base64'), CiphertextBlob: 'a' })
      const made =
        action === 'generate'
          ? kms.generateDek(call)
          : action === 'wrap'
            ? kms.wrapDek({ ...call, dek: DEK })
            : kms.unwrapDek({ ...call, ciphertextDek: Buffer.from('a') })
      await expect(made).rejects.toMatchObject({ code: 'CMK_MISMATCH' })
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
  ])('with %j is KMS_RESPONSE_INVALID, with the request id', async (change) => {
    await expect(generate(change)).rejects.toMatchObject({
      code: 'KMS_RESPONSE_INVALID',
      requestId: '0f1e2d3c-0000-4000-8000-123456789abc',
    })
  })

  it('to unwrapping, of another length than a DEK, blames the ciphertext DEK: whoever made it chose that', async () => {
    for (const length of [0, 16, 31, 33, 64]) {
      service.answer = () => ok({ KeyId: KEY_ID, Plaintext: Buffer.alloc(length).toString('base64') })
      await expect(kms.unwrapDek({ ...call, ciphertextDek: Buffer.from('a') })).rejects.toMatchObject({
        code: 'CIPHERTEXT_DEK_INVALID',
      })
    }
    service.answer = () => ok({ KeyId: KEY_ID, Plaintext: '?' })
    await expect(kms.unwrapDek({ ...call, ciphertextDek: Buffer.from('a') })).rejects.toMatchObject({
      code: 'KMS_RESPONSE_INVALID',
    })
  })

  it('becomes a DEK in memory of its own', async () => {
    const { dek } = await generate({})
    expect(dek).toEqual(DEK)
    expect(dek.buffer.byteLength).toBe(32)
  })
})

it('an id that is none never leads anywhere', async () => {
  const ids = [
    'orders',
    'ap-guangzhou',
    'ap-guangzhou/',
    '/x',
    'evil.example/x',
    'ap-guangzhou@evil/x',
    'ap-a/b/c',
    'ap-guangzhou/a b',
    '__proto__',
  ]
  for (const cmkId of ids) {
    await expect(kms.describe(cmkId, signal)).rejects.toMatchObject({ code: 'CMK_NOT_FOUND' })
    await expect(kms.generateDek({ ...call, cmkId })).rejects.toMatchObject({ code: 'CMK_NOT_FOUND' })
    await expect(kms.unwrapDek({ ...call, cmkId, ciphertextDek: Buffer.from('a') })).rejects.toMatchObject({
      code: 'CMK_NOT_FOUND',
    })
  }
  expect(service.asked).toHaveLength(0)
})

it('after it was closed, nothing is called', async () => {
  await kms.close?.()
  await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
  expect(service.asked).toHaveLength(0)
})
