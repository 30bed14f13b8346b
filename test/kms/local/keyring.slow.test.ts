import { generateKeyPairSync } from 'node:crypto'
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { dirname } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import {
  addCmk,
  createKeyring,
  exportPublicKey,
  importPublicKey,
  listCmks,
  localKms,
  rotateCmk,
  setCmkEnabled,
} from '../../../src/kms/local/index.js'
import { expectNoSecret } from '../../contract/kms-contract.js'
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.js'

const { signal } = new AbortController()
const POSIX = process.platform !== 'win32'
let folder: TemporaryFolder
let file: string

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('dev.keyring')
})
afterEach(() => folder.remove())

const call = (cmkId: string) => ({ cmkId, context: { a: 'b' }, signal })
const modeOf = async (path: string) => (await stat(path)).mode & 0o777
const coded = (code: string) => expect.objectContaining({ name: 'EnvelopeError', code }) as Error
const rsa2048 = { type: 'rsa-oaep-sha256', modulusLength: 2048 } as const

describe('createKeyring', () => {
  it.runIf(POSIX)('createKeyring makes a file that its owner alone can use, whatever the umask', async () => {
    const before = process.platform === 'win32' ? 0 : safeUmask(0)
    try {
      await createKeyring(file)
      await addCmk(file, 'orders', { type: 'aes-256' })
    } finally {
      safeUmask(before)
    }
    expect(await modeOf(file)).toBe(0o600)
    expect(await readdir(dirname(file))).toEqual(['dev.keyring'])
  })

  it('createKeyring never replaces an existing file', async () => {
    await createKeyring(file, [{ id: 'orders', type: 'aes-256' }])
    const before = await readFile(file)
    await expect(createKeyring(file)).rejects.toThrow(coded('KEYRING_EXISTS'))
    expect((await readFile(file)).equals(before)).toBe(true)
    await mkdir(folder.at('folder'))
    await expect(createKeyring(folder.at('folder'))).rejects.toThrow(coded('KEYRING_EXISTS'))
    await symlink(folder.at('nowhere'), folder.at('link'))
    await expect(createKeyring(folder.at('link'))).rejects.toThrow(coded('KEYRING_EXISTS'))
    expect((await readdir(dirname(file))).sort()).toEqual(['dev.keyring', 'folder', 'link'])
  })

  it('createKeyring makes the file once if several calls run together', async () => {
    const ended = await Promise.allSettled(Array.from({ length: 8 }, () => createKeyring(file)))
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('createKeyring creates no file if a CMK is invalid', async () => {
    const good = { id: 'good', type: 'aes-256' } as const
    for (const bad of [{ ...good }, { ...good, id: 'a b' }, { ...good, id: 'bits', modulusLength: 2048 }]) {
      await expect(createKeyring(file, [good, bad])).rejects.toThrow(coded('CONFIG_INVALID'))
    }
    expect(await readdir(dirname(file))).toEqual([])
  })

  it('createKeyring reports a missing folder', async () => {
    await expect(createKeyring(folder.at('no/such'))).rejects.toThrow(coded('KEYRING_NOT_FOUND'))
  })
})

describe('reading a keyring', () => {
  it.runIf(POSIX).each([0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])(
    'reading a keyring is refused when the mode is %o',
    async (mode) => {
      await createKeyring(file, [{ id: 'orders', type: 'aes-256' }])
      await chmod(file, mode)
      const refused = coded('KEYRING_EXPOSED')
      await expect(localKms({ keyring: file }).generateDek(call('orders'))).rejects.toThrow(refused)
      await expect(listCmks(file)).rejects.toThrow(refused)
      await expect(rotateCmk(file, 'orders')).rejects.toThrow(refused)
      await chmod(file, 0o400)
      await expect(localKms({ keyring: file }).generateDek(call('orders'))).resolves.toBeDefined()
    },
  )

  it.runIf(POSIX)('reading a keyring checks the file behind a symbolic link, not the link', async () => {
    await createKeyring(file, [{ id: 'orders', type: 'aes-256' }])
    await symlink(file, folder.at('link'))
    await expect(listCmks(folder.at('link'))).resolves.toHaveLength(1)
    await chmod(file, 0o644)
    await expect(listCmks(folder.at('link'))).rejects.toThrow(coded('KEYRING_EXPOSED'))
  })

  it('reading a keyring that is missing is KEYRING_NOT_FOUND, and a folder is KEYRING_INVALID', async () => {
    await expect(listCmks(file)).rejects.toThrow(coded('KEYRING_NOT_FOUND'))
    await expect(rotateCmk(file, 'a')).rejects.toThrow(coded('KEYRING_NOT_FOUND'))
    await expect(localKms({ keyring: file }).describe('a', signal)).rejects.toThrow(
      coded('KEYRING_NOT_FOUND'),
    )
    await mkdir(folder.at('folder'), { mode: 0o700 })
    await expect(listCmks(folder.at('folder'))).rejects.toThrow(coded('KEYRING_INVALID'))
  })

  it('a huge keyring is refused before it is read', async () => {
    await writeFile(file, '', { mode: 0o600 })
    await truncate(file, 16 * 1024 * 1024 + 1)
    await expect(listCmks(file)).rejects.toThrow(coded('KEYRING_INVALID'))
  })

  const key = Buffer.from(Array.from({ length: 32 }, (_, at) => at * 5 + 3))
  const version = { version: 1, createdAt: '2026-01-02T03:04:05.678Z', key: key.toString('base64') }
  const cmk = { id: 'orders', type: 'aes-256', enabled: true, versions: [version] }
  const keyring = { schemaVersion: 1, cmks: [cmk] }
  const withVersions = (...versions: object[]) => ({ ...keyring, cmks: [{ ...cmk, versions }] })

  it.each([
    ['is empty', ''],
    ['is cut short', JSON.stringify(keyring).slice(0, -3)],
    ['is not JSON near a key', `${JSON.stringify(version)} x`],
    ['is a list', [keyring]],
    ['has a newer schema', { ...keyring, schemaVersion: 2 }],
    ['has an unknown member', { ...keyring, [version.key]: version.key }],
    ['has an unknown member of a CMK', { ...keyring, cmks: [{ ...cmk, note: version.key }] }],
    ['has two CMKs with the same id', { ...keyring, cmks: [cmk, cmk] }],
    ['has an id with a space', { ...keyring, cmks: [{ ...cmk, id: 'a b' }] }],
    ['has an id that is too long', { ...keyring, cmks: [{ ...cmk, id: 'a'.repeat(257) }] }],
    ['has an unknown type', { ...keyring, cmks: [{ ...cmk, type: version.key }] }],
    ['has no version', withVersions()],
    ['has version 0', withVersions({ ...version, version: 0 })],
    ['has version 2^32', withVersions({ ...version, version: 2 ** 32 })],
    ['has version 1.5', withVersions({ ...version, version: 1.5 })],
    ['has a version twice', withVersions(version, version)],
    ['has versions out of order', withVersions({ ...version, version: 2 }, version)],
    ['has a short key', withVersions({ ...version, key: key.subarray(1).toString('base64') })],
    ['has a long key', withVersions({ ...version, key: Buffer.concat([key, key]).toString('base64') })],
    ['has a key in hex', withVersions({ ...version, key: key.toString('hex') })],
    ['has no time', withVersions({ ...version, createdAt: version.key })],
  ])('a keyring that %s is KEYRING_INVALID, and no key is shown', async (_, contents) => {
    const text = typeof contents === 'string' ? contents : JSON.stringify(contents)
    await writeFile(file, text, { mode: 0o600 })
    const kms = localKms({ keyring: file })
    const calls = [
      () => listCmks(file),
      () => rotateCmk(file, 'orders'),
      () => kms.generateDek(call('orders')),
    ]
    for (const read of calls) {
      const error: unknown = await read().catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'KEYRING_INVALID' })
      expectNoSecret(error, [key])
    }
    expect(await readFile(file, 'utf8')).toBe(text)
  })

  it('a keyring written by hand from the specification is read', async () => {
    await writeFile(file, JSON.stringify(keyring), { mode: 0o600 })
    await expect(localKms({ keyring: file }).verify({ ...call('orders'), use: 'unwrap' })).resolves.toBe(
      undefined,
    )
  })

  it('a keyring with RSA keys that are damaged, short or do not match is KEYRING_INVALID', async () => {
    const pem = (bits: number) =>
      generateKeyPairSync('rsa', {
        modulusLength: bits,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      })
    const [one, two, short] = [pem(2048), pem(2048), pem(1024)]
    const ec = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    const cut = (text: string) => text.replace(/\n.{20}/, '\n')
    for (const { publicKey, privateKey } of [
      { publicKey: one.publicKey, privateKey: two.privateKey },
      { publicKey: cut(one.publicKey), privateKey: one.privateKey },
      { publicKey: one.publicKey, privateKey: cut(one.privateKey) },
      { publicKey: short.publicKey, privateKey: short.privateKey },
      { publicKey: ec.publicKey, privateKey: ec.privateKey },
    ]) {
      const { createdAt } = version
      const partner = { id: 'partner', type: 'rsa-oaep-sha256', enabled: true, createdAt }
      const contents = { schemaVersion: 1, cmks: [{ ...partner, publicKey, privateKey }] }
      await writeFile(file, JSON.stringify(contents), { mode: 0o600 })
      const verified = localKms({ keyring: file }).verify({ ...call('partner'), use: 'unwrap' })
      const error: unknown = await verified.catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'KEYRING_INVALID' })
      expect(error).not.toHaveProperty('cause')
      expectNoSecret(error, [Buffer.from(privateKey.split('\n').slice(1, -2).join(''), 'base64')])
    }
  })
})

