import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GcpKmsEmulator } from './emulator.js'
import { checksumOf } from './wire.js'

const KEY = 'projects/acme-prod/locations/global/keyRings/kafka/cryptoKeys/orders'
let emulator: GcpKmsEmulator
beforeAll(async () => {
  emulator = await GcpKmsEmulator.start()
  emulator.createKey(KEY)
  emulator.createKey(`${KEY}-hsm`, 'HSM')
})
afterAll(() => emulator.close())

const base64 = (bytes: number) => Buffer.alloc(bytes, 1).toString('base64')

async function ask(
  path: string,
  body: unknown,
  init: RequestInit = {},
  token = emulator.token('encrypt', 'decrypt'),
) {
  const answer = await fetch(`${emulator.url}/v1/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  })
  const { error, ...members } = (await answer.json()) as { error?: { status: string; message: string } }
  return error === undefined
    ? { status: answer.status, members }
    : { status: answer.status, code: error.status, message: error.message }
}

describe('the emulator of Cloud KMS', () => {
  it('the emulator of Cloud KMS answers only POST to the two methods of a key', async () => {
    for (const path of [
      KEY,
      `${KEY}:rotate`,
      `${KEY}/cryptoKeyVersions/1:decrypt`,
      `${KEY}:encrypt?alt=json`,
    ])
      expect(await ask(path, {})).toMatchObject({ status: 404, code: 'NOT_FOUND' })
    expect(await ask(`${KEY}:encrypt`, '', { method: 'PUT' })).toMatchObject({ status: 404 })
  })

  it('the emulator of Cloud KMS refuses what a client must not send', async () => {
    const bodies: unknown[] = [
      'not json',
      [],
      'null',
      {},
      { plaintext: base64(32), name: KEY },
      { plaintext: 7 },
      { plaintext: base64(32).slice(0, -1) },
      { plaintext: `${base64(32)}\n` },
      { plaintext: base64(32), plaintextCrc32c: Number(checksumOf(Buffer.alloc(32, 1))) },
      { plaintext: base64(32), plaintextCrc32c: '1' },
      {
        plaintext: base64(32),
        additionalAuthenticatedData: base64(8),
        additionalAuthenticatedDataCrc32c: '1',
      },
      { plaintext: base64(65_537) },
      { ciphertext: base64(32) },
    ]
    for (const body of bodies)
      expect(await ask(`${KEY}:encrypt`, body)).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' })
    const headers = { authorization: `Bearer ${emulator.token('encrypt')}`, 'content-type': 'text/plain' }
    expect(await ask(`${KEY}:encrypt`, { plaintext: base64(32) }, { headers })).toMatchObject({ status: 400 })
  })

  it('the emulator of Cloud KMS takes 8 KiB of plaintext and additional data together for an HSM key, and 64 KiB each for another one', async () => {
    const body = (bytes: number) => ({ plaintext: base64(32), additionalAuthenticatedData: base64(bytes) })
    expect(await ask(`${KEY}-hsm:encrypt`, body(8160))).toMatchObject({ status: 200 })
    expect(await ask(`${KEY}-hsm:encrypt`, body(8161))).toMatchObject({ status: 400 })
    expect(await ask(`${KEY}:encrypt`, body(65_536))).toMatchObject({ status: 200 })
  })

  it('the emulator of Cloud KMS says what it checked, and only that', async () => {
    const plaintext = Buffer.alloc(32, 1)
    const checked = 'verifiedPlaintextCrc32c'
    const answer = await ask(`${KEY}:encrypt`, {
      plaintext: base64(32),
      plaintextCrc32c: checksumOf(plaintext),
    })
    expect(answer.members).toMatchObject({ name: `${KEY}/cryptoKeyVersions/1`, [checked]: true })
    expect(answer.members).not.toHaveProperty('verifiedAdditionalAuthenticatedDataCrc32c')
    expect((await ask(`${KEY}:encrypt`, { plaintext: base64(32) })).members).not.toHaveProperty(checked)
  })

  it('the emulator of Cloud KMS checks token, permission and key in this order', async () => {
    const body = { plaintext: base64(32) }
    expect(await ask(`${KEY}:encrypt`, body, {}, 'other')).toMatchObject({
      status: 401,
      code: 'UNAUTHENTICATED',
    })
    const reader = emulator.token('decrypt')
    for (const key of [KEY, `${KEY}-none`])
      expect(await ask(`${key}:encrypt`, body, {}, reader)).toMatchObject({
        status: 403,
        code: 'PERMISSION_DENIED',
      })
    expect(await ask(`${KEY}-none:encrypt`, body)).toMatchObject({ status: 404, code: 'NOT_FOUND' })
  })

  it('the emulator of Cloud KMS opens under each version as long as that is enabled', async () => {
    const key = emulator.createKey(`${KEY}-rotated`)
    const { members } = await ask(`${key.name}:encrypt`, { plaintext: base64(32) })
    const { ciphertext } = members as { ciphertext: string }
    key.rotate()
    expect((await ask(`${key.name}:decrypt`, { ciphertext })).members).not.toHaveProperty('usedPrimary')
    key.setState('DISABLED', 1)
    expect(await ask(`${key.name}:decrypt`, { ciphertext })).toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: `${key.name}/cryptoKeyVersions/1 is not enabled, current state is: DISABLED.`,
    })
    expect(await ask(`${key.name}:encrypt`, { plaintext: base64(32) })).toMatchObject({ status: 200 })
  })
})
