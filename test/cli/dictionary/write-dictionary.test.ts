import { link, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { writeDictionary } from '../../../src/cli/dictionary/write-dictionary.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

let folder: TemporaryFolder
let file: string
beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('orders.dict')
})
afterEach(() => folder.remove())

const text = (): Promise<string> => readFile(file, 'utf8')
const files = (): Promise<string[]> => readdir(dirname(file))

it('a dictionary that exists is replaced only if it is allowed, and its SHA-256 is told', async () => {
  expect(await writeDictionary(file, Buffer.from('old'), false)).toBeUndefined()
  await expect(writeDictionary(file, Buffer.from('new'), false)).rejects.toThrow(
    new Error(`${file} exists; --force replaces it`),
  )
  expect(await text()).toBe('old')
  expect(await writeDictionary(file, Buffer.from('new'), true)).toBe(
    createHash('sha256').update('old').digest('hex'),
  )
  expect(await text()).toBe('new')
  expect(await files()).toEqual(['orders.dict'])
})

it('a replaced dictionary is another file: whatever else shares the old one keeps it', async () => {
  const kept = folder.at('kept.dict')
  await writeFile(kept, 'old')
  await link(kept, file)
  await writeDictionary(file, Buffer.from('new'), true)
  expect([await text(), await readFile(kept, 'utf8')]).toEqual(['new', 'old'])
  await rm(file)
  await symlink(kept, file)
  await writeDictionary(file, Buffer.from('newer'), true)
  expect([await text(), await readFile(kept, 'utf8')]).toEqual(['newer', 'old'])
})

it('a dictionary that cannot be written leaves nothing behind', async () => {
  await mkdir(file)
  await expect(writeDictionary(file, Buffer.from('new'), true)).rejects.toMatchObject({ code: 'EISDIR' })
  await expect(writeDictionary(file, Buffer.from('new'), false)).rejects.toThrow('exists')
  expect(await files()).toEqual(['orders.dict'])
})
