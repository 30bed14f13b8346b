import { Agent } from 'node:http'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { azureKms, type AzureKmsOptions } from '../../../src/kms/azure/index.js'
import { errorOf, SCOPE, signal } from './service.js'

const credential = { getToken: () => Promise.resolve({ token: 'hunter2' }) }
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const vault = { type: 'vault', scope: SCOPE } as const

/** The paths of the mistakes in `options`. */
function mistakes(options: unknown): string[] {
  try {
    azureKms(options as AzureKmsOptions)
    return []
  } catch (error) {
    if (!(error instanceof EnvelopeError) || error.code !== 'CONFIG_INVALID') throw error
    expect(error.message).toContain('azureKms()')
    expect(error.message).not.toContain('hunter2')
    return error.issues.map(({ path }) => path)
  }
}

describe('options of azureKms()', () => {
  it.each<AzureKmsOptions>([
    { credential },
    {
      credential,
      hosts: { 'vault.example.com': vault, 'vault.example.com:8443': vault, '127.0.0.1:80': vault },
    },
    { credential, agent: new Agent() },
    { credential, requestTimeout: '5s', quota: 0.5 },
  ])('the options %j are accepted', (options) => {
    expect(mistakes(options)).toEqual([])
  })

  it.each<[unknown, string[]]>([
    [undefined, ['(root)']],
    [{}, ['credential']],
    [{ credential: 'hunter2' }, ['credential']],
    [{ credential: null }, ['credential']],
    [{ credential, tenantId: 'hunter2' }, ['tenantId']],
    [{ credential, hosts: { 'https://vault.example.com': vault } }, ['hosts.https://vault.example.com']],
    [{ credential, hosts: { 'Vault.example.com': vault } }, ['hosts.Vault.example.com']],
    [{ credential, hosts: { 'vault.example.com/x': vault } }, ['hosts.vault.example.com/x']],
    [{ credential, hosts: { 'user@vault.example.com': vault } }, ['hosts.user@vault.example.com']],
    [{ credential, hosts: { a: { type: 'hsm', scope: SCOPE } } }, ['hosts.a.type']],
    [{ credential, hosts: { a: { type: 'vault', scope: 'hunter2' } } }, ['hosts.a.scope']],
    [{ credential, ca: PEM, agent: new Agent() }, ['ca']],
    [{ credential, ca: 'hunter2', requestTimeout: 5, quota: -1 }, ['ca', 'requestTimeout', 'quota']],
  ])('the options %j have mistakes at %j', (options, paths) => {
    expect(mistakes(options)).toEqual(paths)
  })
})

describe('ids of CMKs', () => {
  const kms = azureKms({ credential, hosts: { 'vault.example.com:8443': vault, '10.1.2.3:80': vault } })
  const VAULT = { provider: 'azure-key-vault/rsa-oaep-sha256', publicKeyWraps: true }
  const HSM = { provider: 'azure-managed-hsm', publicKeyWraps: false }

  it.each([
    ['https://acme-prod.vault.azure.net/keys/orders', VAULT],
    ['https://acme-prod.vault.azure.cn/keys/orders', VAULT],
    ['https://acme-prod.vault.usgovcloudapi.net/keys/Orders-2', VAULT],
    ['https://acme-prod.managedhsm.azure.net/keys/orders', HSM],
    ['https://acme-prod.managedhsm.azure.cn/keys/orders', HSM],
    ['https://acme-prod.managedhsm.usgovcloudapi.net/keys/orders', HSM],
    ['https://vault.example.com:8443/keys/orders', VAULT],
  ])('the id %s is that of a CMK of Azure, and describing it makes no call', async (cmkId, description) => {
    await expect(kms.describe(cmkId, signal)).resolves.toEqual(description)
  })

  it.each([
    '',
    'orders',
    'http://acme-prod.vault.azure.net/keys/orders',
    'https://acme-prod.vault.azure.net/keys/orders/00112233445566778899aabbccddeeff',
    'https://acme-prod.vault.azure.net/keys/orders/',
    'https://acme-prod.vault.azure.net/keys/orders?x=y',
    'https://acme-prod.vault.azure.net/secrets/orders',
    'https://acme-prod.vault.azure.net:8443/keys/orders',
    'https://acme-prod.vault.azure.net.example.com/keys/orders',
    'https://example.com/.vault.azure.net/keys/orders',
    'https://a.b.vault.azure.net/keys/orders',
    'https://vault.azure.net/keys/orders',
    'https://-acme.vault.azure.net/keys/orders',
    'https://user@acme-prod.vault.azure.net/keys/orders',
    'https://ACME.vault.azure.net/keys/orders',
    'https://vault.example.com/keys/orders',
    'https://169.254.169.254/keys/orders',
    // Plain http is only for loopback addresses.
    'http://10.1.2.3:80/keys/orders',
  ])('the id %j is not that of a CMK of Azure', async (cmkId) => {
    const { code, message } = await errorOf(kms.describe(cmkId, signal))
    expect(code).toBe('CMK_NOT_FOUND')
    if (cmkId !== '') expect(message).not.toContain(cmkId)
    expect((await errorOf(kms.generateDek({ cmkId, context: {}, signal }))).code).toBe('CMK_NOT_FOUND')
  })

  it('calls to one vault or HSM share limits, and wrapping with a public key has no rate', () => {
    const rsa = 'https://acme-prod.vault.azure.net/keys/orders'
    const aes = 'https://acme-prod.managedhsm.azure.net/keys/orders'
    const concurrency = (host: string) => ({ group: `calls to ${host}`, max: 64 })
    const rate = (host: string, calls: number) => ({
      group: `calls to ${host}, \`quota\``,
      perSecond: 320,
      calls,
    })
    const [vaultHost, hsmHost] = ['acme-prod.vault.azure.net', 'acme-prod.managedhsm.azure.net']
    expect(kms.limits?.('wrap', rsa)).toEqual({ concurrency: concurrency(vaultHost) })
    expect(kms.limits?.('generate', rsa)).toEqual({ concurrency: concurrency(vaultHost) })
    expect(kms.limits?.('unwrap', rsa)).toEqual({
      concurrency: concurrency(vaultHost),
      rate: rate(vaultHost, 1),
    })
    expect(kms.limits?.('wrap', aes)).toEqual({ concurrency: concurrency(hsmHost), rate: rate(hsmHost, 1) })
    expect(kms.limits?.('verify', aes).rate?.calls).toBe(2)
    expect(kms.limits?.('wrap', 'orders')).toEqual({})
    const large = azureKms({ credential, quota: 4000 }).limits?.('unwrap', aes)
    expect(large).toMatchObject({ concurrency: { max: 200 }, rate: { perSecond: 4000 } })
  })
})

describe('closing', () => {
  it('a client that was closed makes no call to any vault', async () => {
    const kms = azureKms({ credential })
    await kms.close?.()
    const call = { cmkId: 'https://acme-prod.vault.azure.net/keys/orders', context: {}, signal }
    expect((await errorOf(kms.generateDek(call))).code).toBe('ENCRYPTION_CLOSED')
  })
})
