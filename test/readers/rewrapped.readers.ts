import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { java, python } from '../../scripts/readers/commands.js'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'
import { rewrappedVectors } from '../operate/rewrap/rewrapped-vectors.js'

let folder: TemporaryFolder
let file: string
let count: number

beforeAll(async () => {
  folder = await temporaryFolder()
  file = folder.at('rewrapped.json')
  const vectors = await rewrappedVectors()
  count = vectors.length
  await writeFile(file, JSON.stringify(vectors))
})
afterAll(() => folder.remove())

it.each([
  ['Python', () => python('kafka_envelope_reader.cli', '--vectors', file)],
  ['Java', () => java('vectors', file)],
])('the reader in %s opens every envelope that was rewrapped', async (_, read) => {
  expect((await read()).trim()).toBe(`${String(count)} vectors, 0 disagreements`)
})
