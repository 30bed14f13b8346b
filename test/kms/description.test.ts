import { describe, expect, it } from 'vitest'
import { createEncryption } from '../../src/index.js'
import type { CmkDescription } from '../../src/kms/kms.js'
import { thrownBy } from '../support/emissions.js'
import { MemoryKms } from '../support/memory-kms.js'

/** An owner of a KMS that calls its CMK so. */
async function owned(described: unknown): Promise<unknown> {
  const kms = new MemoryKms()
  kms.describe = () => Promise.resolve(described as CmkDescription)
  const encryption = await createEncryption({
    kms: { corp: kms },
    cmks: { main: [{ kms: 'corp', id: 'cmk' }] },
    topics: [{ match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }],
  })
  await encryption.close()
  return 'created'
}

describe('the description of a CMK by a provider', () => {
  it.each([
    ['is nothing', undefined],
    ['is null', null],
    ['has no provider', { publicKeyWraps: false }],
    [
      'has a provider with characters that the format has not',
      { provider: 'Corp KMS', publicKeyWraps: false },
    ],
    ['has a provider that is too long', { provider: 'x'.repeat(65), publicKeyWraps: false }],
    ['has a provider that is no text', { provider: ['corp'], publicKeyWraps: false }],
    ['does not tell whether public keys wrap', { provider: 'corp' }],
    ['tells it by something else than true and false', { provider: 'corp', publicKeyWraps: 'no' }],
    ['has the name of an RSA provider, and does not tell', { provider: 'corp/rsa-oaep-sha256' }],
    [
      'has the name of an RSA provider, and denies it',
      { provider: 'corp/rsa-oaep-sha256', publicKeyWraps: false },
    ],
    ['has the name of an SM2 provider, and denies it', { provider: 'corp/sm2', publicKeyWraps: false }],
    [
      'unwraps for other CMKs, and does not tell for which',
      { provider: 'corp', publicKeyWraps: false, unwrapsFor: true },
    ],
    [
      're-encrypts under other CMKs, and does not tell under which',
      { provider: 'corp', publicKeyWraps: false, rewrapsTo: ['cmk'] },
    ],
  ])('the description of a CMK by a provider is a configuration error if it %s', async (_, described) => {
    expect(await thrownBy(() => owned(described))).toMatchObject({
      code: 'CONFIG_INVALID',
      issues: [{ path: 'kms.corp' }],
    })
  })

  it.each([
    { provider: 'corp', publicKeyWraps: false },
    { provider: 'corp', publicKeyWraps: true },
    { provider: 'corp/rsa-oaep-sha256', publicKeyWraps: true },
    { provider: 'corp/sm2', publicKeyWraps: true },
    { provider: 'rsa-oaep-sha256', publicKeyWraps: false },
    { provider: 'corp', publicKeyWraps: false, unwrapsFor: () => false },
    { provider: 'corp', publicKeyWraps: false, rewrapsTo: () => false },
  ])('the description of a CMK by a provider is accepted as %j', async (described) => {
    expect(await owned(described)).toBe('created')
  })
})
