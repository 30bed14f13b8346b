import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, inject, it } from 'vitest'
import { createKeyring, setCmkEnabled } from '../../src/kms/local/index.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
const pages = ['README.md', 'src/error-codes.ts', ...docs.map((name) => `docs/${name}`)]
let folder = ''

afterAll(() => rm(folder, { recursive: true, force: true }))

/** The command lines for keyrings that users are told to type. */
async function commands(): Promise<string[]> {
  const texts = await Promise.all(pages.map((page) => readFile(join(root, page), 'utf8')))
  const found = texts.flatMap((text) =>
    [...text.matchAll(/npx kafka-envelope (keyring (?:[\w.-]|\s)+)/g)].map(([, command = '']) =>
      command.trim(),
    ),
  )
  return [...new Set(found)]
}

it('every keyring command that the documentation or an error tells users to type is accepted', async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-keyring-'))
  const found = await commands()
  expect(found.map((command) => command.split(' ')[1])).toEqual(
    expect.arrayContaining(['create', 'add', 'enable', 'rotate']),
  )
  for (const [i, command] of found.entries()) {
    const file = join(folder, `${String(i)}.keyring`)
    const [, verb] = command.split(' ')
    if (verb !== 'create') {
      await createKeyring(file, [{ id: verb === 'add' ? 'OTHER' : 'NAME', type: 'aes-256' }])
      if (verb === 'enable') await setCmkEnabled(file, 'NAME', false)
    }
    const args = command
      .split(/\s+/)
      .map((word) => (word === 'FILE' || word.endsWith('.keyring') ? file : word))
    const { stderr } = await promisify(execFile)(process.execPath, [inject('cli'), ...args], { cwd: root })
    expect(stderr, command).toBe('')
    const { cmks } = JSON.parse(await readFile(file, 'utf8')) as { cmks: { enabled: boolean }[] }
    expect(cmks.map(({ enabled }) => enabled)).not.toContain(false)
  }
}, 60_000)
