import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AzureEmulator } from './emulator.js'
import type { VaultKey } from './vault-key.js'

let emulator: AzureEmulator
let rsa: VaultKey
beforeAll(async () => {
  emulator = await AzureEmulator.start()
  rsa = emulator.createKey('rsa', 'RSA')
  emulator.createKey('aes', 'oct-HSM')
})
afterAll(() => emulator.close())

const base64url = (bytes: number) => Buffer.alloc(bytes, 1).toString('base64url')
const VERSION = '?api-version=7.4'

async function ask(
  path: string,
  body?: unknown,
  token = emulator.token('get', 'unwrapkey', 'encrypt', 'decrypt'),
  init: RequestInit = {},
) {
  const answer = await fetch(`${emulator.url}/keys/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...init,
  })
  const members = (await answer.json()) as { error?: { code: string; innererror?: { code: string } } }
  return {
    status: answer.status,
    members,
    code: members.error?.code,
    inner: members.error?.innererror?.code,
    challenge: answer.headers.get('www-authenticate'),
    id: answer.headers.get('x-ms-request-id'),
  }
}

describe('the emulator of Key Vault and Managed HSM', () => {
  it('the emulator of Key Vault answers only its version of the API, and its methods', async () => {
    for (const path of [
      'rsa',
      'rsa?api-version=7.3',
      'rsa/1/unwrapkey?api-version=7.4',
      `rsa/sign${VERSION}`,
      `rsa${VERSION}&x=1`,
    ])
      expect(await ask(path)).toMatchObject({ status: 400, code: 'BadParameter' })
    expect(await ask(`rsa${VERSION}`, {})).toMatchObject({ status: 405 })
  })

  it('the emulator of Key Vault refuses what a client must not send', async () => {
    const box = { alg: 'A256GCM', value: base64url(32), iv: base64url(12), tag: base64url(16) }
    const asks: [string, unknown][] = [
      ['aes/encrypt', 'not json'],
      ['aes/encrypt', []],
      ['aes/encrypt', {}],
      ['aes/encrypt', { alg: 'A256GCM' }],
      ['aes/encrypt', { alg: 'A256GCM', value: 7 }],
      ['aes/encrypt', { alg: 'A256GCM', value: `${base64url(32)}=` }],
      ['aes/encrypt', { alg: 'A256GCM', value: 'a+b/' }],
      ['aes/encrypt', { alg: 'A128GCM', value: base64url(32) }],
      ['aes/encrypt', { alg: 'A256GCM', value: base64url(32), iv: base64url(12) }],
      ['aes/encrypt', { alg: 'A256GCM', value: base64url(32), key: 'x' }],
      ['aes/decrypt', { ...box, iv: base64url(16) }],
      ['aes/decrypt', { ...box, tag: base64url(12) }],
      ['aes/unwrapkey', box],
      ['rsa/encrypt', { alg: 'RSA-OAEP-256', value: base64url(32) }],
      ['rsa/unwrapkey', { alg: 'RSA-OAEP', value: base64url(256) }],
      ['rsa/unwrapkey', { alg: 'RSA-OAEP-256', value: base64url(256), aad: base64url(4) }],
      ['rsa/unwrapkey', { alg: 'RSA-OAEP-256', value: base64url(255) }],
    ]
    for (const [path, body] of asks)
      expect(await ask(`${path}${VERSION}`, body)).toMatchObject({ status: 400, code: 'BadParameter' })
    const headers = { authorization: `Bearer ${emulator.token('encrypt')}`, 'content-type': 'text/plain' }
    const value = { alg: 'A256GCM', value: base64url(32) }
    expect(await ask(`aes/encrypt${VERSION}`, value, '', { headers })).toMatchObject({ status: 400 })
  })

  it('the emulator of Key Vault checks token, permission, key and version in this order', async () => {
    const denied = await ask(`rsa${VERSION}`, undefined, 'other')
    expect(denied).toMatchObject({ status: 401, code: 'Unauthorized' })
    expect(denied.challenge).toMatch(/^Bearer authorization="https:.+", resource="https:.+"$/)
    const reader = emulator.token('unwrapkey')
    for (const name of ['rsa', 'none'])
      expect(await ask(`${name}${VERSION}`, undefined, reader)).toMatchObject({
        code: 'Forbidden',
        inner: 'ForbiddenByRbac',
      })
    for (const path of ['none', `rsa/${'0'.repeat(32)}`])
      expect(await ask(`${path}${VERSION}`)).toMatchObject({ status: 404, code: 'KeyNotFound' })
  })

  it('the emulator of Key Vault shows the public key and the state of a version, and gives each answer an id', async () => {
    const [version] = rsa.versions
    const kid = `${emulator.url}/keys/rsa/${String(version?.name)}`
    const answer = await ask(`rsa${VERSION}`)
    expect(answer.id).toMatch(/^[0-9a-f-]{36}$/)
    expect(answer.members).toMatchObject({ key: { kid, kty: 'RSA' }, attributes: { enabled: true } })
    rsa.setEnabled(false)
    expect((await ask(`rsa${VERSION}`)).members).toMatchObject({ attributes: { enabled: false } })
    const body = { alg: 'RSA-OAEP-256', value: base64url(256) }
    expect(await ask(`rsa/unwrapkey${VERSION}`, body)).toMatchObject({
      status: 403,
      code: 'Forbidden',
      inner: 'KeyDisabled',
    })
    rsa.setEnabled(true)
    expect(await ask(`rsa/unwrapkey${VERSION}`, body)).toMatchObject({ status: 400, code: 'BadParameter' })
  })
})
