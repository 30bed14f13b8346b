import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { TokenCredential } from '../../../src/kms/azure/index.js'
import { expectNoSecret } from '../../contract/kms-contract.js'
import { azureForTests, errorOf, SCOPE } from './service.js'

const under = azureForTests()
const call = () => under.call('managed-hsm')
const kms = (credential: TokenCredential) => under.kms('managed-hsm', { credential })
const jwt = (claims: unknown) =>
  ['{"alg":"RS256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')

describe('access tokens', () => {
  it('the credential is asked for the scope of the host before each request, as a method of its object', async () => {
    const token = under.emulator('managed-hsm').token('encrypt')
    class Credential {
      readonly asked: unknown[] = []
      getToken(scopes: string | string[]): Promise<{ token: string }> {
        this.asked.push(scopes)
        return Promise.resolve({ token })
      }
    }
    const credential = new Credential()
    const client = kms(credential)
    await client.generateDek(call())
    await client.generateDek(call())
    expect(credential.asked).toEqual([SCOPE, SCOPE])
  })

  it('a token that is refused is replaced once, if the credential has another one, and no challenge is followed', async () => {
    const emulator = under.emulator('managed-hsm')
    const [stale, fresh] = [emulator.token('encrypt'), emulator.token('encrypt')]
    emulator.expire(stale)
    const given = [stale, fresh]
    await kms({ getToken: () => Promise.resolve({ token: given.shift() ?? '' }) }).generateDek(call())
    expect(emulator.calls.map(({ token }) => token)).toEqual([fresh])
    const error = await errorOf(
      kms({ getToken: () => Promise.resolve({ token: stale }) }).generateDek(call()),
    )
    expect(error).toMatchObject({ code: 'KMS_DENIED', kmsCode: 'Unauthorized' })
  })

  it('a challenge that names another authority makes no call to it', async () => {
    let visits = 0
    const authority = createServer((_, response) => {
      visits++
      response.end('{}')
    })
    await new Promise<void>((resolve) => authority.listen(0, '127.0.0.1', resolve))
    try {
      const url = `http://127.0.0.1:${String((authority.address() as AddressInfo).port)}`
      const headers = {
        'www-authenticate': `Bearer authorization="${url}/tenant", resource="https://other.example.com"`,
      }
      const scopes: unknown[] = []
      under.emulator('managed-hsm').instead = () => ({ httpStatus: 401, headers })
      const credential: TokenCredential = {
        getToken: (scope) => {
          scopes.push(scope)
          return Promise.resolve({ token: 'opaque' })
        },
      }
      expect((await errorOf(kms(credential).generateDek(call()))).code).toBe('KMS_DENIED')
      expect(scopes).toEqual([SCOPE, SCOPE])
      expect(visits).toBe(0)
    } finally {
      await new Promise((resolve) => authority.close(resolve))
    }
  })

  it.each([
    jwt({ aud: 'https://management.azure.com/' }),
    jwt({ aud: 'https://vault.azure.net.example.com' }),
    jwt({ aud: 'https://managedhsm.azure.net' }),
  ])('a token for another service is not sent: %s', async (token) => {
    let requests = 0
    under.emulator('managed-hsm').instead = () => {
      requests++
      return { httpStatus: 500 }
    }
    const error = await errorOf(kms({ getToken: () => Promise.resolve({ token }) }).generateDek(call()))
    expect(error.code).toBe('KMS_CREDENTIALS_UNAVAILABLE')
    expect(error.message).toContain(SCOPE)
    expect(error.message).not.toContain(token)
    expect(requests).toBe(0)
  })

  it.each([
    jwt({ aud: 'https://vault.azure.net' }),
    jwt({ aud: 'https://vault.azure.net/' }),
    jwt({ aud: 'cfa8b339-82a2-471a-a3c9-0fc0be7a4093' }),
    jwt({}),
    jwt('text'),
    'a.b.c',
    'opaque',
  ])('a token for the service, or one that cannot be told, is sent: %s', async (token) => {
    const error = await errorOf(kms({ getToken: () => Promise.resolve({ token }) }).generateDek(call()))
    expect(error).toMatchObject({ code: 'KMS_DENIED', kmsCode: 'Unauthorized' })
  })

  it('a credential without a token is KMS_CREDENTIALS_UNAVAILABLE, and no error shows what it gave or threw', async () => {
    const secret = 'hunter2hunter2hunter2'
    const sources = [
      () => Promise.resolve(null),
      () => Promise.resolve({}),
      () => Promise.resolve({ token: '' }),
      () => Promise.resolve({ token: `${secret}\r\nx: y` }),
      () => Promise.resolve({ token: 7, secret }),
      () => Promise.reject(new Error(secret)),
      () => {
        throw new TypeError(secret)
      },
    ]
    for (const getToken of sources) {
      const error = await errorOf(kms({ getToken } as TokenCredential).generateDek(call()))
      expect(error.code).toBe('KMS_CREDENTIALS_UNAVAILABLE')
      expectNoSecret(error, [Buffer.from(secret)])
      expect(String(error)).not.toContain('hunter2')
    }
  })
})
