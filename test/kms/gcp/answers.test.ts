import { describe, expect, it } from 'vitest'
import { checksumOf } from '../../emulators/gcp/wire.js'
import { call, CMK, DEK, errorOf, gcpForTests } from './service.js'

const under = gcpForTests()

type Members = Readonly<Record<string, unknown>>
const without =
  (name: string) =>
  (answer: Members): Members =>
    Object.fromEntries(Object.entries(answer).filter(([each]) => each !== name))
const having =
  (members: Members) =>
  (answer: Members): Members => ({ ...answer, ...members })

describe('what is sent', () => {
  it('Cloud KMS gets DEK, ciphertext and canonical context in base64, each with its CRC32C, and nothing else', async () => {
    const kms = under.kms()
    const context = { tenant: 'acme', '10': 'a' }
    const ciphertextDek = await kms.wrapDek({ ...call, context, dek: DEK })
    await kms.unwrapDek({ ...call, context, ciphertextDek })
    const bytes = (name: string, of: Uint8Array) => ({
      [name]: Buffer.from(of).toString('base64'),
      [`${name}Crc32c`]: checksumOf(of),
    })
    const aad = bytes('additionalAuthenticatedData', Buffer.from('{"10":"a","tenant":"acme"}'))
    expect(under.emulator.calls.map(({ action, key, body }) => ({ action, key, body }))).toEqual([
      { action: 'encrypt', key: CMK, body: { ...bytes('plaintext', DEK), ...aad } },
      { action: 'decrypt', key: CMK, body: { ...bytes('ciphertext', ciphertextDek), ...aad } },
    ])
  })

  it('an empty context is not sent to Cloud KMS', async () => {
    const kms = under.kms()
    const ciphertextDek = await kms.wrapDek({ ...call, context: {}, dek: DEK })
    await kms.unwrapDek({ ...call, context: {}, ciphertextDek })
    expect(under.emulator.calls.map(({ body }) => Object.keys(body))).toEqual([
      ['plaintext', 'plaintextCrc32c'],
      ['ciphertext', 'ciphertextCrc32c'],
    ])
  })
})

describe('what is accepted', () => {
  it.each([
    ['without a name', without('name')],
    ['with the name of the key alone', having({ name: CMK })],
    ['with the name of another key', having({ name: `${CMK}2/cryptoKeyVersions/1` })],
    ['with more after the version', having({ name: `${CMK}/cryptoKeyVersions/1/x` })],
    ['with a plaintext that was not checked', without('verifiedPlaintextCrc32c')],
    ['with a plaintext that was found to differ', having({ verifiedPlaintextCrc32c: false })],
    ['with a context that was not checked', without('verifiedAdditionalAuthenticatedDataCrc32c')],
    ['with the text "true"', having({ verifiedPlaintextCrc32c: 'true' })],
    ['without a checksum', without('ciphertextCrc32c')],
    ['with another checksum', having({ ciphertextCrc32c: '1' })],
    ['without a ciphertext', without('ciphertext')],
    ['with a ciphertext that is not base64', having({ ciphertext: 'a-_b' })],
    ['with an empty ciphertext', having({ ciphertext: '', ciphertextCrc32c: '0' })],
    [
      'with a ciphertext of 1,025 bytes',
      having({
        ciphertext: Buffer.alloc(1025).toString('base64'),
        ciphertextCrc32c: checksumOf(Buffer.alloc(1025)),
      }),
    ],
    ['with megabytes', having({ ciphertext: 'A'.repeat(2 ** 21) })],
  ])('an answer to encrypt %s is KMS_RESPONSE_INVALID', async (_, alter) => {
    under.emulator.alter = alter
    expect((await errorOf(under.kms().generateDek(call))).code).toBe('KMS_RESPONSE_INVALID')
  })

  it.each([
    ['without a checksum', without('plaintextCrc32c')],
    ['with another checksum', having({ plaintextCrc32c: '1' })],
    [
      'with a checksum that is a number',
      (answer: Members) => ({ ...answer, plaintextCrc32c: Number(answer['plaintextCrc32c']) }),
    ],
    ['without a plaintext', without('plaintext')],
    ['with a plaintext that is not text', having({ plaintext: 7 })],
    ['with a plaintext that is not base64', having({ plaintext: '=AAA' })],
  ])('an answer to decrypt %s is KMS_RESPONSE_INVALID', async (_, alter) => {
    const kms = under.kms()
    const ciphertextDek = await kms.wrapDek({ ...call, dek: DEK })
    under.emulator.alter = alter
    expect((await errorOf(kms.unwrapDek({ ...call, ciphertextDek }))).code).toBe('KMS_RESPONSE_INVALID')
  })

  it.each([0, 31, 33, 4096])('a ciphertext DEK that holds %i bytes is UNWRAP_FAILED', async (length) => {
    const kms = under.kms()
    const ciphertextDek = await kms.wrapDek({ ...call, dek: DEK })
    const plaintext = Buffer.alloc(length, 1)
    under.emulator.alter = ({ protectionLevel }) => ({
      protectionLevel,
      ...(length === 0 ? {} : { plaintext: plaintext.toString('base64') }),
      plaintextCrc32c: checksumOf(plaintext),
    })
    expect((await errorOf(kms.unwrapDek({ ...call, ciphertextDek }))).code).toBe('UNWRAP_FAILED')
  })
})
