import { Agent } from 'node:https'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { vaultKms, type VaultKmsOptions } from '../../../src/kms/vault/index.js'

const CA = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const GOOD = {
  address: 'https://vault.example.com:8200',
  name: 'transit.vault.example.com',
  auth: { method: 'token', token: 'hunter2' },
} as const

/** The paths of the mistakes in `options`. */
function mistakes(options: unknown): string[] {
  try {
    void vaultKms(options as VaultKmsOptions).close?.()
    return []
  } catch (error) {
    if (!(error instanceof EnvelopeError) || error.code !== 'CONFIG_INVALID') throw error
    expect(error.message).not.toContain('hunter2')
    return error.issues.map(({ path }) => path)
  }
}

describe('options of vaultKms()', () => {
  it.each<VaultKmsOptions>([
    GOOD,
    { ...GOOD, address: 'http://127.0.0.1:8200' },
    { ...GOOD, address: 'https://gateway.example.com/vault/' },
    { ...GOOD, mount: 'team-a/transit', namespace: 'org/team', requestTimeout: '2s' },
    { ...GOOD, agent: new Agent() },
    { ...GOOD, auth: { method: 'token-file', file: '/run/vault/token' } },
    { ...GOOD, auth: { method: 'approle', roleId: 'a' } },
    { ...GOOD, auth: { method: 'approle', roleId: 'a', secretId: 'hunter2', mount: 'apps' } },
    { ...GOOD, auth: { method: 'approle', roleId: 'a', secretIdFile: '/run/secret' } },
    { ...GOOD, auth: { method: 'kubernetes', role: 'orders' } },
    { ...GOOD, auth: { method: 'kubernetes', role: 'orders', tokenFile: '/run/jwt', mount: 'k8s/eu' } },
  ])('options of vaultKms() may be as in example %#', (options) => {
    expect(mistakes(options)).toEqual([])
  })

  it.each<[string, object, string[]]>([
    ['no address', { address: undefined }, ['address']],
    ['plain http to another host', { address: 'http://vault.example.com' }, ['address']],
    ['a password in the address', { address: 'https://u:hunter2@vault.example.com' }, ['address']],
    ['a name that is not unique', { name: 'vault' }, ['name']],
    ['a name with capitals', { name: 'Vault.example.com' }, ['name']],
    ['a name with a slash', { name: 'vault.example.com/transit' }, ['name']],
    ['no name', { name: undefined }, ['name']],
    ['a mount that leaves its place', { mount: '../sys' }, ['mount']],
    ['a mount with dots', { mount: 'a/./b' }, ['mount']],
    ['a mount with a query', { mount: 'transit?x' }, ['mount']],
    ['a mount with an empty segment', { mount: 'a//b' }, ['mount']],
    ['a namespace with a line break', { namespace: 'a\r\nx: y' }, ['namespace']],
    ['no auth', { auth: undefined }, ['auth']],
    ['an unknown method', { auth: { method: 'ldap' } }, ['auth.method']],
    ['a token with a line break', { auth: { method: 'token', token: 'hunter2\n' } }, ['auth.token']],
    ['no file', { auth: { method: 'token-file', file: '' } }, ['auth.file']],
    ['an unknown member of auth', { auth: { method: 'token', token: 'a', mount: 'b' } }, ['auth.mount']],
    [
      'two secret ids',
      { auth: { method: 'approle', roleId: 'a', secretId: 'hunter2', secretIdFile: 'b' } },
      ['auth.secretIdFile'],
    ],
    ['certificates in another form', { ca: 'AAAA' }, ['ca']],
    [
      'a private key before its certificate',
      { ca: `-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n${CA}` },
      ['ca'],
    ],
    ['certificates besides an agent', { ca: CA, agent: new Agent() }, ['ca']],
    ['a plain object as agent', { agent: {} }, ['agent']],
    ['a time-out without a unit', { requestTimeout: 5 }, ['requestTimeout']],
    ['an unknown member', { region: 'eu' }, ['region']],
    ['several mistakes', { name: 'a', mount: '', ca: 1 }, ['name', 'mount', 'ca']],
  ])('options of vaultKms() with %s are refused, all mistakes at once', (_, change, paths) => {
    expect(mistakes({ ...GOOD, ...change })).toEqual(paths)
  })

  it('options of vaultKms() must be an object', () => {
    expect(mistakes(undefined)).toEqual(['(root)'])
  })
})
