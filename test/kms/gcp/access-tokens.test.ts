import { describe, expect, it } from 'vitest'
import type { AccessTokenSource } from '../../../src/kms/gcp/index.js'
import { expectNoSecret } from '../../contract/kms-contract.js'
import { call, errorOf, gcpForTests } from './service.js'

const under = gcpForTests()
const tokens = () => under.emulator.calls.map(({ token }) => token)

describe('access tokens', () => {
  it('the source is asked before each request, whether it gives text or an object', async () => {
    const token = under.emulator.token('encrypt')
    let asked = 0
    const given = <T>(value: T) => {
      asked++
      return Promise.resolve(value)
    }
    const sources: AccessTokenSource[] = [
      () => given(token),
      { getAccessToken: () => given(token) },
      { getAccessToken: () => given({ token }) },
    ]
    for (const accessToken of sources) {
      const kms = under.kms({ accessToken })
      await kms.generateDek(call)
      await kms.generateDek(call)
    }
    expect(asked).toBe(6)
    expect(tokens()).toEqual(Array.from({ length: 6 }, () => token))
  })

  it('a method of a class keeps its object', async () => {
    class Auth {
      readonly #token = under.emulator.token('encrypt')
      getAccessToken(): Promise<string> {
        return Promise.resolve(this.#token)
      }
    }
    await expect(under.kms({ accessToken: new Auth() }).generateDek(call)).resolves.toBeDefined()
  })

  it('a token that is refused is replaced once, if the source has another one', async () => {
    const stale = under.emulator.token('encrypt')
    const fresh = under.emulator.token('encrypt')
    under.emulator.expire(stale)
    const given = [stale, fresh]
    const kms = under.kms({ accessToken: () => Promise.resolve(given.shift() ?? '') })
    await kms.generateDek(call)
    expect(tokens()).toEqual([fresh])
  })

  it('the same token, or a second one that is refused, is KMS_DENIED', async () => {
    const [first, second] = [under.emulator.token('encrypt'), under.emulator.token('encrypt')]
    for (const each of [first, second]) under.emulator.expire(each)
    for (const given of [
      [first, first],
      [first, second],
    ]) {
      const kms = under.kms({ accessToken: () => Promise.resolve(given.shift() ?? 'asked-too-often') })
      expect(await errorOf(kms.generateDek(call))).toMatchObject({
        code: 'KMS_DENIED',
        kmsCode: 'UNAUTHENTICATED',
      })
    }
  })

  it('a source without a token is KMS_CREDENTIALS_UNAVAILABLE, and no error shows what it gave or threw', async () => {
    const secret = 'hunter2hunter2hunter2'
    const throws = (): never => {
      throw new TypeError(secret, { cause: new Error(secret) })
    }
    const sources = [
      () => Promise.resolve(''),
      () => Promise.resolve(`${secret}\r\nx-goog-user-project: other`),
      () => Promise.resolve('a'.repeat(16_385)),
      () => Promise.resolve(null),
      () => Promise.resolve({ secret }),
      () => Promise.resolve({ token: null }),
      () => undefined,
      () => Promise.reject(new Error(secret)),
      // Rejects with text.
      () => ({
        then: (_: unknown, reject: (reason: unknown) => void) => {
          reject(secret)
        },
      }),
      throws,
    ]
    for (const source of sources) {
      for (const accessToken of [source, { getAccessToken: source }]) {
        const error = await errorOf(
          under.kms({ accessToken: accessToken as AccessTokenSource }).generateDek(call),
        )
        expect(error.code).toBe('KMS_CREDENTIALS_UNAVAILABLE')
        expectNoSecret(error, [Buffer.from(secret)])
        expect(String(error)).not.toContain('hunter2')
      }
    }
    expect(under.emulator.calls).toEqual([])
  })

  it('a source that does not answer in time is KMS_CREDENTIALS_UNAVAILABLE', async () => {
    const kms = under.kms({ accessToken: () => new Promise(() => undefined), requestTimeout: '20ms' })
    expect((await errorOf(kms.generateDek(call))).code).toBe('KMS_CREDENTIALS_UNAVAILABLE')
  })

  it('cancelling, or closing, ends a call that waits for a token', async () => {
    const kms = under.kms({ accessToken: () => new Promise(() => undefined) })
    const controller = new AbortController()
    const cancelled = errorOf(kms.generateDek({ ...call, signal: controller.signal }))
    const closed = errorOf(kms.generateDek(call))
    controller.abort()
    expect((await cancelled).code).toBe('KMS_TIMEOUT')
    await kms.close?.()
    expect((await closed).code).toBe('ENCRYPTION_CLOSED')
    expect((await errorOf(kms.generateDek(call))).code).toBe('ENCRYPTION_CLOSED')
  })
})
