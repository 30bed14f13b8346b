import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createKeyring } from '../../src/kms/local/index.js'
import { writeSecret } from '../../src/secrets/encrypted-secret.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tsx = import.meta.resolve('tsx')
const page = await readFile(join(root, 'docs/secrets.md'), 'utf8')
let folder: string

beforeAll(async () => {
  // Inside the project, so that packages are found.
  folder = await mkdtemp(join(root, 'test/.secrets-'))
  await createKeyring(join(folder, 'dev.keyring'), [{ id: 'passwords-2026', type: 'aes-256' }])
  await writeFile(join(folder, 'kafka-envelope.yaml'), block('yaml'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The first block of code in a language. */
function block(language: string): string {
  return new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(page)?.[1] ?? ''
}

async function printed(command: string, args: readonly string[]): Promise<string> {
  const ended = promisify(execFile)(command, args, { cwd: folder, timeout: 60_000 })
  const { stdout, stderr } = await ended.catch(
    (error: unknown) => error as { stdout: string; stderr: string },
  )
  return stdout + stderr
}

it('the program in docs/secrets.md encrypts and decrypts', async () => {
  await writeFile(
    join(folder, 'program.ts'),
    block('ts')
      .replace("'kafka-envelope'", `'${root}src/index.ts'`)
      .replaceAll(/'kafka-envelope\/([\w/]+)'/g, `'${root}src/$1/index.ts'`),
  )
  const output = await printed(process.execPath, ['--import', tsx, 'program.ts'])
  expect(output).toMatch(/^a2VzZWMB\S+\ncorrect horse\n$/)
}, 60_000)

it('the commands in docs/secrets.md print what it shows', async () => {
  const text = block('console')
  const lines = text.trimEnd().split('\n')
  const command = `node --import ${tsx} ${join(root, 'src/cli/main.ts')}`
  const script = lines
    .filter((line) => line.startsWith('$ '))
    .map((line) => line.slice(2).replaceAll('npx kafka-envelope', command))
  const checks = [`PASSWORD='correct horse'`, ...script, 'printf "%s\\n" "$DB_PASSWORD"']
  const output = await printed('sh', ['-c', `${checks.join('\n')}\n`])
  const chance = (shown: string): string => shown.replace(/^a2VzZWMB\S+$/m, 'encrypted')
  const shown = lines.filter((line) => !line.startsWith('$ '))
  expect(chance(output).trimEnd().split('\n').sort()).toEqual(
    [...chance(shown.join('\n')).split('\n'), 'correct horse'].sort(),
  )
}, 60_000)

it('docs/secrets.md gives the bytes and the base64 with which an encrypted secret starts', () => {
  const start = writeSecret({ provider: 'x', cmkId: 'y', ciphertext: Uint8Array.of(1) }).subarray(0, 6)
  expect(page).toContain(`\`${(start.toString('hex').match(/../g) ?? []).join(' ')}\``)
  expect(page).toContain(`\`${start.toString('base64')}\``)
})
