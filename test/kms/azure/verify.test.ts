import { describe, expect, it } from 'vitest'
import { azureForTests, DEK, errorOf } from './service.js'

const under = azureForTests()

describe('verify', () => {
  it('a producer that may only read the public key proves that it can seal, and not that it can open', async () => {
    const kms = under.allowed('vault', 'get')
    await kms.verify({ ...under.call('vault'), use: 'wrap' })
    expect((await errorOf(kms.verify({ ...under.call('vault'), use: 'unwrap' }))).code).toBe('KMS_DENIED')
  })

  it('a producer that may only encrypt proves that it can seal, and not that it can open', async () => {
    const kms = under.allowed('managed-hsm', 'encrypt')
    await kms.verify({ ...under.call('managed-hsm'), use: 'wrap' })
    expect((await errorOf(kms.verify({ ...under.call('managed-hsm'), use: 'unwrap' }))).code).toBe(
      'KMS_DENIED',
    )
  })

  it.each(['vault', 'managed-hsm'] as const)(
    'a consumer that may only open with a %s proves just that',
    async (type) => {
      const kms = under.allowed(type, 'unwrapkey', 'decrypt')
      await kms.verify({ ...under.call(type), use: 'unwrap' })
      expect(under.emulator(type).calls).toEqual([])
      expect((await errorOf(kms.verify({ ...under.call(type), use: 'wrap' }))).code).toBe('KMS_DENIED')
    },
  )

  it.each(['vault', 'managed-hsm'] as const)(
    'an identity that may do both makes a round trip with a %s',
    async (type) => {
      await under.kms(type).verify({ ...under.call(type), use: 'unwrap' })
      expect(under.emulator(type).calls.map(({ operation }) => operation)).toEqual(
        type === 'vault' ? ['get', 'unwrapkey'] : ['encrypt', 'decrypt'],
      )
    },
  )

  it.each(['vault', 'managed-hsm'] as const)(
    'a %s that opens what it never wrapped, or something else, is KMS_RESPONSE_INVALID',
    async (type) => {
      const { cmkId } = under.call(type)
      const value = Buffer.from(DEK).toString('base64url')
      under.emulator(type).alter = (answer, operation) =>
        ['unwrapkey', 'decrypt'].includes(operation) ? { ...answer, value } : answer
      const round = await errorOf(under.kms(type).verify({ ...under.call(type), use: 'unwrap' }))
      expect(round.code).toBe('KMS_RESPONSE_INVALID')
      under.emulator(type).instead = (operation) =>
        ['unwrapkey', 'decrypt'].includes(operation)
          ? { body: { kid: `${cmkId}/${'0'.repeat(32)}`, value } }
          : undefined
      const reader = under.allowed(type, 'unwrapkey', 'decrypt')
      expect((await errorOf(reader.verify({ ...under.call(type), use: 'unwrap' }))).code).toBe(
        'KMS_RESPONSE_INVALID',
      )
    },
  )
})
