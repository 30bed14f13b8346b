import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { writeAll, writeEnds } from '../../../src/cli/cutover/write-offsets.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

let folder: TemporaryFolder
let file: string
beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('kafka-envelope.yaml')
})
afterEach(() => folder.remove())

const before = `version: 1
cmks: { main: [{ kms: dev, id: x }] }
topics:
  - match: [logs]
    passthrough: true
  - match: ['user*'] # of the identity team
    decrypt:
      cmk: main
  - match: [users.eu]
    decrypt: { cmk: main }
`
const topic = (name: string, ...ends: string[]) => ({
  topic: name,
  partitions: ends.map((end, partition) => ({ partition, end })),
})

it('offsets are written for each topic into the rule that it falls under, and the rest of the file stays', async () => {
  await writeFile(file, before)
  const written = await writeEnds(file, [topic('users', '5', '70'), topic('users.eu', '3')])
  const after = before
    .replace(
      '      cmk: main\n',
      `      cmk: main
      plaintext:
        untilOffsets:
          users:
            0: '5'
            1: '70'
`,
    )
    .replace('{ cmk: main }\n', "{ cmk: main, plaintext: { untilOffsets: { users.eu: { 0: '3' } } } }\n")
  expect(await readFile(file, 'utf8')).toBe(after)
  expect(written).toEqual({ topics: { users: { 0: '5', 1: '70' }, 'users.eu': { 0: '3' } }, isChanged: true })
  expect(await writeEnds(file, [topic('users', '9', '90')])).toEqual({
    topics: { users: { 0: '5', 1: '70' } },
    isChanged: false,
  })
  expect(await readFile(file, 'utf8')).toBe(after)
})

it('plaintext is accepted in every partition, and ended again, with all comments', async () => {
  await writeFile(file, before)
  await writeAll(file, [topic('users', '5')])
  await writeFile(file, (await readFile(file, 'utf8')).replace("7'\n", "7' # phase 1\n"))
  await writeAll(file, [topic('users', '5', '6')])
  await writeEnds(file, [topic('users', '7', '8')])
  expect(await readFile(file, 'utf8')).toContain(
    `          users:\n            0: '7' # phase 1\n            1: '8'\n`,
  )
})

it('nothing is written if a topic has no rule that decrypts it', async () => {
  await writeFile(file, before)
  for (const name of ['logs', 'orders']) {
    await expect(writeEnds(file, [topic('users', '5'), topic(name, '5')])).rejects.toThrow(
      `${file}: no rule decrypts topic ${name}`,
    )
  }
  expect(await readFile(file, 'utf8')).toBe(before)
})
