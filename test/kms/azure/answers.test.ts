import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../../src/errors.js'
import { azureForTests, DEK, errorOf } from './service.js'

const under = azureForTests()

type Members = Readonly<Record<string, unknown>>
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const of = (length: number) => base64url(new Uint8Array(length))

describe('what is sent', () => {
  it('a vault is asked for its current key, and to unwrap under the version that a ciphertext DEK names', async () => {
    const kms = under.kms('vault')
    const call = under.call('vault')
    const ciphertextDek = await kms.wrapDek({ ...call, dek: DEK })
    await kms.unwrapDek({ ...call, ciphertextDek })
    const version = under.key('vault').versions[0]?.name
    expect(under.emulator('vault').calls.map(({ token: _, ...rest }) => rest)).toEqual([
      { operation: 'get', key: 'orders', version: undefined, body: undefined },
      {
        operation: 'unwrapkey',
        key: 'orders',
        version,
        body: { alg: 'RSA-OAEP-256', value: base64url(ciphertextDek.subarray(17)) },
      },
    ])
  })

  it('a Managed HSM gets DEK and canonical context, and everything that it returned', async () => {
    const kms = under.kms('managed-hsm')
    const context = { tenant: 'acme', '10': 'a' }
    const call = { ...under.call('managed-hsm'), context }
    const ciphertextDek = await kms.wrapDek({ ...call, dek: DEK })
    await kms.unwrapDek({ ...call, ciphertextDek })
    const aad = base64url(Buffer.from('{"10":"a","tenant":"acme"}'))
    const part = (from: number, to: number) => base64url(ciphertextDek.subarray(from, to))
    expect(under.emulator('managed-hsm').calls.map(({ token: _, ...rest }) => rest)).toEqual([
      {
        operation: 'encrypt',
        key: 'orders',
        version: undefined,
        body: { alg: 'A256GCM', value: base64url(DEK), aad },
      },
      {
        operation: 'decrypt',
        key: 'orders',
        version: under.key('managed-hsm').versions[0]?.name,
        body: { alg: 'A256GCM', value: part(29, 61), iv: part(17, 29), tag: part(61, 77), aad },
      },
    ])
  })

  it('an empty context is not sent to a Managed HSM', async () => {
    const kms = under.kms('managed-hsm')
    const call = { ...under.call('managed-hsm'), context: {} }
    const ciphertextDek = await kms.wrapDek({ ...call, dek: DEK })
    await kms.unwrapDek({ ...call, ciphertextDek })
    for (const { body } of under.emulator('managed-hsm').calls) expect(body).not.toHaveProperty('aad')
  })
})

