import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { tencentKms, type TencentKmsOptions } from '../../../src/kms/tencent/index.js'
import { endpointOf } from '../../../src/kms/tencent/endpoint.js'
import { CMK, SECRET } from './service.js'

const pem = (bits: number): string =>
  generateKeyPairSync('rsa', { modulusLength: bits })
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString()
const PEM = pem(2048)
const PRIVATE = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()

/** The paths of the mistakes in `options`. */
function mistakes(options: unknown): string[] {
  try {
    tencentKms(options as TencentKmsOptions)
    return []
  } catch (error) {
    if (!(error instanceof EnvelopeError) || error.code !== 'CONFIG_INVALID') throw error
    for (const { message } of error.issues) expect(error.message).toContain(message)
    for (const secret of [SECRET.secretKey, 'hunter2', 'PRIVATE KEY'])
      expect(error.message).not.toContain(secret)
    return error.issues.map(({ path }) => path)
  }
}

const client = (): never => {
  throw new Error('not called')
}

describe('options', () => {
  it.each<TencentKmsOptions>([
    { credentials: SECRET },
    { credentials: { ...SECRET, token: 'token' } },
    { credentials: 'environment' },
    { credentials: 'profile' },
    { credentials: 'cvm-role' },
    { credentials: 'tke-oidc' },
    { credentials: { getCredential: () => Promise.resolve(SECRET) } },
    { client },
    { client, cmks: { [CMK]: { type: 'rsa-2048' } } },
    { cmks: { [CMK]: { type: 'rsa-2048', publicKey: PEM } } },
    { credentials: SECRET, cmks: { [CMK]: { type: 'symmetric', dek: 'encrypt' } } },
    { credentials: SECRET, endpoint: 'internal', proxy: 'http://user:hunter2@proxy.example:3128' },
    { credentials: SECRET, endpoint: 'https://kms.{region}.example.com:8443' },
    { credentials: SECRET, endpoint: 'http://127.0.0.1:8080' },
    { credentials: SECRET, endpoint: 'http://[::1]:8080' },
    { credentials: SECRET, endpoint: '127.0.0.1:8080' },
    { credentials: SECRET, requestTimeout: '1ms', quota: { symmetric: 0.01 } },
  ])('the options %j are accepted', (options) => {
    expect(mistakes(options)).toEqual([])
  })

  it.each<[unknown, string[]]>([
    [undefined, ['(root)']],
    [{}, ['credentials']],
    [{ credentials: 'default' }, ['credentials']],
    [{ credentials: null }, ['credentials']],
    [{ credentials: { secretId: 'id' } }, ['credentials.secretKey']],
    [{ credentials: { secretId: '', secretKey: 'a b' } }, ['credentials.secretId', 'credentials.secretKey']],
    [{ credentials: { ...SECRET, secretkey: 'hunter2' } }, ['credentials.secretkey']],
    [
      { credentials: SECRET, client, proxy: 'http://p', endpoint: 'internal' },
      ['credentials', 'endpoint', 'proxy'],
    ],
    [{ client: {} }, ['client']],
    [{ credentials: SECRET, region: 'ap-guangzhou' }, ['region']],
    [{ credentials: SECRET, cmks: { orders: { type: 'symmetric' } } }, ['cmks.orders']],
    [{ credentials: SECRET, cmks: { [CMK]: { type: 'sm2' } } }, [`cmks.${CMK}.type`]],
    [
      { credentials: SECRET, cmks: { [CMK]: { type: 'symmetric', publicKey: PEM } } },
      [`cmks.${CMK}.publicKey`],
    ],
    [{ credentials: SECRET, cmks: { [CMK]: { type: 'symmetric', dek: 'local' } } }, [`cmks.${CMK}.dek`]],
    [{ cmks: { [CMK]: { type: 'rsa-2048', publicKey: pem(3072) } } }, [`cmks.${CMK}.publicKey`]],
    [{ cmks: { [CMK]: { type: 'rsa-2048', publicKey: PRIVATE } } }, [`cmks.${CMK}.publicKey`]],
    [{ cmks: { [CMK]: { type: 'rsa-2048', publicKey: 'hunter2' } } }, [`cmks.${CMK}.publicKey`]],
    [{ credentials: SECRET, endpoint: 'kms.tencentcloudapi.com' }, ['endpoint']],
    [{ credentials: SECRET, endpoint: 'kms.tencentcloudapi.com:443' }, ['endpoint']],
    [{ credentials: SECRET, endpoint: '127.evil.example:80' }, ['endpoint']],
    [{ credentials: SECRET, endpoint: '127.0.0.1:8080', proxy: 'http://proxy.example' }, ['proxy']],
    [{ credentials: SECRET, endpoint: 'ftp://x' }, ['endpoint']],
    [{ credentials: SECRET, endpoint: 'https://x/path' }, ['endpoint']],
    [{ credentials: SECRET, endpoint: 'https://kms.{regoin}.example.com' }, ['endpoint']],
    [{ credentials: SECRET, endpoint: 'https://kms.example.com?' }, ['endpoint']],
    [{ credentials: SECRET, endpoint: 'https://user:hunter2@x' }, ['endpoint']],
    // DEKs would go over it in the clear.
    [{ credentials: SECRET, endpoint: 'http://kms.example.com' }, ['endpoint']],
    [{ credentials: SECRET, endpoint: 'http://127.evil.example' }, ['endpoint']],
    [{ credentials: SECRET, endpoint: 'http://127.0.0.1:8080', proxy: 'http://proxy.example' }, ['proxy']],
    [{ credentials: SECRET, endpoint: 'HTTP://127.0.0.1:8080', proxy: 'http://proxy.example' }, ['proxy']],
    [{ credentials: SECRET, proxy: 'proxy.example:3128' }, ['proxy']],
    [{ credentials: SECRET, proxy: 'socks5://hunter2' }, ['proxy']],
    [
      {
        credentials: SECRET,
        requestTimeout: '0ms',
        quota: { symmetric: 0, rsa: 100_001 },
      },
      ['requestTimeout', 'quota.symmetric', 'quota.rsa'],
    ],
    [
      { credentials: SECRET, requestTimeout: 60_001, quota: { sm2: 1 }, maxConcurrency: 16 },
      ['requestTimeout', 'quota.sm2', 'maxConcurrency'],
    ],
    [{ credentials: SECRET, requestTimeout: NaN, quota: '1' }, ['requestTimeout', 'quota']],
  ])('the options %j are refused immediately, each mistake with its path', (options, paths) => {
    expect(mistakes(options)).toEqual(paths)
  })
})

it('endpoints follow the region', () => {
  const hosts = ['regional', 'internal', 'international', 'https://{region}.example.com:8443'].map(
    (endpoint) => endpointOf(endpoint, 'ap-shanghai'),
  )
  expect(hosts).toEqual([
    { protocol: 'https:', host: 'kms.ap-shanghai.tencentcloudapi.com' },
    { protocol: 'https:', host: 'kms.internal.tencentcloudapi.com' },
    { protocol: 'https:', host: 'kms.intl.tencentcloudapi.com' },
    { protocol: 'https:', host: 'ap-shanghai.example.com:8443' },
  ])
})