describe('changing a keyring', () => {
  beforeEach(() => createKeyring(file, [{ id: 'orders', type: 'aes-256' }]))

  it('rotating a CMK makes a version that wraps, and the older ones still unwrap', async () => {
    const kms = localKms({ keyring: file })
    const made = [await kms.generateDek(call('orders'))]
    for (let round = 0; round < 3; round++) {
      await rotateCmk(file, 'orders')
      made.push(await kms.generateDek(call('orders')))
    }
    expect(made.map(({ ciphertextDek }) => Buffer.from(ciphertextDek).readUInt32BE())).toEqual([1, 2, 3, 4])
    for (const { dek, ciphertextDek } of made) {
      expect(await kms.unwrapDek({ ...call('orders'), ciphertextDek })).toEqual(dek)
    }
    const [cmk] = await listCmks(file)
    expect(cmk?.versions.map(({ version }) => version)).toEqual([1, 2, 3, 4])
    for (const { createdAt } of cmk?.versions ?? []) {
      expect(Math.abs(Date.now() - Date.parse(createdAt))).toBeLessThan(60_000)
    }
  })

  it('changing a keyring is refused while the lock exists, which is then left alone', async () => {
    const before = await readFile(file)
    await writeFile(`${file}.lock`, '')
    const busy = coded('KEYRING_BUSY')
    await expect(rotateCmk(file, 'orders')).rejects.toThrow(busy)
    await expect(addCmk(file, 'more', { type: 'aes-256' })).rejects.toThrow(busy)
    await expect(setCmkEnabled(file, 'orders', false)).rejects.toThrow(busy)
    await expect(createKeyring(file)).rejects.toThrow(busy)
    await expect(listCmks(file)).resolves.toHaveLength(1)
    expect((await readFile(file)).equals(before)).toBe(true)
    expect((await readdir(dirname(file))).sort()).toEqual(['dev.keyring', 'dev.keyring.lock'])
  })

  it('changing a keyring leaves the file unchanged, and no lock, if it fails', async () => {
    const before = await readFile(file)
    await expect(rotateCmk(file, 'unknown')).rejects.toThrow(coded('CMK_NOT_FOUND'))
    await expect(setCmkEnabled(file, 'unknown', true)).rejects.toThrow(coded('CMK_NOT_FOUND'))
    await expect(addCmk(file, 'orders', { type: 'aes-256' })).rejects.toThrow(coded('KEYRING_EXISTS'))
    expect((await readFile(file)).equals(before)).toBe(true)
    expect(await readdir(dirname(file))).toEqual(['dev.keyring'])
  })

  it('changing a keyring through a symbolic link changes the file behind it', async () => {
    await symlink('dev.keyring', folder.at('link'))
    await rotateCmk(folder.at('link'), 'orders')
    expect(await readlink(folder.at('link'))).toBe('dev.keyring')
    expect((await listCmks(file))[0]?.versions).toHaveLength(2)
    await writeFile(`${file}.lock`, '')
    await expect(rotateCmk(folder.at('link'), 'orders')).rejects.toThrow(coded('KEYRING_BUSY'))
  })

  it.runIf(process.getuid?.() === 0)('changing a keyring as root leaves the file to its owner', async () => {
    await chown(file, 12345, 12346)
    await rotateCmk(file, 'orders')
    expect(await stat(file)).toMatchObject({ uid: 12345, gid: 12346 })
    expect(await modeOf(file)).toBe(0o600)
  })

  it('an id with a special meaning in JavaScript is an ordinary id', async () => {
    const ids = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']
    const kms = localKms({ keyring: file })
    for (const id of ids) {
      await expect(kms.describe(id, signal)).rejects.toThrow(coded('CMK_NOT_FOUND'))
      await expect(rotateCmk(file, id)).rejects.toThrow(coded('CMK_NOT_FOUND'))
      await expect(addCmk(file, `of-${id}`, { type: id as 'aes-256' })).rejects.toThrow(
        coded('CONFIG_INVALID'),
      )
    }
    for (const id of ids) {
      await addCmk(file, id, { type: 'aes-256' })
      await rotateCmk(file, id)
      const { dek, ciphertextDek } = await kms.generateDek(call(id))
      expect(await kms.unwrapDek({ ...call(id), ciphertextDek })).toEqual(dek)
    }
    expect((await listCmks(file)).map(({ id }) => id)).toEqual(['orders', ...ids])
  })

  it.each(['', ' ', 'a b', 'a\n', 'ä', 'a\0', 'a'.repeat(257)])('%j is not a valid id', async (id) => {
    const refused = coded('CONFIG_INVALID')
    await expect(addCmk(file, id, { type: 'aes-256' })).rejects.toThrow(refused)
    await expect(importPublicKey(file, id, '')).rejects.toThrow(refused)
    const error: unknown = await localKms({ keyring: file })
      .describe(id, signal)
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'CMK_NOT_FOUND' })
  })

  it('listing shows the type and state of a CMK, and no secret', async () => {
    await addCmk(file, 'partner', rsa2048)
    await setCmkEnabled(file, 'partner', false)
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string
    const versions = [{ version: 1, createdAt: time }]
    expect(await listCmks(file)).toStrictEqual([
      { id: 'orders', type: 'aes-256', provider: 'local', enabled: true, canUnwrap: true, versions },
      {
        id: 'partner',
        type: 'rsa-oaep-sha256',
        provider: 'local/rsa-oaep-sha256',
        enabled: false,
        canUnwrap: true,
        versions,
      },
    ])
  })
})