describe('a public key', () => {
  const jwk = (bits: number, publicExponent = 65537): Members => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits, publicExponent })
    return { ...publicKey.export({ format: 'jwk' }) }
  }
  const key =
    (change: Members) =>
    (answer: Members): Members => ({ ...answer, key: { ...(answer['key'] as Members), ...change } })
  const attributes =
    (change: Members) =>
    (answer: Members): Members => ({
      ...answer,
      attributes: { ...(answer['attributes'] as Members), ...change },
    })
  const now = Math.floor(Date.now() / 1000)

  it.each<[string, ErrorCode, (answer: Members) => Members]>([
    ['that is disabled', 'CMK_DISABLED', attributes({ enabled: false })],
    ['that does not say whether it is enabled', 'CMK_DISABLED', attributes({ enabled: 'true' })],
    ['that has expired', 'CMK_UNUSABLE', attributes({ exp: now - 10 })],
    ['that is not yet valid', 'CMK_UNUSABLE', attributes({ nbf: now + 1000 })],
    ['with dates of another type', 'KMS_RESPONSE_INVALID', attributes({ exp: 'tomorrow' })],
    ['of another type', 'CMK_UNUSABLE', key({ kty: 'EC' })],
    ['that is not for unwrapKey', 'CMK_UNUSABLE', key({ key_ops: ['sign', 'verify'] })],
    ['without operations', 'CMK_UNUSABLE', key({ key_ops: undefined })],
    ['of 1,024 bits', 'CMK_UNUSABLE', key(jwk(1024))],
    ['of 2,560 bits', 'CMK_UNUSABLE', key(jwk(2560))],
    ['with the public exponent 3', 'CMK_UNUSABLE', key(jwk(2048, 3))],
    ['without a modulus', 'KMS_RESPONSE_INVALID', key({ n: undefined })],
    ['with a modulus that is not base64url', 'KMS_RESPONSE_INVALID', key({ n: 'a+b=' })],
    ['with an empty modulus', 'CMK_UNUSABLE', key({ n: '' })],
    ['with another id', 'KMS_RESPONSE_INVALID', key({ kid: 'https://other.vault.azure.net/keys/orders/1' })],
    ['without an id', 'KMS_RESPONSE_INVALID', key({ kid: undefined })],
  ])('a public key %s is %s, and wraps nothing', async (_, code, alter) => {
    under.emulator('vault').alter = alter
    expect((await errorOf(under.kms('vault').generateDek(under.call('vault')))).code).toBe(code)
  })

  it('a public key without a version in its id is KMS_RESPONSE_INVALID', async () => {
    under.emulator('vault').alter = (answer) => key({ kid: `${under.call('vault').cmkId}/latest` })(answer)
    const error = await errorOf(under.kms('vault').generateDek(under.call('vault')))
    expect(error.code).toBe('KMS_RESPONSE_INVALID')
  })

  it.each<[string, (answer: Members) => Members]>([
    ['in an HSM', key({ kty: 'RSA-HSM' })],
    ['whose dates hold', attributes({ nbf: now - 1000, exp: now + 1000 })],
    [
      'whose id has capitals',
      (answer) => key({ kid: String((answer['key'] as Members)['kid']).toUpperCase() })(answer),
    ],
  ])('a public key %s wraps', async (_, alter) => {
    const call = under.call('vault')
    under.emulator('vault').alter = (answer, operation) => (operation === 'get' ? alter(answer) : answer)
    const { ciphertextDek } = await under.kms('vault').generateDek(call)
    await expect(under.kms('vault').unwrapDek({ ...call, ciphertextDek })).resolves.toHaveLength(32)
  })
})

describe('what is accepted', () => {
  it.each<[string, Members]>([
    ['without an id', { kid: undefined }],
    ['with a long id', { kid: `https://${'a'.repeat(512)}` }],
    [
      'with another id',
      { kid: 'https://other.managedhsm.azure.net/keys/orders/00112233445566778899aabbccddeeff' },
    ],
    ['with a shorter ciphertext', { value: of(31) }],
    ['with a longer ciphertext', { value: of(33) }],
    ['without a ciphertext', { value: undefined }],
    ['with another IV', { iv: of(16) }],
    ['without an IV', { iv: undefined }],
    ['with a shorter tag', { tag: of(12) }],
    ['with a tag that is not base64url', { tag: `${of(15)}==` }],
  ])('an answer to encrypt %s is KMS_RESPONSE_INVALID', async (_, change) => {
    under.emulator('managed-hsm').alter = (answer) => ({ ...answer, ...change })
    const error = await errorOf(under.kms('managed-hsm').generateDek(under.call('managed-hsm')))
    expect(error.code).toBe('KMS_RESPONSE_INVALID')
  })

  it.each(['vault', 'managed-hsm'] as const)(
    'a ciphertext DEK of a %s that holds something else is UNWRAP_FAILED',
    async (type) => {
      const kms = under.kms(type)
      const call = under.call(type)
      const ciphertextDek = await kms.wrapDek({ ...call, dek: DEK })
      for (const length of [0, 31, 33, 190]) {
        under.emulator(type).alter = (answer) => ({ ...answer, value: of(length) })
        expect((await errorOf(kms.unwrapDek({ ...call, ciphertextDek }))).code).toBe('UNWRAP_FAILED')
      }
      for (const value of [undefined, 7, 'a+/=', 'A'.repeat(8193)]) {
        under.emulator(type).alter = (answer) => ({ ...answer, value })
        expect((await errorOf(kms.unwrapDek({ ...call, ciphertextDek }))).code).toBe('KMS_RESPONSE_INVALID')
      }
    },
  )
})
