import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import {
  credentialSource,
  type CredentialSource,
  type TencentCredentials,
} from '../../../src/kms/tencent/credentials.js'
import { systemClock } from '../../../src/clock.js'
import type { CredentialProvider } from '../../../src/kms/tencent/client.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import { loadSdk, type TencentSdk } from '../../../src/kms/tencent/sdk.js'
import { CMK, failed, SECRET, startService, symmetricCmks, signal } from './service.js'

const TIMEOUT_MS = 3000
const sources: CredentialSource[] = []

function source(credentials: TencentCredentials, sdk: () => Promise<TencentSdk> = loadSdk): CredentialSource {
  const made = credentialSource(credentials, sdk, { timeoutMs: TIMEOUT_MS, clock: systemClock })
  sources.push(made)
  return made
}

type Told = Awaited<ReturnType<CredentialProvider['getCredential']>>

/** A provider that answers as the test says, and records when it was asked. */
function provider(answer: (time: number) => Told | Error | Promise<Told>) {
  const asked: number[] = []
  const getCredential = async (): Promise<Told> => {
    asked.push(performance.now())
    const told = await answer(asked.length)
    if (told instanceof Error) throw told
    return told
  }
  return { getCredential, asked }
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'fulfilled',
    (error: unknown) => (error instanceof EnvelopeError ? error.code : error),
  )

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  for (const each of sources.splice(0)) each.close()
  vi.useRealTimers()
  vi.unstubAllEnvs()
})

describe('credentials that are fetched', () => {
  it('credentials are fetched once for all callers that wait, and kept for five minutes if they have no expiry', async () => {
    const from = provider((time) => ({ ...SECRET, token: `t${String(time)}` }))
    const held = source(from)
    const all = await Promise.all(Array.from({ length: 20 }, () => held.get(signal)))
    expect(new Set(all).size).toBe(1)
    await vi.advanceTimersByTimeAsync(299_000)
    expect((await held.get(signal)).token).toBe('t1')
    expect(from.asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1000)
    // Renewed in the background, so no caller waits for it.
    expect((await held.get(signal)).token).toBe('t1')
    await vi.advanceTimersByTimeAsync(0)
    expect((await held.get(signal)).token).toBe('t2')
    expect(from.asked).toHaveLength(2)
  })

  it('credentials are renewed five minutes before they expire, and never used after that', async () => {
    const hour = 3_600_000
    const from = provider((time) => ({
      ...SECRET,
      token: `t${String(time)}`,
      expiresAt: new Date(Date.now() + hour),
    }))
    const held = source(from)
    await held.get(signal)
    await vi.advanceTimersByTimeAsync(hour - 300_001)
    await held.get(signal)
    expect(from.asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect((await held.get(signal)).token).toBe('t1')
    await vi.advanceTimersByTimeAsync(0)
    expect((await held.get(signal)).token).toBe('t2')
    await vi.advanceTimersByTimeAsync(hour + 1)
    expect((await held.get(signal)).token).toBe('t3')
  })

  it('credentials with a short life are renewed half-way, and never fetched more than once a second', async () => {
    const from = provider(() => ({ ...SECRET, expiresAt: new Date(Date.now() + 100) }))
    const held = source(from)
    for (let i = 0; i < 50; i++) {
      await vi.advanceTimersByTimeAsync(100)
      const getting = held.get(signal)
      await vi.advanceTimersByTimeAsync(0)
      void getting.catch(() => undefined)
    }
    expect(from.asked.length).toBeGreaterThan(3)
    expect(from.asked.length).toBeLessThanOrEqual(6)
  })

  it('credentials that have already expired, or are invalid, are refused', async () => {
    const told: Told[] = [
      { ...SECRET, expiresAt: new Date(Date.now() - 1) },
      { ...SECRET, expiresAt: new Date(NaN) },
      {},
      { secretId: '', secretKey: '' },
      { secretId: 'id', secretKey: undefined },
      { secretId: 'id\r\nx-evil: 1', secretKey: 'key' },
      { ...SECRET, token: 'a\nb' },
    ]
    for (const each of told)
      expect(await codeOf(source(provider(() => each)).get(signal))).toBe('KMS_CREDENTIALS_UNAVAILABLE')
  })

  it('a fetch of credentials that fails does not affect later ones: a second later the next fetch counts', async () => {
    const from = provider((time) => (time === 1 ? new Error('metadata is down') : SECRET))
    const held = source(from)
    expect(await codeOf(held.get(signal))).toBe('KMS_CREDENTIALS_UNAVAILABLE')
    const next = held.get(signal)
    await vi.advanceTimersByTimeAsync(999)
    expect(from.asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(await next).toEqual(SECRET)
    expect(from.asked).toHaveLength(2)
  })

  it('a fetch that fails does not discard credentials that are still valid', async () => {
    const from = provider((time) => (time === 1 ? SECRET : new Error('metadata is down')))
    const held = source(from)
    await held.get(signal)
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(300_000)
      expect(await held.get(signal)).toEqual(SECRET)
    }
    expect(from.asked.length).toBeGreaterThan(5)
  })

  it('after failures, credentials are fetched less often, down to every eight seconds; meanwhile calls fail immediately', async () => {
    const from = provider(() => new Error('metadata is down'))
    const held = source(from)
    const started = performance.now()
    for (let i = 0; i < 600; i++) {
      void codeOf(held.get(signal))
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(from.asked.map((at) => Math.round((at - started) / 1000))).toEqual([
      0, 1, 3, 7, 15, 23, 31, 39, 47, 55,
    ])
    expect(await codeOf(held.get(signal))).toBe('KMS_CREDENTIALS_UNAVAILABLE')
  })

  it('credentials that do not arrive in time fail, and the next fetch is a new one', async () => {
    const from = provider((time) => (time === 1 ? new Promise<Told>(() => undefined) : SECRET))
    const held = source(from)
    const first = codeOf(held.get(signal))
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS)
    expect(await first).toBe('KMS_CREDENTIALS_UNAVAILABLE')
    const second = held.get(signal)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await second).toEqual(SECRET)
  })

  it('a caller that cancels leaves the fetch of credentials to the others', async () => {
    let answer = (_: Told): void => undefined
    const held = source(provider(() => new Promise<Told>((resolve) => (answer = resolve))))
    const controller = new AbortController()
    const first = codeOf(held.get(controller.signal))
    const second = held.get(signal)
    await vi.advanceTimersByTimeAsync(0)
    controller.abort()
    expect(await first).toBe('KMS_TIMEOUT')
    answer(SECRET)
    expect(await second).toEqual(SECRET)
  })

  it('stale credentials are fetched again, once for all callers that noticed', async () => {
    const from = provider((time) => ({ ...SECRET, token: `t${String(time)}` }))
    const held = source(from)
    const stale = await held.get(signal)
    held.renew(stale)
    const fresh = held.get(signal)
    await vi.advanceTimersByTimeAsync(1000)
    expect((await fresh).token).toBe('t2')
    held.renew(stale)
    expect((await held.get(signal)).token).toBe('t2')
    expect(from.asked).toHaveLength(2)
  })
})