describe('RSA CMKs', () => {
  beforeEach(() => createKeyring(file, [{ id: 'partner', ...rsa2048 }]))

  it('RSA CMKs have 3,072 bits by default, and never fewer than 2,048 or more than 8,192', async () => {
    await addCmk(file, 'default', { type: 'rsa-oaep-sha256' })
    const { ciphertextDek } = await localKms({ keyring: file }).generateDek(call('default'))
    expect(ciphertextDek).toHaveLength(384)
    for (const modulusLength of [0, 1024, 2047, 8193, 16384, 2048.5, Number.NaN]) {
      const added = addCmk(file, 'more', { type: 'rsa-oaep-sha256', modulusLength })
      await expect(added).rejects.toThrow(coded('CONFIG_INVALID'))
    }
  })

  it('RSA CMKs have no versions', async () => {
    await expect(rotateCmk(file, 'partner')).rejects.toThrow(coded('CMK_UNUSABLE'))
  })

  it('RSA CMKs wrap even if the keyring holds only the public key', async () => {
    const producer = folder.at('producer.keyring')
    await createKeyring(producer)
    const pem = await exportPublicKey(file, 'partner')
    expect(pem).toMatch(/^-----BEGIN PUBLIC KEY-----\n[^-]+-----END PUBLIC KEY-----\n$/)
    await importPublicKey(producer, 'partner', pem)
    expect(await readFile(producer, 'utf8')).not.toContain('PRIVATE')
    expect((await listCmks(producer))[0]?.canUnwrap).toBe(false)
    expect(await exportPublicKey(producer, 'partner')).toBe(pem)

    const kms = localKms({ keyring: producer })
    const { dek, ciphertextDek } = await kms.generateDek(call('partner'))
    const reader = localKms({ keyring: file })
    expect(await reader.unwrapDek({ ...call('partner'), ciphertextDek })).toEqual(dek)
    await expect(kms.verify({ ...call('partner'), use: 'wrap' })).resolves.toBe(undefined)
    const refused = coded('CMK_UNUSABLE')
    await expect(kms.unwrapDek({ ...call('partner'), ciphertextDek })).rejects.toThrow(refused)
    await expect(kms.verify({ ...call('partner'), use: 'unwrap' })).rejects.toThrow(refused)
  })

  it('RSA CMKs are imported only from a public RSA key with enough bits', async () => {
    const rsa = (modulusLength: number, publicExponent = 65537) =>
      generateKeyPairSync('rsa', { modulusLength, publicExponent })
    const spki = (pair: { publicKey: ReturnType<typeof rsa>['publicKey'] }) =>
      pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const good = rsa(2048)
    const refused = coded('CMK_UNUSABLE')
    for (const pem of [
      '',
      'PUBLIC KEY',
      good.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      good.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
      spki(good).replace(/\n.{20}/, '\n'),
      spki(rsa(1024)),
      spki(rsa(2048, 3)),
      spki(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
      spki(generateKeyPairSync('ed25519')),
      spki(generateKeyPairSync('rsa-pss', { modulusLength: 2048 })),
    ]) {
      await expect(importPublicKey(file, 'more', pem)).rejects.toThrow(refused)
    }
    await expect(importPublicKey(file, 'partner', spki(good))).rejects.toThrow(coded('KEYRING_EXISTS'))
    const pkcs1 = good.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()
    await importPublicKey(file, 'more', pkcs1)
    expect(await exportPublicKey(file, 'more')).toBe(spki(good))
  })

  it('only RSA CMKs have a public key', async () => {
    await addCmk(file, 'orders', { type: 'aes-256' })
    await expect(exportPublicKey(file, 'orders')).rejects.toThrow(coded('CMK_UNUSABLE'))
    await expect(exportPublicKey(file, 'unknown')).rejects.toThrow(coded('CMK_NOT_FOUND'))
  })
})

describe('localKms', () => {
  it('localKms refuses to be made without a path', () => {
    expect(() => localKms({ keyring: '' })).toThrow(coded('CONFIG_INVALID'))
    expect(() => localKms({} as { keyring: string })).toThrow(coded('CONFIG_INVALID'))
  })

  it('localKms describes a disabled CMK', async () => {
    await createKeyring(file, [{ id: 'orders', type: 'aes-256' }])
    await setCmkEnabled(file, 'orders', false)
    await expect(localKms({ keyring: file }).describe('orders', signal)).resolves.toMatchObject({
      provider: 'local',
    })
  })
})

/** Worker threads may read the umask, not set it. */
function safeUmask(mask: number): number {
  try {
    return process.umask(mask)
  } catch {
    return mask
  }
}
