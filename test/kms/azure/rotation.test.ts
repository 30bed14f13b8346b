import { describe, expect, it } from 'vitest'
import { joinAes, joinRsa, splitAes, splitRsa } from '../../../src/kms/azure/ciphertext-dek.js'
import { azureForTests, DEK, errorOf } from './service.js'

const under = azureForTests()
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const TYPES = ['vault', 'managed-hsm'] as const

describe('the version of the key', () => {
  it.each(TYPES)(
    'the version of the key stands in each ciphertext DEK of a %s, and selects the version that opens it',
    async (type) => {
      const call = under.call(type)
      const [first] = under.key(type).versions
      const before = await under.kms(type).generateDek(call)
      under.key(type).rotate()
      const after = await under.kms(type).generateDek(call)
      const [, second] = under.key(type).versions
      const versionIn = ({ ciphertextDek }: { ciphertextDek: Uint8Array }) =>
        hex(ciphertextDek.subarray(1, 17))
      expect([versionIn(before), versionIn(after)]).toEqual([first?.name, second?.name])

      const reader = under.allowed(type, 'unwrapkey', 'decrypt')
      for (const { dek, ciphertextDek } of [before, after])
        expect(hex(await reader.unwrapDek({ ...call, ciphertextDek }))).toBe(hex(dek))
      const opening = under.emulator(type).calls.slice(-2)
      expect(opening.map(({ version }) => version)).toEqual([first?.name, second?.name])
    },
  )

  it.each(TYPES)(
    'a version of a key that is disabled in a %s opens nothing more, while the others do',
    async (type) => {
      const call = under.call(type)
      const before = await under.kms(type).generateDek(call)
      under.key(type).rotate()
      const after = await under.kms(type).generateDek(call)
      const [first] = under.key(type).versions
      if (first !== undefined) first.enabled = false
      const kms = under.kms(type)
      expect((await errorOf(kms.unwrapDek({ ...call, ciphertextDek: before.ciphertextDek }))).code).toBe(
        'CMK_DISABLED',
      )
      expect(hex(await kms.unwrapDek({ ...call, ciphertextDek: after.ciphertextDek }))).toBe(hex(after.dek))
    },
  )

  it.each(TYPES)('an answer for another version or key of a %s is CMK_MISMATCH', async (type) => {
    const call = under.call(type)
    const { ciphertextDek } = await under.kms(type).generateDek(call)
    const kid = (text: string) => ({ kid: text, value: Buffer.from(DEK).toString('base64url') })
    for (const other of [
      `${call.cmkId}/${'0'.repeat(32)}`,
      `${call.cmkId}2/${hex(ciphertextDek.subarray(1, 17))}`,
      `https://other.vault.azure.net/keys/orders/${hex(ciphertextDek.subarray(1, 17))}`,
    ]) {
      under.emulator(type).instead = () => ({ body: kid(other) })
      expect((await errorOf(under.kms(type).unwrapDek({ ...call, ciphertextDek }))).code).toBe('CMK_MISMATCH')
    }
  })

  it('the current version is kept with its public key, so a producer goes on under the former one for up to an hour', async () => {
    const call = under.call('vault')
    const kms = under.kms('vault')
    const before = await kms.generateDek(call)
    under.key('vault').rotate()
    const after = await kms.generateDek(call)
    expect(hex(after.ciphertextDek.subarray(0, 17))).toBe(hex(before.ciphertextDek.subarray(0, 17)))
    expect(under.emulator('vault').calls.map(({ operation }) => operation)).toEqual(['get'])
    // Verifying looks again.
    await kms.verify({ ...call, use: 'wrap' })
    const later = await kms.generateDek(call)
    expect(hex(later.ciphertextDek.subarray(1, 17))).toBe(under.key('vault').versions.at(-1)?.name)
  })
})

describe('the layout of a ciphertext DEK', () => {
  const version = '00112233445566778899aabbccddeeff'

  it('a ciphertext DEK of Azure is one byte, the version, and what the service returned', () => {
    const bytes = new Uint8Array(256).fill(7)
    expect(hex(joinRsa({ version, bytes }))).toBe(`01${version}${'07'.repeat(256)}`)
    const iv = new Uint8Array(12).fill(1)
    const ciphertext = new Uint8Array(32).fill(2)
    const tag = new Uint8Array(16).fill(3)
    const joined = joinAes({ version, iv, ciphertext, tag })
    expect(hex(joined)).toBe(`01${version}${'01'.repeat(12)}${'02'.repeat(32)}${'03'.repeat(16)}`)
    expect(splitAes(joined)).toEqual({ version, iv, ciphertext, tag })
    expect(splitRsa(joinRsa({ version, bytes }))).toEqual({ version, bytes })
  })

  it('a ciphertext DEK of Azure with any other first byte or length is refused without a call', async () => {
    const rsa = (length: number) => joinRsa({ version, bytes: new Uint8Array(length) })
    for (const length of [256, 384, 512]) expect(splitRsa(rsa(length))).toBeDefined()
    for (const length of [0, 1, 128, 255, 257, 511, 513, 1007]) expect(splitRsa(rsa(length))).toBeUndefined()
    for (const length of [0, 59, 61, 256]) expect(splitAes(rsa(length))).toBeUndefined()
    for (const first of [0, 2, 255]) {
      const other = rsa(256)
      other[0] = first
      expect(splitRsa(other)).toBeUndefined()
    }
    for (const type of TYPES) {
      const kms = under.kms(type)
      for (const length of [0, 16, 17, 64, 300]) {
        const error = await errorOf(
          kms.unwrapDek({ ...under.call(type), ciphertextDek: new Uint8Array(length) }),
        )
        expect(error.code).toBe('CIPHERTEXT_DEK_INVALID')
        expect(error.kmsCode).toBeUndefined()
      }
      expect(under.emulator(type).calls).toEqual([])
    }
  })

  it('a ciphertext DEK of Azure has room for larger keys', async () => {
    const bits = 3072
    const emulator = under.emulator('vault')
    emulator.createKey('large', 'RSA', bits)
    const call = { ...under.call('vault'), cmkId: `${emulator.url}/keys/large` }
    const { dek, ciphertextDek } = await under.kms('vault').generateDek(call)
    expect(ciphertextDek).toHaveLength(17 + bits / 8)
    expect(hex(await under.kms('vault').unwrapDek({ ...call, ciphertextDek }))).toBe(hex(dek))
  })
})
