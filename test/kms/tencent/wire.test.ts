import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import {
  CMK,
  failed,
  KEY_ID,
  nothing,
  ok,
  PEM,
  PUBLIC_KEY,
  rsaCmk,
  serviceForTests,
  signal,
} from './service.js'

const call = { cmkId: CMK, context: { tenant: 'acme', '10': 'a', '1a': 'b' }, signal }
const DEK = Uint8Array.from({ length: 32 }, (_, at) => (at * 73 + 41) & 0xff)

const pkcs1 = createPublicKey(PEM).export({ type: 'pkcs1', format: 'der' })

const under = serviceForTests()
let kms: Kms

beforeEach(() => {
  kms = under.kms()
})

describe('a symmetric CMK', () => {
  it('a symmetric CMK generates a DEK of 32 bytes, and unwraps it from the unchanged blob', async () => {
    const { dek, ciphertextDek } = await kms.generateDek(call)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    const [generate, decrypt] = under.service.asked
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

  it('calls for a symmetric CMK go to its region, in version 2019-01-18, signed with the configured id', async () => {
    await kms.generateDek(call)
    expect(under.service.asked[0]?.headers).toMatchObject({
      'x-tc-region': 'ap-guangzhou',
      'x-tc-version': '2019-01-18',
    })
    expect(under.service.asked[0]?.headers.authorization).toMatch(
      /^TC3-HMAC-SHA256 Credential=AKIDexampleexample\//,
    )
  })

  it('calls for a symmetric CMK carry no context if it is empty', async () => {
    const { ciphertextDek } = await kms.generateDek({ ...call, context: {} })
    await kms.unwrapDek({ ...call, context: {}, ciphertextDek })
    await kms.wrapDek({ ...call, context: {}, dek: DEK })
    for (const { params } of under.service.asked) expect(params).not.toHaveProperty('EncryptionContext')
  })

  it('a symmetric CMK wraps a DEK made elsewhere, as base64', async () => {
    const ciphertextDek = await kms.wrapDek({ ...call, dek: DEK })
    expect(under.service.asked[0]).toMatchObject({
      action: 'Encrypt',
      params: { KeyId: KEY_ID, Plaintext: Buffer.from(DEK).toString('base64') },
    })
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(DEK)
  })

  it('a symmetric CMK whose DEKs come from this process is only asked to wrap them', async () => {
    kms = under.kms({ cmks: { [CMK]: { type: 'symmetric', dek: 'encrypt' } } })
    const { dek, ciphertextDek } = await kms.generateDek(call)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    const other = await kms.generateDek(call)
    expect(other.dek).not.toEqual(dek)
    expect(under.actions()).toEqual(['Encrypt', 'Decrypt', 'Encrypt'])
    expect(await kms.describe(CMK, signal)).toMatchObject({ provider: 'tencent-kms', publicKeyWraps: false })
  })

  it('a symmetric CMK is not called with an impossible blob, or a context that is too long', async () => {
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
    expect(under.service.asked).toHaveLength(0)
  })

  it('a symmetric CMK uses one connection for calls one after the other, and leaves none when closed', async () => {
    for (let i = 0; i < 5; i++) await kms.generateDek(call)
    expect([under.service.connections(), under.service.open()]).toEqual([1, 1])
    await kms.close?.()
    await vi.waitFor(() => {
      expect(under.service.open()).toBe(0)
    })
  })
})

describe('an RSA-2048 CMK', () => {
  beforeEach(() => {
    under.service.answer = rsaCmk
    kms = under.kms({ cmks: { [CMK]: { type: 'rsa-2048' } } })
  })

  it('an RSA-2048 CMK has DEKs wrapped here, with RSA-OAEP-SHA-256 under its public key, and unwrapped by the service', async () => {
    expect(await kms.describe(CMK, signal)).toMatchObject({
      provider: 'tencent-kms/rsa-oaep-sha256',
      publicKeyWraps: true,
    })
    const { dek, ciphertextDek } = await kms.generateDek(call)
    expect(ciphertextDek).toHaveLength(256)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    expect(await kms.unwrapDek({ ...call, ciphertextDek: await kms.wrapDek({ ...call, dek: DEK }) })).toEqual(
      DEK,
    )
    expect(under.actions()).toEqual(['GetPublicKey', 'AsymmetricRsaDecrypt', 'AsymmetricRsaDecrypt'])
    expect(under.service.asked[1]?.params).toEqual({
      KeyId: KEY_ID,
      Ciphertext: Buffer.from(ciphertextDek).toString('base64'),
      Algorithm: 'RSAES_OAEP_SHA_256',
    })
  })

  it('an RSA-2048 CMK is asked for its public key once, also by many at the same time, and again after an hour', async () => {
    const before = performance.now()
    await Promise.all(Array.from({ length: 20 }, () => kms.generateDek(call)))
    expect(under.actions()).toEqual(['GetPublicKey'])
    const after = performance.now()
    const clock = vi.spyOn(performance, 'now')
    try {
      clock.mockReturnValue(before + 3_599_999)
      await kms.generateDek(call)
      expect(under.actions()).toEqual(['GetPublicKey'])
      clock.mockReturnValue(after + 3_600_000)
      await kms.generateDek(call)
    } finally {
      clock.mockRestore()
    }
    expect(under.actions()).toEqual(['GetPublicKey', 'GetPublicKey'])
  })

  it('an RSA-2048 CMK is asked again after a failure', async () => {
    under.service.answer = () => failed('InternalError')
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
    under.service.answer = rsaCmk
    await kms.generateDek(call)
    expect(under.actions()).toEqual(['GetPublicKey', 'GetPublicKey'])
  })

  it('a caller that cancels its wait for the public key leaves the request to the others', async () => {
    const controller = new AbortController()
    const first = kms.generateDek({ ...call, signal: controller.signal })
    const second = kms.generateDek(call)
    controller.abort()
    await expect(first).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
    expect((await second).dek).toHaveLength(32)
    expect(under.actions()).toEqual(['GetPublicKey'])
  })

  it('an RSA-2048 CMK stops waiting for its public key when it is closed', async () => {
    const slow = under.kms({ cmks: { [CMK]: { type: 'rsa-2048' } }, requestTimeout: 60_000 })
    under.service.answer = () => nothing
    const waiting = slow.generateDek(call)
    await vi.waitFor(() => {
      expect(under.actions()).toEqual(['GetPublicKey'])
    })
    await slow.close?.()
    await expect(waiting).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
  })

  it('an RSA-2048 CMK whose public key is pinned needs no service, no credentials and no SDK to wrap', async () => {
    const offline = tencentKms({ cmks: { [CMK]: { type: 'rsa-2048', publicKey: PEM } } })
    under.keep(offline)
    expect(await offline.describe(CMK, signal)).toMatchObject({ publicKeyWraps: true })
    await offline.verify({ ...call, use: 'wrap' })
    const { dek, ciphertextDek } = await offline.generateDek(call)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    expect(under.actions()).toEqual(['AsymmetricRsaDecrypt'])
    await expect(offline.unwrapDek({ ...call, ciphertextDek })).rejects.toMatchObject({ code: 'KMS_DENIED' })
  })

  it.each([
    ['of another type', createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)],
    ['of another size', createPublicKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)],
    [
      'with a small exponent',
      generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey,
    ],
  ])('an RSA-2048 CMK with a public key %s wraps nothing', async (_, key) => {
    const PublicKey = key.export({ type: 'spki', format: 'der' }).toString('base64')
    under.service.answer = () => ok({ KeyId: KEY_ID, PublicKey, PublicKeyPem: PEM })
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
  })

  it.each([
    ['followed by another byte', Buffer.concat([Buffer.from(PUBLIC_KEY, 'base64'), Buffer.of(0)])],
    ['cut short', Buffer.from(PUBLIC_KEY, 'base64').subarray(0, -1)],
    ['of another form (PKCS #1)', pkcs1],
    ['in base64 twice', Buffer.from(PUBLIC_KEY)],
    ['in PEM form', Buffer.from(PEM)],
  ])('an RSA-2048 CMK with a public key %s wraps nothing, and the error names the CMK', async (_, der) => {
    under.service.answer = () => ok({ KeyId: KEY_ID, PublicKey: der.toString('base64'), PublicKeyPem: PEM })
    await expect(kms.generateDek(call)).rejects.toMatchObject({
      code: 'KMS_RESPONSE_INVALID',
      message: expect.stringContaining(CMK) as string,
    })
  })

  it.each([[undefined], [''], [7], [PEM], [`${PUBLIC_KEY} `], [PUBLIC_KEY.slice(0, -2)], ['A'.repeat(4100)]])(
    'an RSA-2048 CMK with %j as its public key is KMS_RESPONSE_INVALID, whatever the PEM member says',
    async (PublicKey) => {
      under.service.answer = () => ok({ KeyId: KEY_ID, PublicKey, PublicKeyPem: PEM })
      await expect(kms.generateDek(call)).rejects.toMatchObject({
        code: 'KMS_RESPONSE_INVALID',
        message: expect.stringContaining('PublicKey') as string,
      })
    },
  )

  it('an RSA-2048 CMK gets no ciphertext DEK of another length than its modulus', async () => {
    for (const length of [0, 255, 257, 384]) {
      await expect(kms.unwrapDek({ ...call, ciphertextDek: new Uint8Array(length) })).rejects.toMatchObject({
        code: 'CIPHERTEXT_DEK_INVALID',
      })
    }
    expect(under.service.asked).toHaveLength(0)
  })
})

it('an invalid id never causes a connection', async () => {
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
  expect(under.service.asked).toHaveLength(0)
})

it('after it was closed, nothing is called', async () => {
  await kms.close?.()
  await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
  expect(under.service.asked).toHaveLength(0)
})
