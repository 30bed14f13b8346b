import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { nextTurn } from '../../../src/clock.js'
import type { Kms } from '../../../src/kms/kms.js'
import {
  call,
  CIPHERTEXT,
  CMK,
  data,
  DEK,
  GOOD_KEY,
  lease,
  NAME,
  refused,
  signal,
  startStub,
  TOKEN,
  works,
  type Asked,
  type Stub,
} from './stub.js'

let stub: Stub
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vault-'))
})
afterEach(async () => {
  vi.useRealTimers()
  await stub.close()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const unwrap = { ...call, ciphertextDek: Buffer.from(CIPHERTEXT) }
const paths = (): string[] => stub.asked.map(({ method, path }) => `${method} ${path}`)
/** An answer that comes when a test says so. */
function held() {
  let release = (): void => undefined
  const promise = new Promise<void>((resolve) => {
    release = resolve
  })
  return {
    promise,
    release: () => {
      release()
    },
  }
}
/** Re-encrypts the same ciphertext DEK. */
const rewrapped = (kms: Kms, more: object = {}): Promise<Uint8Array> =>
  (kms as Required<Kms>).rewrapDek({ ...unwrap, toCmkId: CMK, ...more })
const looks = (): number => stub.asked.filter(({ path }) => path.includes('/keys/')).length

describe('calls to Vault', () => {
  it('calls to Vault carry the token, the namespace, and the context as canonical text in base64', async () => {
    stub = await startStub()
    const kms = stub.kms({ namespace: 'org/team' })
    const { dek, ciphertextDek } = await kms.generateDek(call)
    expect([dek, Buffer.from(ciphertextDek).toString()]).toEqual([DEK, CIPHERTEXT])
    expect(Buffer.from(await kms.wrapDek({ ...call, dek: DEK })).toString()).toBe(CIPHERTEXT)
    expect(await kms.unwrapDek({ ...unwrap, context: {} })).toEqual(DEK)
    expect(Buffer.from(await rewrapped(kms)).toString()).toBe(CIPHERTEXT)
    expect(paths()).toEqual([
      'GET /v1/auth/token/lookup-self',
      'GET /v1/transit/keys/orders',
      'POST /v1/transit/datakey/plaintext/orders',
      'POST /v1/transit/encrypt/orders',
      'POST /v1/transit/decrypt/orders',
      'POST /v1/transit/rewrap/orders',
    ])
    const context = Buffer.from('{"tenant":"acme"}').toString('base64')
    expect(stub.asked.slice(2).map(({ body }) => body)).toEqual([
      { bits: 256, context },
      { plaintext: Buffer.from(DEK).toString('base64'), context },
      { ciphertext: CIPHERTEXT, context: Buffer.from('{}').toString('base64') },
      { ciphertext: CIPHERTEXT, context },
    ])
    for (const { headers } of stub.asked) {
      expect(headers).toMatchObject({
        'x-vault-token': TOKEN,
        'x-vault-namespace': 'org/team',
        'x-vault-request': 'true',
      })
    }
  })

  it('calls to Vault go to the mount of the options', async () => {
    stub = await startStub(({ path }) =>
      path.includes('/keys/') ? data(GOOD_KEY) : works({ path } as Asked),
    )
    await stub.kms({ mount: 'team-a/transit' }).verify({ ...call, use: 'generate' })
    expect(paths().slice(1)).toEqual([
      'GET /v1/team-a/transit/keys/orders',
      'POST /v1/team-a/transit/datakey/plaintext/orders',
    ])
  })

  it.each([
    'orders',
    `${NAME}/`,
    `${NAME}/a/b`,
    `${NAME}/..`,
    `${NAME}/../../sys/seal`,
    `${NAME}/a?b`,
    `${NAME}/a%2Fb`,
    'other.vault.example.com/orders',
  ])('a CMK that is not of this engine, such as %s, is not found, and nothing is asked', async (cmkId) => {
    stub = await startStub()
    const kms = stub.kms()
    const one = { ...call, cmkId }
    for (const made of [
      () => kms.describe(cmkId, signal),
      () => kms.generateDek(one),
      () => kms.wrapDek({ ...one, dek: DEK }),
      () => kms.unwrapDek({ ...unwrap, cmkId }),
      () => rewrapped(kms, { cmkId, toCmkId: cmkId }),
      () => kms.verify({ ...one, use: 'unwrap' }),
    ])
      await expect(made()).rejects.toMatchObject({ code: 'CMK_NOT_FOUND' })
    expect(stub.asked).toEqual([])
  })

  it('a denial stays a denial if there is no other token', async () => {
    const file = join(folder, 'token-that-goes')
    await writeFile(file, TOKEN)
    stub = await startStub((asked) => {
      if (!asked.path.includes('/decrypt/')) return works(asked)
      rmSync(file)
      return refused(403, 'permission denied')
    })
    const kms = stub.kms({ auth: { method: 'token-file', file } })
    await expect(kms.unwrapDek(unwrap)).rejects.toMatchObject({ code: 'KMS_DENIED', kmsCode: '403' })
    await expect(kms.unwrapDek(unwrap)).rejects.toMatchObject({ code: 'KMS_CREDENTIALS_UNAVAILABLE' })
  })

  it('describe() makes no call, so that a process can start while Vault is down', async () => {
    stub = await startStub(() => refused(503, 'Vault is sealed'))
    expect(await stub.kms().describe(CMK, signal)).toMatchObject({
      provider: 'vault-transit',
      publicKeyWraps: false,
    })
    expect(stub.asked).toEqual([])
  })

  it('Vault re-encrypts only under the same key', async () => {
    stub = await startStub()
    const kms = stub.kms()
    const { rewrapsTo } = await kms.describe(CMK, signal)
    const toCmkId = `${NAME}/other`
    expect([CMK, toCmkId, 'no id'].map((id) => rewrapsTo?.(id))).toEqual([true, false, false])
    await expect(rewrapped(kms, { toCmkId })).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
    expect(stub.asked).toEqual([])
  })

  it('Vault is not asked to re-encrypt what it cannot have wrapped', async () => {
    stub = await startStub()
    for (const text of [
      '',
      'vault:v0:AAAA',
      'vault:v1:AAA',
      'vault:v1:AA==\n',
      `vault:v1:${'A'.repeat(1024)}`,
    ])
      await expect(rewrapped(stub.kms(), { ciphertextDek: Buffer.from(text) })).rejects.toMatchObject({
        code: 'CIPHERTEXT_DEK_INVALID',
      })
    expect(stub.asked).toEqual([])
  })

  it.each([undefined, 7, '', 'vault:v0:AAAA', 'AAAA', `vault:v1:${'A'.repeat(1024)}`])(
    'Vault is not believed if it re-encrypts to %j',
    async (ciphertext) => {
      stub = await startStub((asked) =>
        asked.path.includes('/rewrap/') ? data({ ciphertext }) : works(asked),
      )
      await expect(rewrapped(stub.kms())).rejects.toMatchObject({ code: 'KMS_RESPONSE_INVALID' })
    },
  )

  it.each<[string, object]>([
    ['would ignore the context', { derived: false }],
    ['cannot encrypt', { supports_encryption: false }],
    ['encrypts equal DEKs equally', { convergent_encryption: true }],
    ['is weaker than a DEK', { type: 'aes128-gcm96' }],
    ['is of an unknown type', { type: 'rot13' }],
  ])('a key that %s is refused in every call, before it is used', async (_, change) => {
    stub = await startStub((asked) =>
      asked.path.includes('/keys/') ? data({ ...GOOD_KEY, ...change }) : works(asked),
    )
    const kms = stub.kms()
    for (const made of [
      () => kms.generateDek(call),
      () => kms.wrapDek({ ...call, dek: DEK }),
      () => kms.unwrapDek(unwrap),
      () => rewrapped(kms),
      () => kms.verify({ ...call, use: 'generate' }),
      () => kms.verify({ ...call, use: 'wrap' }),
      () => kms.verify({ ...call, use: 'unwrap' }),
    ])
      await expect(made()).rejects.toMatchObject({ code: 'CMK_UNUSABLE' })
    expect(looks()).toBe(7)
    expect(paths().filter((path) => path.startsWith('POST'))).toEqual([])
  })

  it('a key is looked at once a minute for many DEKs, by one request that concurrent calls share', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] })
    stub = await startStub()
    const kms = stub.kms()
    await Promise.all([1, 2, 3].flatMap(() => [kms.generateDek(call), kms.unwrapDek(unwrap)]))
    expect(looks()).toBe(1)
    vi.advanceTimersByTime(59_000)
    await kms.generateDek(call)
    expect(looks()).toBe(1)
    vi.advanceTimersByTime(1000)
    await kms.unwrapDek(unwrap)
    expect(looks()).toBe(2)
  })

  it('before wrapping, a key is looked at once a second, because Vault may create one that is missing', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] })
    let exists = true
    stub = await startStub((asked) =>
      asked.path.includes('/keys/') && !exists ? refused(404) : works(asked),
    )
    const kms = stub.kms()
    await kms.wrapDek({ ...call, dek: DEK })
    await kms.wrapDek({ ...call, dek: DEK })
    expect(looks()).toBe(1)
    exists = false
    vi.advanceTimersByTime(1000)
    const before = paths().length
    await expect(kms.wrapDek({ ...call, dek: DEK })).rejects.toMatchObject({ code: 'CMK_NOT_FOUND' })
    expect(paths().slice(before)).toEqual(['GET /v1/transit/keys/orders'])
  })

  it('before wrapping, a key is looked at again if the look of another call took longer than a second', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] })
    const answered = held()
    stub = await startStub(async (asked) => {
      if (asked.path.includes('/keys/') && looks() === 1) await answered.promise
      return works(asked)
    })
    const kms = stub.kms()
    const unwrapped = kms.unwrapDek(unwrap)
    await vi.waitUntil(() => looks() === 1)
    vi.advanceTimersByTime(500)
    const wrapped = [1, 2].map(() => kms.wrapDek({ ...call, dek: DEK }))
    for (let turn = 0; turn < 10; turn++) await nextTurn()
    vi.advanceTimersByTime(500)
    answered.release()
    await unwrapped
    await Promise.all(wrapped)
    expect(paths().slice(1).sort()).toEqual([
      'GET /v1/transit/keys/orders',
      'GET /v1/transit/keys/orders',
      'POST /v1/transit/decrypt/orders',
      'POST /v1/transit/encrypt/orders',
      'POST /v1/transit/encrypt/orders',
    ])
    expect(paths().findLastIndex((path) => path.startsWith('GET'))).toBeLessThan(
      paths().findIndex((path) => path.includes('/encrypt/')),
    )
  })

  it('before wrapping, a key is looked at again if the wait for a token took longer than a second', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] })
    const answered = held()
    let logins = 0
    stub = await startStub(async (asked) => {
      if (asked.path !== '/v1/auth/approle/login') return works(asked)
      if (++logins === 2) await answered.promise
      return lease(`token-${String(logins)}`, 1)
    })
    const kms = stub.kms({ auth: { method: 'approle', roleId: 'role', secretId: 'secret' } })
    await kms.unwrapDek(unwrap)
    vi.advanceTimersByTime(600)
    await kms.verify({ ...call, use: 'wrap' })
    vi.advanceTimersByTime(400)
    const wrapped = kms.wrapDek({ ...call, dek: DEK })
    await vi.waitUntil(() => logins === 2)
    vi.advanceTimersByTime(700)
    answered.release()
    await wrapped
    expect(paths().slice(-3)).toEqual([
      'POST /v1/auth/approle/login',
      'GET /v1/transit/keys/orders',
      'POST /v1/transit/encrypt/orders',
    ])
  })

  it('verify() always looks at the key, and a failure to look is not kept', async () => {
    let fails = true
    stub = await startStub((asked) =>
      asked.path.includes('/keys/') && fails ? refused(503, 'Vault is sealed') : works(asked),
    )
    const kms = stub.kms()
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
    fails = false
    await kms.generateDek(call)
    await kms.verify({ ...call, use: 'generate' })
    await kms.verify({ ...call, use: 'wrap' })
    expect(looks()).toBe(4)
  })

  it('verify() for unwrapping proves nothing if bytes open that no key made', async () => {
    stub = await startStub()
    await expect(stub.kms().verify({ ...call, use: 'unwrap' })).rejects.toMatchObject({
      code: 'KMS_RESPONSE_INVALID',
    })
    expect(stub.asked.at(-1)?.body['ciphertext']).toMatch(/^vault:v3:A+$/)
  })

  it('bytes that have another form than a ciphertext DEK are not sent', async () => {
    stub = await startStub()
    const kms = stub.kms()
    for (const text of [
      'vault:v0:AAAA',
      'vault:v01:AAAA',
      'vault:v1:AAAB\n',
      'vault:v1:AAAAAB==',
      'vault:v1:AA=A',
      'vault:v1:',
      'vault:v12345678901:AAAA',
      'VAULT:v1:AAAA',
      `vault:v1:${'A'.repeat(1020)}`,
    ])
      await expect(kms.unwrapDek({ ...call, ciphertextDek: Buffer.from(text) })).rejects.toMatchObject({
        code: 'CIPHERTEXT_DEK_INVALID',
      })
    expect(stub.asked).toEqual([])
  })

  it('a denied call is repeated once with the token of a new login, if the token is not fresh', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] })
    let logins = 0
    stub = await startStub((asked) => {
      if (asked.path === '/v1/auth/approle/login') return lease(`token-${String(++logins)}`)
      return asked.headers['x-vault-token'] === 'token-1' && asked.path.includes('/decrypt/')
        ? refused(403, 'permission denied')
        : works(asked)
    })
    const kms = stub.kms({ auth: { method: 'approle', roleId: 'role', secretId: 'secret' } })
    await expect(kms.unwrapDek(unwrap)).rejects.toMatchObject({ code: 'KMS_DENIED' })
    expect(logins).toBe(1)
    vi.advanceTimersByTime(10_000)
    expect(await kms.unwrapDek(unwrap)).toEqual(DEK)
    expect(logins).toBe(2)
    expect(stub.asked[0]?.body).toEqual({ role_id: 'role', secret_id: 'secret' })
    expect(stub.asked[0]?.headers['x-vault-token']).toBeUndefined()
  })

  it('a pod logs in with its role and the token in its file, which is read for each login', async () => {
    const tokenFile = join(folder, 'jwt')
    await writeFile(tokenFile, 'jwt-1\n')
    stub = await startStub()
    const auth = { method: 'kubernetes', role: 'orders', tokenFile, mount: 'k8s/eu' } as const
    await stub.kms({ auth }).generateDek(call)
    await writeFile(tokenFile, 'jwt-2\n')
    await stub.kms({ auth }).generateDek(call)
    const logins = stub.asked.filter(({ path }) => path === '/v1/auth/k8s/eu/login')
    expect(logins.map(({ body }) => body)).toEqual([
      { role: 'orders', jwt: 'jwt-1' },
      { role: 'orders', jwt: 'jwt-2' },
    ])
  })

  it('a secret id may be in a file', async () => {
    const secretIdFile = join(folder, 'secret-id')
    await writeFile(secretIdFile, 'secret-id-1\n')
    stub = await startStub()
    await stub.kms({ auth: { method: 'approle', roleId: 'role', secretIdFile } }).generateDek(call)
    expect(stub.asked[0]?.body).toEqual({ role_id: 'role', secret_id: 'secret-id-1' })
  })

  it('a token file is read for each call, and read again if the token is refused', async () => {
    const file = join(folder, 'token')
    await writeFile(file, 'token-1\n')
    stub = await startStub((asked) => {
      if (asked.headers['x-vault-token'] !== 'token-2') return works(asked)
      return refused(403, 'permission denied')
    })
    const kms = stub.kms({ auth: { method: 'token-file', file } })
    await kms.generateDek(call)
    await writeFile(file, 'token-2\n')
    const before = stub.asked.length
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'KMS_DENIED' })
    expect(stub.asked).toHaveLength(before + 1)
    await writeFile(file, 'token-3')
    await kms.generateDek(call)
    expect(stub.asked.at(-1)?.headers['x-vault-token']).toBe('token-3')
  })

  it('a file that is missing, empty or holds several lines is no token, and its text is not shown', async () => {
    const file = join(folder, 'bad-token')
    stub = await startStub()
    const kms = stub.kms({ auth: { method: 'token-file', file } })
    for (const text of [undefined, '', 'hunter2\nhunter3', 'hunter2 hunter3']) {
      if (text !== undefined) await writeFile(file, text)
      const failed: unknown = await kms.generateDek(call).catch((error: unknown) => error)
      expect(failed).toMatchObject({ code: 'KMS_CREDENTIALS_UNAVAILABLE' })
      expect(String(failed)).not.toContain('hunter')
    }
    expect(stub.asked).toEqual([])
  })

  it('a token without the default policy is used, although it cannot be looked up', async () => {
    stub = await startStub((asked) =>
      asked.path.includes('lookup-self') ? refused(403, 'permission denied') : works(asked),
    )
    expect((await stub.kms().generateDek(call)).dek).toEqual(DEK)
  })

  it('close() ends calls in progress, and no call is made after it', async () => {
    stub = await startStub()
    const kms = stub.kms()
    const made = kms.generateDek(call)
    await kms.close?.()
    await expect(made).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
  })

  it('calls at the same time are limited', async () => {
    stub = await startStub()
    expect(stub.kms().limits?.('unwrap', CMK)).toEqual({
      concurrency: { group: `calls to ${NAME}`, max: 64 },
    })
  })
})
