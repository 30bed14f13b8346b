import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { vaultKms, type VaultAuth, type VaultKmsOptions } from '../../../src/kms/vault/index.js'
import { faultProxy, type FaultProxy } from '../../support/fault-proxy.js'
import { startOpenBao, suiteOnOpenBao, whyNoOpenBao, type OpenBao } from '../../support/servers/openbao.js'
import { DEK, NAME, signal } from './stub.js'

const context = { tenant: 'acme' } as const
const ALL = 'path "transit/*" { capabilities = ["create", "read", "update"] }'
const UPDATE =
  'path "transit/keys/*" { capabilities = ["read"] }\npath "transit/*" { capabilities = ["update"] }'

describe.skipIf(whyNoOpenBao !== undefined)(`vaultKms() ${suiteOnOpenBao}`, () => {
  let bao: OpenBao
  let proxy: FaultProxy
  const made: Kms[] = []

  beforeAll(async () => {
    bao = await startOpenBao()
    proxy = await faultProxy(bao.url)
    await bao.admin('POST', 'sys/auth/approle', { type: 'approle' })
    await bao.admin('PUT', 'sys/policies/acl/all', { policy: ALL })
    await bao.admin('PUT', 'sys/policies/acl/update', { policy: UPDATE })
  })
  afterEach(async () => {
    proxy.heal()
    for (const kms of made.splice(0)) await kms.close?.()
  })
  afterAll(async () => {
    await proxy.close()
    await bao.close()
  })

  function kmsWith(auth: VaultAuth, options: Partial<VaultKmsOptions> = {}): Kms {
    const kms = vaultKms({ address: proxy.url, name: NAME, auth, ...options })
    made.push(kms)
    return kms
  }
  const root = (options?: Partial<VaultKmsOptions>): Kms =>
    kmsWith({ method: 'token', token: bao.rootToken }, options)

  /** A new key with a name of its own, and a call under it. */
  async function key(name: string, settings: object = { derived: true }) {
    await bao.admin('POST', `transit/keys/${name}`, settings)
    return { cmkId: `${NAME}/${name}`, context, signal }
  }

  async function role(name: string, settings: object): Promise<VaultAuth> {
    await bao.admin('POST', `auth/approle/role/${name}`, { token_policies: ['update'], ...settings })
    const { role_id: roleId } = await bao.admin('GET', `auth/approle/role/${name}/role-id`)
    const { secret_id: secretId } = await bao.admin('POST', `auth/approle/role/${name}/secret-id`)
    return { method: 'approle', roleId: String(roleId), secretId: String(secretId) }
  }

  /** How often a path was called through the proxy. */
  const calls = (path: string): number => proxy.requests.filter((each) => each.path.endsWith(path)).length

  it('a secret id that is good for one login is enough, because the token is renewed while no call is made', async () => {
    const call = await key('renewed')
    // A third of the period is left for a renewal on a busy machine.
    const auth = await role('renewed', { token_period: '5s', secret_id_num_uses: 1 })
    const before = calls('/login')
    const kms = kmsWith(auth)
    const { dek, ciphertextDek } = await kms.generateDek(call)
    await sleep(11_000)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    expect(calls('/login') - before).toBe(1)
    expect(calls('/renew-self')).toBeGreaterThanOrEqual(2)
  })

  it('when the longest life of a token ends, a new login takes its place, and no call is denied', async () => {
    const call = await key('relogged')
    const auth = await role('relogged', { token_ttl: '2s', token_max_ttl: '3s' })
    const before = calls('/login')
    const kms = kmsWith(auth)
    for (const end = performance.now() + 4000; performance.now() < end;) {
      await kms.generateDek(call)
      await sleep(50)
    }
    expect(calls('/login') - before).toBeGreaterThanOrEqual(2)
    expect(calls('/login') - before).toBeLessThanOrEqual(6)
  })

  it('a policy that grants only update cannot create a key by wrapping, and with any policy a wrap creates none', async () => {
    const token = async (policy: string): Promise<VaultAuth> => {
      const { client_token: given } = await bao.admin('POST', 'auth/token/create', { policies: [policy] })
      return { method: 'token', token: String(given) }
    }
    const call = { cmkId: `${NAME}/missing`, context, signal }
    for (const policy of ['update', 'all']) {
      const kms = kmsWith(await token(policy))
      await expect(kms.wrapDek({ ...call, dek: DEK })).rejects.toMatchObject({ code: 'CMK_NOT_FOUND' })
      await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'CMK_NOT_FOUND' })
    }
    await expect(bao.admin('GET', 'transit/keys/missing')).rejects.toThrow('404')
  })

  it.each([
    ['that is not derived', {}],
    ['of RSA', { type: 'rsa-2048' }],
    ['for signing', { type: 'ed25519', derived: true }],
    ['of 128 bits', { type: 'aes128-gcm96', derived: true }],
    ['with convergent encryption', { derived: true, convergent_encryption: true }],
  ])('a key %s is CMK_UNUSABLE', async (what, settings) => {
    const call = await key(`unfit-${String(what.length)}`, settings)
    const kms = root()
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
    await expect(kms.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
  })

  it.each(['aes256-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305'])(
    'derived keys of the type %s work',
    async (type) => {
      const call = await key(`type-${type}`, { type, derived: true })
      const kms = root()
      const { dek, ciphertextDek } = await kms.generateDek(call)
      expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
      await kms.verify({ ...call, use: 'unwrap' })
      await expect(kms.unwrapDek({ ...call, context: {}, ciphertextDek })).rejects.toMatchObject({
        code: 'CIPHERTEXT_DEK_INVALID',
      })
    },
  )

  it('a key that was deleted and made anew without `derived` opens no old DEK, and verify() refuses it', async () => {
    const call = await key('replaced')
    const kms = root()
    const { ciphertextDek } = await kms.generateDek(call)
    await bao.admin('POST', 'transit/keys/replaced/config', { deletion_allowed: true })
    await bao.admin('DELETE', 'transit/keys/replaced')
    await key('replaced', {})
    await expect(kms.unwrapDek({ ...call, ciphertextDek })).rejects.toMatchObject({
      code: 'CIPHERTEXT_DEK_INVALID',
    })
    await expect(kms.verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
    // The look of verify() counts for later calls too.
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
  })

  it('a version below min_decryption_version is CMK_DISABLED, and opens again when it is lowered', async () => {
    const call = await key('retired')
    const kms = root()
    const { dek, ciphertextDek } = await kms.generateDek(call)
    await bao.admin('POST', 'transit/keys/retired/rotate')
    await bao.admin('POST', 'transit/keys/retired/config', { min_decryption_version: 2 })
    await expect(kms.unwrapDek({ ...call, ciphertextDek })).rejects.toMatchObject({ code: 'CMK_DISABLED' })
    await kms.verify({ ...call, use: 'unwrap' })
    await bao.admin('POST', 'transit/keys/retired/config', { min_decryption_version: 1 })
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
  })

  it('a version that this server does not have is CMK_NOT_FOUND, and so is never skipped as forged', async () => {
    const call = await key('lagging')
    const kms = root()
    const { ciphertextDek } = await kms.generateDek(call)
    const later = Buffer.from(Buffer.from(ciphertextDek).toString().replace('vault:v1:', 'vault:v2:'))
    await expect(kms.unwrapDek({ ...call, ciphertextDek: later })).rejects.toMatchObject({
      code: 'CMK_NOT_FOUND',
    })
  })

  it('a wrong mount, a wrong role and a missing auth method say what to correct', async () => {
    const call = await key('somewhere')
    await expect(root({ mount: 'elsewhere' }).generateDek(call)).rejects.toMatchObject({
      code: 'CMK_NOT_FOUND',
      message: expect.stringContaining('`mount`') as string,
    })
    await expect(
      kmsWith({ method: 'approle', roleId: 'a', secretId: 'b' }).generateDek(call),
    ).rejects.toMatchObject({ code: 'KMS_DENIED', message: expect.stringContaining('secret id') as string })
    await expect(
      kmsWith({ method: 'approle', roleId: 'a', mount: 'elsewhere' }).generateDek(call),
    ).rejects.toMatchObject({
      code: 'KMS_DENIED',
      message: expect.stringContaining('`auth.mount`') as string,
    })
  })

  it('a rate limit quota is KMS_THROTTLED', async () => {
    const call = await key('throttled')
    const kms = root()
    await kms.generateDek(call)
    await bao.admin('POST', 'sys/quotas/rate-limit/test', { path: 'transit', rate: 1 })
    try {
      const results = await Promise.allSettled([1, 2, 3, 4].map(() => kms.generateDek(call)))
      const codes = results.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))
      expect(codes.length).toBeGreaterThan(0)
      for (const error of codes) expect(error).toMatchObject({ code: 'KMS_THROTTLED' })
    } finally {
      await bao.admin('DELETE', 'sys/quotas/rate-limit/test')
    }
  })

  it('in a namespace, keys, tokens and logins are those of the namespace', async () => {
    await bao.admin('POST', 'sys/namespaces/team')
    const inTeam = { address: bao.url, name: 'transit.team.vault.example.com', namespace: 'team' } as const
    await bao.admin('POST', 'team/sys/mounts/transit', { type: 'transit' })
    await bao.admin('POST', 'team/transit/keys/orders', { derived: true })
    const kms = kmsWith({ method: 'token', token: bao.rootToken }, inTeam)
    const call = { cmkId: 'transit.team.vault.example.com/orders', context, signal }
    const { dek, ciphertextDek } = await kms.generateDek(call)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
  })

  // The last one: it seals the server.
  it('a sealed server is KMS_UNAVAILABLE', async () => {
    const call = await key('sealed')
    const kms = root()
    const { ciphertextDek } = await kms.generateDek(call)
    await bao.admin('PUT', 'sys/seal')
    for (const run of [() => kms.generateDek(call), () => kms.unwrapDek({ ...call, ciphertextDek })])
      await expect(run()).rejects.toMatchObject({
        code: 'KMS_UNAVAILABLE',
        message: expect.stringContaining('Unseal') as string,
      })
  })
})
