import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { AwsCmkOptions, AwsKmsClient } from '../../../src/kms/aws/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import { thrownBy } from '../../support/emissions.js'
import { clientThat, CMK, DEK, failed, kmsOf, OTHER, PEM, REQUEST_ID, signal, SPKI } from './service.js'

const call = { cmkId: CMK, context: { tenant: 'acme', '10': 'a' }, signal }
const ciphertextDek = Uint8Array.from([1, 2, 3])
const rsa = (client: AwsKmsClient, stated: AwsCmkOptions = { type: 'rsa-2048' }): Kms =>
  kmsOf(client, { cmks: { [CMK]: stated } })

const generate = (kms: Kms) => kms.generateDek(call)
const wrap = (kms: Kms) => kms.wrapDek({ ...call, dek: DEK })
const unwrap = (kms: Kms) => kms.unwrapDek({ ...call, ciphertextDek })

describe('a call to AWS KMS', () => {
  it('a call to AWS KMS names the CMK by its ARN, and carries the context', async () => {
    const client = clientThat(() => ({
      KeyId: CMK,
      Plaintext: Uint8Array.from(DEK),
      CiphertextBlob: ciphertextDek,
    }))
    const kms = kmsOf(client)
    await generate(kms)
    await wrap(kms)
    await unwrap(kms)
    const EncryptionContext = { tenant: 'acme', '10': 'a' }
    expect(client.sent.map(({ action, input }) => ({ action, ...input }))).toEqual([
      { action: 'GenerateDataKey', KeyId: CMK, KeySpec: 'AES_256', EncryptionContext },
      { action: 'Encrypt', KeyId: CMK, Plaintext: DEK, EncryptionContext },
      { action: 'Decrypt', KeyId: CMK, CiphertextBlob: ciphertextDek, EncryptionContext },
    ])
  })

  it('a call to AWS KMS carries no context if it is empty', async () => {
    const client = clientThat(() => ({ KeyId: CMK, Plaintext: Uint8Array.from(DEK) }))
    await kmsOf(client).unwrapDek({ ...call, context: {}, ciphertextDek })
    expect(client.sent[0]?.input).not.toHaveProperty('EncryptionContext')
  })

  it.each([0, 1025])('a call to AWS KMS is not made for a ciphertext DEK of %d bytes', async (length) => {
    const client = clientThat(() => undefined)
    await expect(
      kmsOf(client).unwrapDek({ ...call, ciphertextDek: new Uint8Array(length) }),
    ).rejects.toMatchObject({ code: 'CIPHERTEXT_DEK_INVALID' })
    expect(client.sent).toEqual([])
  })

  it.each([
    ['an alias', 'arn:aws:kms:eu-west-1:111122223333:alias/orders'],
    ['a key id', '5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39'],
    ['a key of another service', 'arn:aws:s3:eu-west-1:111122223333:key/x'],
    ['a region that is a host', 'arn:aws:kms:eu-west-1.evil.example:111122223333:key/x'],
  ])('a call to AWS KMS is not made for %s instead of the ARN of a key', async (_, cmkId) => {
    const client = clientThat(() => undefined)
    const kms = kmsOf(client)
    for (const run of [
      () => kms.describe(cmkId, signal),
      () => kms.generateDek({ ...call, cmkId }),
      () => kms.unwrapDek({ ...call, cmkId, ciphertextDek }),
    ])
      expect(await thrownBy(run)).toMatchObject({ code: 'CMK_NOT_FOUND' })
    expect(client.sent).toEqual([])
  })
})

