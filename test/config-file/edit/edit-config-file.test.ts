import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { editConfigFile } from '../../../src/config-file/edit/edit-config-file.js'
import type { Edit } from '../../../src/config-file/edit/edit.js'
import { writeFileSync } from 'node:fs'

const before = `# ours
version: 1
cmks: { main: [{ kms: dev, id: "\${CMK}" }] }
topics:
  - { match: [a], decrypt: { cmk: main } } # the only rule
`
const after = before.replace('cmk: main }', 'cmk: main, plaintext: { untilOffsets: { a: { 0: "5" } } } }')
const env = { CMK: 'x' }
const path = ['topics', 0, 'decrypt', 'plaintext', 'untilOffsets', 'a']
const edit: Edit = { path, set: { 0: '5' } }
let folder = ''
let file = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-edit-'))
  file = join(folder, 'kafka-envelope.yaml')
  await writeFile(file, before)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

it('an edit of a file keeps its mode, its references to variables and, before it, a byte order mark', async () => {
  await writeFile(file, `\uFEFF${before}`)
  await chmod(file, 0o640)
  expect(await editConfigFile(file, () => [edit], { env })).toBe(true)
  expect(await readFile(file, 'utf8')).toBe(`\uFEFF${after}`)
  expect((await stat(file)).mode & 0o777).toBe(0o640)
  expect(await readdir(folder)).toEqual(['kafka-envelope.yaml'])
})

it('an edit that changes nothing leaves the file alone', async () => {
  await writeFile(file, after)
  const { ino } = await stat(file)
  expect(await editConfigFile(file, () => [edit], { env })).toBe(false)
  expect((await stat(file)).ino).toBe(ino)
})

it('an edit follows a link, and leaves the link', async () => {
  const link = join(folder, 'link.yaml')
  await symlink('kafka-envelope.yaml', link)
  await editConfigFile(link, () => [edit], { env })
  expect((await lstat(link)).isSymbolicLink()).toBe(true)
  expect(await readFile(file, 'utf8')).toBe(after)
})

it('an edit is decided on what the file says, with variables filled in', async () => {
  const ids: unknown[] = []
  await editConfigFile(
    file,
    ({ value, policy }) => {
      ids.push((value as { cmks: { main: { id: string }[] } }).cmks.main[0]?.id, policy.rules[0]?.name)
      return []
    },
    { env },
  )
  expect(ids).toEqual(['x', 'a'])
})

it('a file with mistakes is refused before anything is changed', async () => {
  await expect(editConfigFile(file, () => [edit], { env: {} })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('environment variable CMK is not set') as string,
  })
  expect(await readFile(file, 'utf8')).toBe(before)
})

it('an edit is refused if the file would have mistakes', async () => {
  const wrong: Edit = { path: [...path.slice(0, -1), 'b'], set: { 0: '5' } }
  await expect(editConfigFile(file, () => [wrong], { env })).rejects.toThrow(
    /is not changed, because the change would be a mistake: .*this topic is not matched by any rule/,
  )
  expect(await readFile(file, 'utf8')).toBe(before)
})

it('an edit is refused if the text cannot be changed', async () => {
  await writeFile(
    file,
    before.replace('{ cmk: main }', '&d { cmk: main }').concat('  - { match: [b], decrypt: *d }\n'),
  )
  await expect(editConfigFile(file, () => [edit], { env })).rejects.toThrow(
    `${file} is not changed: topics[0].decrypt has the anchor &d`,
  )
})

it('an edit is refused if the file was changed meanwhile', async () => {
  const change = (): readonly Edit[] => {
    writeFileSync(file, `${before}# theirs\n`)
    return [edit]
  }
  await expect(editConfigFile(file, change, { env })).rejects.toThrow(
    `${file} is not changed: somebody else has changed it meanwhile`,
  )
  expect(await readFile(file, 'utf8')).toBe(`${before}# theirs\n`)
  expect(await readdir(folder)).toEqual(['kafka-envelope.yaml'])
})

it('two edits at the same time lose none of the two: one may be refused', async () => {
  const others: Edit[] = [edit, { path: ['kmsTimeout'], set: '5s' }]
  const done = await Promise.allSettled(others.map((each) => editConfigFile(file, () => [each], { env })))
  const text = await readFile(file, 'utf8')
  expect(done.map(({ status }) => status)).toContain('fulfilled')
  expect(['untilOffsets', 'kmsTimeout'].map((name) => text.includes(name))).toEqual(
    done.map(({ status }) => status === 'fulfilled'),
  )
})

it('an edit that was killed leaves a file behind, which the next one names and does not remove', async () => {
  const left = join(folder, '.kafka-envelope.yaml.edit')
  await writeFile(left, 'x')
  await expect(editConfigFile(file, () => [edit], { env })).rejects.toThrow(`one was killed: remove ${left}`)
  expect(await readFile(left, 'utf8')).toBe('x')
})
