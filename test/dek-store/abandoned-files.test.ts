import { mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { fileDekStore } from '../../src/dek-store/file-dek-store.js'
import { createKeyring, rotateCmk } from '../../src/kms/local/index.js'

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'kafka-envelope-abandoned-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

const temporary = (n: number): string => `${'a'.repeat(32)}.dek.json.${String(n).repeat(16)}.tmp`

it('a DEK store removes temporary files that an ended process left over a minute ago, and nothing else', async () => {
  const store = await folder()
  const age = async (name: string, ms: number): Promise<void> => {
    await writeFile(join(store, name), 'x')
    const when = new Date(Date.now() - ms)
    await utimes(join(store, name), when, when)
  }
  await age(temporary(1), 61_000)
  await age(temporary(2), 30_000)
  await age('mine.tmp', 3_600_000)
  const target = join(store, 'target')
  await age('target', 3_600_000)
  await symlink(target, join(store, temporary(3)))
  await fileDekStore({ folder: store }).load('scope')
  expect((await readdir(store)).sort()).toEqual([temporary(2), temporary(3), 'mine.tmp', 'target'].sort())
})

it('a change of a keyring removes temporary files that an ended process left beside it, and no others', async () => {
  const place = await folder()
  const file = join(place, 'keyring')
  await createKeyring(file, [{ id: 'a', type: 'aes-256' }])
  const others = ['.keyring.tmp', '.other.0123456789abcdef.tmp']
  for (const name of ['.keyring.0123456789abcdef.tmp', ...others]) await writeFile(join(place, name), 'x')
  await rotateCmk(file, 'a')
  expect((await readdir(place)).sort()).toEqual([...others, 'keyring'].sort())
})