describe('an answer of AWS KMS', () => {
  it('an answer of AWS KMS is copied, and the DEK in it is wiped', async () => {
    const memory = new Uint8Array(96)
    const Plaintext = memory.subarray(32, 64)
    Plaintext.set(DEK)
    const kms = kmsOf(clientThat(() => ({ KeyId: CMK, Plaintext, CiphertextBlob: ciphertextDek })))
    const { dek, ciphertextDek: made } = await generate(kms)
    expect([dek, made]).toEqual([DEK, ciphertextDek])
    expect(dek.buffer.byteLength).toBe(32)
    expect(memory.every((byte) => byte === 0)).toBe(true)
  })

  it.each<[string, (kms: Kms) => Promise<unknown>, string]>([
    ['Decrypt', unwrap, 'CMK_MISMATCH'],
    ['GenerateDataKey', generate, 'KMS_RESPONSE_INVALID'],
    ['Encrypt', wrap, 'KMS_RESPONSE_INVALID'],
  ])('an answer of AWS KMS to %s for another CMK is refused, and its DEK is wiped', async (_, run, code) => {
    const Plaintext = Uint8Array.from(DEK)
    const kms = kmsOf(clientThat(() => ({ KeyId: OTHER, Plaintext, CiphertextBlob: ciphertextDek })))
    expect(await thrownBy(() => run(kms))).toMatchObject({ code, requestId: REQUEST_ID })
    expect(Plaintext.every((byte) => byte === 0)).toBe(true)
  })

  it('an answer of AWS KMS that names another replica is wrong, and does not blame the record', async () => {
    const [near, far] = ['eu-west-1', 'us-east-1'].map(
      (region) => `arn:aws:kms:${region}:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab`,
    )
    const kms = kmsOf(clientThat(() => ({ KeyId: far, Plaintext: Uint8Array.from(DEK) })))
    const unwrapped = kms.unwrapDek({ ...call, cmkId: near ?? '', ciphertextDek })
    expect(await thrownBy(() => unwrapped)).toMatchObject({ code: 'KMS_RESPONSE_INVALID' })
  })

  it('a DEK in an answer of AWS KMS that is too long is wiped', async () => {
    const Plaintext = new Uint8Array(4097).fill(7)
    const kms = kmsOf(clientThat(() => ({ KeyId: CMK, Plaintext })))
    expect(await thrownBy(() => unwrap(kms))).toMatchObject({ code: 'KMS_RESPONSE_INVALID' })
    expect(Plaintext.every((byte) => byte === 0)).toBe(true)
  })

  const complete = { KeyId: CMK, Plaintext: DEK, CiphertextBlob: ciphertextDek }
  it.each<[string, unknown, (kms: Kms) => Promise<unknown>]>([
    ['nothing', undefined, unwrap],
    ['null', null, generate],
    ['text', 'ok', generate],
    ['no KeyId', { Plaintext: DEK }, unwrap],
    ['a KeyId that is not text', { ...complete, KeyId: 7 }, unwrap],
    ['a KeyId with other characters', { ...complete, KeyId: 'a b' }, unwrap],
    ['a KeyId that is not an ARN', { ...complete, KeyId: CMK.slice(CMK.lastIndexOf('/') + 1) }, unwrap],
    ['the KeyId of an alias', { ...complete, KeyId: CMK.replace(/key\/.*/, 'alias/orders') }, unwrap],
    ['no DEK', { KeyId: CMK, CiphertextBlob: ciphertextDek }, generate],
    ['an empty DEK', { ...complete, Plaintext: new Uint8Array(0) }, unwrap],
    ['a DEK that is text', { ...complete, Plaintext: 'AAAA' }, unwrap],
    ['a new DEK of 16 bytes', { ...complete, Plaintext: new Uint8Array(16) }, generate],
    ['no ciphertext', { KeyId: CMK, Plaintext: DEK }, generate],
    ['no ciphertext of a given DEK', { KeyId: CMK }, wrap],
    ['an empty ciphertext', { KeyId: CMK, CiphertextBlob: new Uint8Array(0) }, wrap],
    ['a ciphertext of 1,025 bytes', { KeyId: CMK, CiphertextBlob: new Uint8Array(1025) }, wrap],
  ])('an answer of AWS KMS is not believed if it has %s', async (_, output, run) => {
    // The DEK in an answer is wiped.
    const answer = structuredClone(output)
    expect(await thrownBy(() => run(kmsOf(clientThat(() => answer))))).toMatchObject({
      code: 'KMS_RESPONSE_INVALID',
    })
  })

  it('an answer of AWS KMS whose DEK has another length is its maker’s fault', async () => {
    const kms = kmsOf(clientThat(() => ({ KeyId: CMK, Plaintext: new Uint8Array(31) })))
    expect(await thrownBy(() => unwrap(kms))).toMatchObject({ code: 'UNWRAP_FAILED' })
  })

  it('a DEK that AWS KMS returns too late is wiped', async () => {
    const Plaintext = Uint8Array.from(DEK)
    let answer = (_output: unknown): void => undefined
    const client = clientThat(() => new Promise((resolve) => (answer = resolve)))
    const controller = new AbortController()
    const code = thrownBy(() =>
      kmsOf(client).unwrapDek({ ...call, ciphertextDek, signal: controller.signal }),
    )
    await new Promise((resolve) => setImmediate(resolve))
    while (client.sent.length === 0) await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    expect(await code).toMatchObject({ code: 'KMS_TIMEOUT' })
    expect(client.sent[0]?.abortSignal.aborted).toBe(true)
    answer({ KeyId: CMK, Plaintext })
    await new Promise((resolve) => setImmediate(resolve))
    expect(Plaintext.every((byte) => byte === 0)).toBe(true)
  })
})

