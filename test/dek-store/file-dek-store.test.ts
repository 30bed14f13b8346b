import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fileDekStore, type StoredDek } from '../../src/index.js'
import { thrownBy } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { MemoryKms } from '../support/memory-kms.js'
import { parts } from '../support/sealed.js'
import { sealRecords } from '../../src/record/index.js'

const dek: StoredDek = {
  createdAt: 1_700_000_000_000,
  context: { app: 'pay' },
  wrappings: [{ provider: 'local', cmkId: 'a', ciphertextDek: 'AAAA' }],
  mac: Buffer.alloc(32).toString('base64'),
}

describe('a folder of ciphertext DEKs', () => {
  let parent: string
  let folder: string
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'kafka-envelope-deks-'))
    folder = join(parent, 'deks')
  })
  afterEach(() => {
    rmSync(parent, { recursive: true })
  })
  const only = (): string => join(folder, readdirSync(folder)[0] ?? '')

  it('a folder of ciphertext DEKs returns the DEK that was saved last for the scope, or nothing if none was', async () => {
    const store = fileDekStore({ folder })
    expect(await store.load('a')).toBeUndefined()
    await store.save('a', { ...dek, createdAt: 1 })
    await store.save('a', dek)
    await store.save('b/../../c', { ...dek, createdAt: 2 })
    expect(await fileDekStore({ folder }).load('a')).toEqual(dek)
    expect(await store.load('b/../../c')).toMatchObject({ createdAt: 2 })
    expect(readdirSync(folder)).toHaveLength(2)
    expect(readdirSync(parent)).toEqual(['deks'])
    await store.remove('a')
    await store.remove('a')
    expect(await store.load('a')).toBeUndefined()
  })

  it('a folder of ciphertext DEKs is private, and leaves no half-written file', async () => {
    await fileDekStore({ folder }).save('a', dek)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(only()).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toHaveLength(1)
  })

  it('a folder of ciphertext DEKs is refused if others may write to it', async () => {
    const store = fileDekStore({ folder })
    await store.save('a', dek)
    chmodSync(only(), 0o666)
    await expect(store.load('a')).rejects.toThrow('other users have write access')
    chmodSync(only(), 0o644)
    expect(await store.load('a')).toEqual(dek)
    chmodSync(folder, 0o777)
    await expect(store.load('a')).rejects.toThrow('other users have write access')
    await expect(store.save('a', dek)).rejects.toThrow('other users have write access')
  })

  it('a folder of ciphertext DEKs is refused if it, or a file in it, belongs to another user', async () => {
    const store = fileDekStore({ folder })
    await store.save('a', dek)
    const own = process.geteuid?.() ?? 0
    // Root may give a file away; any other user may act as another user.
    const owned = (path: string, uid: number): void => {
      if (own === 0) chownSync(path, uid, uid)
      else vi.spyOn(process, 'geteuid').mockReturnValue(2 * own - uid)
    }
    for (const path of [folder, only()]) {
      owned(path, own + 1)
      await expect(store.load('a')).rejects.toThrow('another user owns it')
      if (path === folder) await expect(store.save('a', dek)).rejects.toThrow('another user owns it')
      owned(path, own)
      expect(await store.load('a')).toEqual(dek)
    }
    vi.restoreAllMocks()
  })

  it('a folder of ciphertext DEKs refuses files that contain no ciphertext DEK, or one of another scope, or are huge', async () => {
    const store = fileDekStore({ folder })
    await store.save('a', dek)
    for (const text of [
      '',
      '{}',
      JSON.stringify({ scope: 'b', dek }),
      JSON.stringify({ scope: 'a', dek: {} }),
      'x'.repeat(20_000),
    ]) {
      writeFileSync(only(), text)
      await expect(store.load('a')).rejects.toThrow()
    }
  })

  it('a folder of ciphertext DEKs needs the path of a folder', async () => {
    for (const bad of ['', 7, undefined])
      expect(await thrownBy(() => fileDekStore({ folder: bad as string }))).toMatchObject({
        code: 'CONFIG_INVALID',
      })
  })

  it('a folder of ciphertext DEKs holds no key: it cannot be used without the KMS', async () => {
    const rules = [{ match: ['t'], encrypt: { cmk: 'main' } }]
    const kms = new MemoryKms()
    const first = await memoryEncryption(rules, { kms, dekStore: fileDekStore({ folder }) })
    const [a] = await sealRecords(first.encryption, [{ topic: 't', value: 'x' }])
    await first.encryption.close()
    const second = await memoryEncryption(rules, { kms, dekStore: fileDekStore({ folder }) })
    const [b] = await sealRecords(second.encryption, [{ topic: 't', value: 'x' }])
    const [inA, inB] = [a, b].map((sealed) => parts(sealed?.value ?? null).wrappedDeks[0]?.ciphertextDek)
    expect(inA).toEqual(inB)
    expect(readFileSync(only(), 'utf8')).toContain(inA?.toString('base64'))
    expect(kms.calls.map(({ operation }) => operation)).toEqual(['generate', 'unwrap'])
  })
})