describe("the SDK's own providers", () => {
  it("the SDK's own providers are created again after each failure, since they keep a rejected promise forever", async () => {
    let broken = true
    let instances = 0
    class Poisoned {
      readonly #task: Promise<Told>
      constructor() {
        instances++
        this.#task = broken ? Promise.reject(new Error('down')) : Promise.resolve(SECRET)
        this.#task.catch(() => undefined)
      }
      getCredential(): Promise<Told> {
        return this.#task
      }
    }
    const sdk = { ...(await loadSdk()), CvmRoleCredential: Poisoned }
    const held = source('cvm-role', () => Promise.resolve(sdk))
    expect(await codeOf(held.get(signal))).toBe('KMS_CREDENTIALS_UNAVAILABLE')
    broken = false
    const next = held.get(signal)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await next).toEqual(SECRET)
    expect(instances).toBe(2)
  })

  it("the SDK's own providers are stopped if they call themselves again and again, as with tokens about to expire", async () => {
    let asked = 0
    class Looping {
      async getCredential(): Promise<Told> {
        asked++
        await new Promise((resolve) => setTimeout(resolve, 1))
        return this.getCredential()
      }
    }
    const sdk = { ...(await loadSdk()), OIDCRoleArnCredential: Looping }
    for (const name of ['TKE_REGION', 'TKE_PROVIDER_ID', 'TKE_WEB_IDENTITY_TOKEN_FILE', 'TKE_ROLE_ARN'])
      vi.stubEnv(name, 'x')
    const getting = codeOf(source('tke-oidc', () => Promise.resolve(sdk)).get(signal))
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS)
    expect(await getting).toBe('KMS_CREDENTIALS_UNAVAILABLE')
    const before = asked
    await vi.advanceTimersByTimeAsync(10_000)
    expect(asked - before).toBeLessThanOrEqual(1)
  })

  it("the SDK's own providers take credentials from the environment, and say which variable is missing", async () => {
    vi.stubEnv('TENCENTCLOUD_SECRET_ID', 'id')
    vi.stubEnv('TENCENTCLOUD_SECRET_KEY', 'key')
    vi.stubEnv('TENCENTCLOUD_SESSION_TOKEN', undefined)
    expect(await source('environment').get(signal)).toEqual({ secretId: 'id', secretKey: 'key' })
    vi.stubEnv('TENCENTCLOUD_SESSION_TOKEN', 'token')
    expect(await source('environment').get(signal)).toEqual({
      secretId: 'id',
      secretKey: 'key',
      token: 'token',
    })
    vi.stubEnv('TENCENTCLOUD_SECRET_KEY', '')
    await expect(source('environment').get(signal)).rejects.toThrow('not set: TENCENTCLOUD_SECRET_KEY')
    for (const name of ['TKE_REGION', 'TKE_PROVIDER_ID', 'TKE_WEB_IDENTITY_TOKEN_FILE', 'TKE_ROLE_ARN'])
      vi.stubEnv(name, undefined)
    await expect(source('tke-oidc').get(signal)).rejects.toThrow(
      'not set: TKE_REGION, TKE_PROVIDER_ID, TKE_WEB_IDENTITY_TOKEN_FILE, TKE_ROLE_ARN',
    )
  })

  it("the SDK's own providers take credentials from the profile file", async () => {
    const home = await mkdtemp(join(tmpdir(), 'kafka-envelope-home-'))
    try {
      vi.stubEnv('HOME', home)
      expect(await codeOf(source('profile').get(signal))).toBe('KMS_CREDENTIALS_UNAVAILABLE')
      await mkdir(join(home, '.tencentcloud'))
      const text = '[default]\nsecret_id = id\nsecret_key = key\n'
      await writeFile(join(home, '.tencentcloud/credentials'), text)
      expect(await source('profile').get(signal)).toEqual({ secretId: 'id', secretKey: 'key' })
    } finally {
      await rm(home, { recursive: true, force: true })
    }
  })
})