describe('an RSA CMK of AWS KMS', () => {
  const publicKey = (members: object = {}) => ({
    KeyId: CMK,
    KeyUsage: 'ENCRYPT_DECRYPT',
    PublicKey: Uint8Array.from(SPKI),
    ...members,
  })

  it('an RSA CMK of AWS KMS wraps here with a public key that is fetched once, and no context is sent', async () => {
    const client = clientThat(({ action }) =>
      action === 'GetPublicKey' ? publicKey() : { KeyId: CMK, Plaintext: Uint8Array.from(DEK) },
    )
    const kms = rsa(client)
    const made = await Promise.all([generate(kms), generate(kms)])
    await kms.wrapDek({ ...call, dek: DEK })
    const [{ ciphertextDek: wrapped }] = made
    expect(wrapped).toHaveLength(256)
    await kms.unwrapDek({ ...call, ciphertextDek: wrapped })
    expect(client.sent.map(({ action, input }) => ({ action, ...input }))).toEqual([
      { action: 'GetPublicKey', KeyId: CMK },
      {
        action: 'Decrypt',
        KeyId: CMK,
        CiphertextBlob: wrapped,
        EncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
      },
    ])
  })

  it('an RSA CMK of AWS KMS with a pinned public key wraps without a call', async () => {
    const client = clientThat(() => undefined)
    const kms = rsa(client, { type: 'rsa-2048', publicKey: PEM })
    await kms.describe(CMK, signal)
    await generate(kms)
    await kms.verify({ ...call, use: 'wrap' })
    expect(client.sent).toEqual([])
  })

  it.each<[string, object, string]>([
    ['is for signatures', publicKey({ KeyUsage: 'SIGN_VERIFY' }), 'CMK_UNUSABLE'],
    ['has another size than stated', publicKey({ PublicKey: spki(3072) }), 'CMK_UNUSABLE'],
    ['is damaged', publicKey({ PublicKey: SPKI.subarray(1) }), 'KMS_RESPONSE_INVALID'],
    [
      'is followed by more bytes',
      publicKey({ PublicKey: Buffer.concat([SPKI, SPKI]) }),
      'KMS_RESPONSE_INVALID',
    ],
    ['is absent', { KeyId: CMK }, 'KMS_RESPONSE_INVALID'],
    ['is of another CMK', publicKey({ KeyId: OTHER }), 'KMS_RESPONSE_INVALID'],
  ])('an RSA CMK of AWS KMS wraps nothing if its public key %s', async (_, output, code) => {
    expect(await thrownBy(() => generate(rsa(clientThat(() => output))))).toMatchObject({ code })
  })

  it.each([
    ['rsa-2048', 256],
    ['rsa-3072', 384],
    ['rsa-4096', 512],
  ] as const)('a CMK of type %s is asked only for ciphertexts of an RSA size', async (type, length) => {
    const client = clientThat(() => ({ KeyId: CMK, Plaintext: Uint8Array.from(DEK) }))
    const kms = rsa(client, { type })
    for (const other of [1, length - 1, length + 1]) {
      const ciphertextDek = new Uint8Array(other)
      expect(await thrownBy(() => kms.unwrapDek({ ...call, ciphertextDek }))).toMatchObject({
        code: 'CIPHERTEXT_DEK_INVALID',
      })
    }
    expect(client.sent).toEqual([])
    for (const size of [256, 384, 512])
      expect(await kms.unwrapDek({ ...call, ciphertextDek: new Uint8Array(size) })).toEqual(DEK)
  })
})

