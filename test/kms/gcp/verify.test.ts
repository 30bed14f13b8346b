import { describe, expect, it } from 'vitest'
import { gcpKms } from '../../../src/kms/gcp/index.js'
import type { Permission } from '../../emulators/gcp/emulator.js'
import { call, CMK, errorOf, gcpForTests } from './service.js'

const under = gcpForTests()

const allowed = (...permissions: Permission[]) => {
  const token = under.emulator.token(...permissions)
  return under.kms({ accessToken: () => Promise.resolve(token) })
}
const actions = () => under.emulator.calls.map(({ action }) => action)

describe('verify', () => {
  it('a producer that may only encrypt proves that it can seal, and not that it can open', async () => {
    const kms = allowed('encrypt')
    await kms.verify({ ...call, use: 'wrap' })
    expect(actions()).toEqual(['encrypt'])
    expect((await errorOf(kms.verify({ ...call, use: 'unwrap' }))).code).toBe('KMS_DENIED')
  })

  it('a consumer that may only decrypt proves that it can open, and not that it can seal', async () => {
    const kms = allowed('decrypt')
    await kms.verify({ ...call, use: 'unwrap' })
    expect((await errorOf(kms.verify({ ...call, use: 'wrap' }))).code).toBe('KMS_DENIED')
  })

  it('an identity without permissions proves nothing', async () => {
    const kms = allowed()
    expect((await errorOf(kms.verify({ ...call, use: 'wrap' }))).code).toBe('KMS_DENIED')
    expect((await errorOf(kms.verify({ ...call, use: 'unwrap' }))).code).toBe('KMS_DENIED')
  })

  it('an identity that may do both makes a round trip', async () => {
    await allowed('encrypt', 'decrypt').verify({ ...call, use: 'unwrap' })
    expect(actions()).toEqual(['encrypt', 'decrypt'])
  })

  it('a service that opens what it never wrapped, or something else, is KMS_RESPONSE_INVALID', async () => {
    const other = { plaintext: Buffer.alloc(32).toString('base64'), plaintextCrc32c: String(0x8a9136aa) }
    under.emulator.instead = (action) => (action === 'decrypt' ? { httpStatus: 200, body: other } : undefined)
    for (const kms of [allowed('decrypt'), allowed('encrypt', 'decrypt')])
      expect((await errorOf(kms.verify({ ...call, use: 'unwrap' }))).code).toBe('KMS_RESPONSE_INVALID')
  })
})

describe('CMKs', () => {
  it.each([
    '',
    'orders',
    `${CMK}/cryptoKeyVersions/1`,
    `/${CMK}`,
    CMK.replace('acme-prod', '123456789012'),
    CMK.replace('kafka', '..'),
    CMK.replace('orders', 'orders?x=y'),
    CMK.replace('orders', 'orders:decrypt'),
    CMK.replace('europe-west3', 'europe/west3'),
  ])('the id %j is not that of a CMK of Cloud KMS', async (cmkId) => {
    const kms = gcpKms({ accessToken: () => Promise.reject(new Error('not asked')) })
    const { code, message } = await errorOf(kms.describe(cmkId, call.signal))
    expect(code).toBe('CMK_NOT_FOUND')
    if (cmkId !== '') expect(message).not.toContain(cmkId)
    expect((await errorOf(kms.generateDek({ ...call, cmkId }))).code).toBe('CMK_NOT_FOUND')
    expect(kms.limits?.('wrap', cmkId)).toEqual({})
  })

  it.each([CMK, CMK.replace('acme-prod', 'example.com:acme-prod'), CMK.replace('europe-west3', 'global')])(
    'the id %s is that of a CMK of Cloud KMS, and describing it makes no call',
    async (cmkId) => {
      const kms = gcpKms({ accessToken: () => Promise.reject(new Error('not asked')) })
      await expect(kms.describe(cmkId, call.signal)).resolves.toEqual({
        provider: 'gcp-kms',
        publicKeyWraps: false,
      })
    },
  )

  it('calls for the keys of a project in a location share limits', () => {
    const kms = gcpKms({ accessToken: () => Promise.resolve(''), quota: 4000 })
    const place = 'calls to acme-prod in europe-west3'
    expect(kms.limits?.('unwrap', CMK)).toEqual({
      concurrency: { group: place, max: 200 },
      rate: { group: `${place}, \`quota\``, perSecond: 4000, calls: 1 },
    })
    expect(kms.limits?.('verify', CMK).rate?.calls).toBe(2)
    const byDefault = gcpKms({ accessToken: () => Promise.resolve('') }).limits?.('wrap', CMK)
    expect(byDefault).toMatchObject({ concurrency: { max: 64 }, rate: { perSecond: 800 } })
  })
})