it('closing ends waits for credentials', async () => {
  const held = source(provider(() => new Error('down')))
  await codeOf(held.get(signal))
  const next = codeOf(held.get(signal))
  await vi.advanceTimersByTimeAsync(0)
  held.close()
  expect(await next).toBe('KMS_TIMEOUT')
  expect(vi.getTimerCount()).toBe(0)
})

describe('a call that failed because of stale credentials', () => {
  it('a call that failed because of stale credentials is repeated once, with newly fetched ones', async () => {
    vi.useRealTimers()
    const cmks = symmetricCmks()
    const service = await startService((asked) =>
      asked.headers['x-tc-token'] === 't1' ? failed('AuthFailure.TokenFailure') : cmks(asked),
    )
    const from = provider((time) => ({ ...SECRET, token: `t${String(time)}` }))
    const kms = tencentKms({ ...service.options, credentials: from })
    try {
      const call = { cmkId: CMK, context: {}, signal }
      expect((await kms.generateDek(call)).dek).toHaveLength(32)
      await kms.generateDek(call)
      expect(service.asked.map(({ headers }) => headers['x-tc-token'])).toEqual(['t1', 't2', 't2'])
      expect(from.asked).toHaveLength(2)
    } finally {
      await kms.close?.()
      await service.close()
    }
  })

  it('a call that failed because of stale credentials in a client of the application is repeated once by that client', async () => {
    vi.useRealTimers()
    let asked = 0
    const client = {
      request: () => {
        if (++asked === 1)
          return Promise.reject(
            Object.assign(new Error('x'), { code: 'AuthFailure.TokenFailure', requestId: 'r' }),
          )
        return Promise.resolve({ KeyId: CMK.split('/')[1], CiphertextBlob: 'blob' })
      },
    }
    const kms = tencentKms({ client: () => client })
    const wrapped = await kms.wrapDek({ cmkId: CMK, context: {}, signal, dek: new Uint8Array(32) })
    expect(Buffer.from(wrapped).toString()).toBe('blob')
  })
})