describe('verifying that an identity of AWS may make or wrap DEKs', () => {
  const made = { KeyId: CMK, CiphertextBlob: ciphertextDek }

  it('verifying that an identity of AWS may make or wrap DEKs needs the permission for that alone, and wipes them', async () => {
    const plaintexts: Uint8Array[] = []
    const client = clientThat(({ action, input }) => {
      const Plaintext = action === 'Encrypt' ? (input['Plaintext'] as Uint8Array) : Uint8Array.from(DEK)
      plaintexts.push(Plaintext)
      return action === 'Encrypt' ? made : { ...made, Plaintext }
    })
    const kms = kmsOf(client)
    await kms.verify({ ...call, use: 'generate' })
    await kms.verify({ ...call, use: 'wrap' })
    await kmsOf(client, { cmks: { [CMK]: { type: 'symmetric', dek: 'encrypt' } } }).verify({
      ...call,
      use: 'generate',
    })
    expect(client.sent.map(({ action }) => action)).toEqual(['GenerateDataKey', 'Encrypt', 'Encrypt'])
    for (const plaintext of plaintexts) expect(plaintext).toEqual(new Uint8Array(32))
  })

  it.each([
    ['generate', 'Encrypt'],
    ['wrap', 'GenerateDataKey'],
  ] as const)('verifying that an identity of AWS may %s fails if it may only %s', async (use, allowed) => {
    const client = clientThat(({ action }) =>
      action === allowed
        ? { ...made, Plaintext: Uint8Array.from(DEK) }
        : Promise.reject(failed('AccessDeniedException')),
    )
    expect(await thrownBy(() => kmsOf(client).verify({ ...call, use }))).toMatchObject({ code: 'KMS_DENIED' })
  })
})

describe('verifying that an identity of AWS may unwrap', () => {
  const verify = (kms: Kms) => kms.verify({ ...call, use: 'unwrap' })

  it('verifying that an identity of AWS may unwrap, and not wrap, accepts that KMS refuses bytes that are not a blob', async () => {
    const client = clientThat(({ action }) => {
      throw failed(action === 'GenerateDataKey' ? 'AccessDeniedException' : 'InvalidCiphertextException')
    })
    await verify(kmsOf(client))
    expect(client.sent.map(({ action }) => action)).toEqual(['GenerateDataKey', 'Decrypt'])
  })

  it('verifying that an identity of AWS may unwrap fails if it may not, or if the bytes open', async () => {
    const denied = clientThat(() => Promise.reject(failed('AccessDeniedException')))
    expect(await thrownBy(() => verify(kmsOf(denied)))).toMatchObject({ code: 'KMS_DENIED' })
    const opening = clientThat(({ action }) =>
      action === 'Decrypt'
        ? { KeyId: CMK, Plaintext: Uint8Array.from(DEK) }
        : Promise.reject(failed('AccessDeniedException')),
    )
    expect(await thrownBy(() => verify(kmsOf(opening)))).toMatchObject({ code: 'KMS_RESPONSE_INVALID' })
  })

  it('verifying that an identity of AWS may unwrap fails if another DEK comes back', async () => {
    const client = clientThat(({ action }) => ({
      KeyId: CMK,
      CiphertextBlob: ciphertextDek,
      Plaintext: action === 'Decrypt' ? new Uint8Array(32) : Uint8Array.from(DEK),
    }))
    expect(await thrownBy(() => verify(kmsOf(client)))).toMatchObject({ code: 'KMS_RESPONSE_INVALID' })
  })
})

function spki(bits: number): Buffer {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  return publicKey.export({ type: 'spki', format: 'der' })
}

describe('re-encryption by AWS KMS', () => {
  const rewrap = (kms: Kms, more = {}) =>
    (kms as Required<Kms>).rewrapDek({ ...call, ciphertextDek, toCmkId: OTHER, ...more })
  const CiphertextBlob = Uint8Array.from([4, 5])
  const answer = { KeyId: OTHER, SourceKeyId: CMK, CiphertextBlob }

  it('re-encryption by AWS KMS names both CMKs by their ARNs, and carries the context for both', async () => {
    const client = clientThat(() => answer)
    expect(await rewrap(kmsOf(client))).toEqual(CiphertextBlob)
    const context = { tenant: 'acme', '10': 'a' }
    expect(client.sent.map(({ action, input }) => ({ action, ...input }))).toEqual([
      {
        ...{ action: 'ReEncrypt', CiphertextBlob: ciphertextDek, SourceKeyId: CMK, DestinationKeyId: OTHER },
        ...{ SourceEncryptionContext: context, DestinationEncryptionContext: context },
      },
    ])
    await rewrap(kmsOf(client), { context: {} })
    expect(Object.keys(client.sent[1]?.input ?? {}).sort()).toEqual([
      'CiphertextBlob',
      'DestinationKeyId',
      'SourceKeyId',
    ])
  })

  it('re-encryption by AWS KMS may name the replica that a multi-region key encrypted with originally', async () => {
    const id = 'arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab'
    const kmsThatNames = (SourceKeyId: string): Kms => kmsOf(clientThat(() => ({ ...answer, SourceKeyId })))
    for (const SourceKeyId of [id, id.replace('eu-west-1', 'us-east-1')])
      expect(await rewrap(kmsThatNames(SourceKeyId), { cmkId: id })).toEqual(CiphertextBlob)
    for (const SourceKeyId of [id.replace('1111', '2222'), id.replace('1234', '4321')])
      expect(await thrownBy(() => rewrap(kmsThatNames(SourceKeyId), { cmkId: id }))).toMatchObject({
        code: 'CMK_MISMATCH',
      })
  })

  it.each<[string, object | undefined, string]>([
    ['from another CMK', { SourceKeyId: OTHER }, 'CMK_MISMATCH'],
    ['to another CMK', { KeyId: CMK }, 'KMS_RESPONSE_INVALID'],
    ['from no CMK', { SourceKeyId: undefined }, 'KMS_RESPONSE_INVALID'],
    ['from an alias', { SourceKeyId: CMK.replace(/key\/.*/, 'alias/orders') }, 'KMS_RESPONSE_INVALID'],
    ['to no CMK', { KeyId: undefined }, 'KMS_RESPONSE_INVALID'],
    ['without a ciphertext', { CiphertextBlob: undefined }, 'KMS_RESPONSE_INVALID'],
    ['with an empty ciphertext', { CiphertextBlob: new Uint8Array(0) }, 'KMS_RESPONSE_INVALID'],
    ['with a ciphertext of 1,025 bytes', { CiphertextBlob: new Uint8Array(1025) }, 'KMS_RESPONSE_INVALID'],
    ['by nothing', undefined, 'KMS_RESPONSE_INVALID'],
  ])('re-encryption by AWS KMS that is answered %s fails', async (_, change, code) => {
    const output = change && { ...answer, ...change }
    const error = await thrownBy(() => rewrap(kmsOf(clientThat(() => output))))
    expect(error).toMatchObject({ code })
  })

  it.each([
    ['AccessDeniedException', 'KMS_DENIED'],
    ['InvalidCiphertextException', 'CIPHERTEXT_DEK_INVALID'],
    ['IncorrectKeyException', 'CIPHERTEXT_DEK_INVALID'],
    ['DisabledException', 'CMK_DISABLED'],
    ['NotFoundException', 'CMK_NOT_FOUND'],
    ['ThrottlingException', 'KMS_THROTTLED'],
  ])(
    're-encryption by AWS KMS that fails with %s is %s, and the message names both CMKs',
    async (name, code) => {
      const kms = kmsOf(
        clientThat(() => {
          throw failed(name)
        }),
      )
      const error = (await thrownBy(() => rewrap(kms))) as Error
      expect(error).toMatchObject({ code, kmsCode: name })
      expect(error.message).toContain(`from CMK ${CMK} to CMK ${OTHER}`)
      if (code === 'KMS_DENIED') expect(error.message).toContain('`kms:ReEncryptTo` on the other')
    },
  )

  const FAR = OTHER.replace('eu-west-1', 'us-east-1')
  it.each([
    [OTHER, true],
    [CMK, true],
    [OTHER.replace('111122223333', '444455556666'), true],
    [FAR, false],
    [OTHER.replace('arn:aws:', 'arn:aws-cn:'), false],
    ['no arn', false],
  ])('AWS KMS re-encrypts to %s: %s', async (toCmkId, does) => {
    const client = clientThat(() => answer)
    const kms = kmsOf(client)
    expect((await kms.describe(CMK, signal)).rewrapsTo?.(toCmkId)).toBe(does)
    if (does) return
    expect(await thrownBy(() => rewrap(kms, { toCmkId }))).toMatchObject({ code: 'CMK_UNUSABLE' })
    expect(client.sent).toEqual([])
  })

  it('AWS KMS re-encrypts neither from RSA CMKs nor to them', async () => {
    const client = clientThat(() => answer)
    for (const key of [CMK, OTHER]) {
      const kms = kmsOf(client, { cmks: { [key]: { type: 'rsa-2048' } } })
      expect((await kms.describe(CMK, signal)).rewrapsTo?.(OTHER)).toBe(false)
      expect(await thrownBy(() => rewrap(kms))).toMatchObject({ code: 'CMK_UNUSABLE' })
    }
    expect(client.sent).toEqual([])
  })
})
