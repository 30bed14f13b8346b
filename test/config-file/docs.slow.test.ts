import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { configJsonSchema } from '../../scripts/config-schema/config-schema.js'
import { withMembers } from '../../scripts/config-schema/members-page.js'
import { readConfigFile } from '../../src/config-file/read-file.js'
import { createKeyring } from '../../src/kms/local/index.js'
import { CERTIFICATE } from '../kms/certificate.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
let page = ''
let folder = ''

beforeAll(async () => {
  page = await readFile(join(root, 'docs/configuration.md'), 'utf8')
  folder = await mkdtemp(join(root, 'test/.readme-'))
  await writeFile(join(folder, 'kafka-envelope.yaml'), snippet('yaml', 0, 3))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function snippet(language: string, index = 0, count = 1): string {
  const found = [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))]
  expect(found).toHaveLength(count)
  return found[index]?.[1] ?? ''
}

const words = (text: string): string => text.replaceAll(/\s+/g, ' ')

it('the command of the page prints what the page shows', async () => {
  const args = /^npx kafka-envelope (.*)\n$/.exec(snippet('sh'))?.[1]?.split(' ') ?? []
  const { stdout } = await run(process.execPath, [inject('cli'), ...args], { cwd: folder })
  // Line breaks and alignment may change.
  expect(words(stdout)).toBe(words(snippet('text')))
})

it('the dictionaries that the page shows are a valid configuration', async () => {
  for (const name of ['orders', 'orders-2025']) await writeFile(join(folder, `${name}.dict`), '{"order":')
  const file = join(folder, 'dictionaries.yaml')
  const head = 'version: 1\ncmks: { main: [{ kms: gz, id: ap-guangzhou/1 }] }\n'
  await writeFile(file, `${head}${snippet('yaml', 2, 3)}`)
  const { policy, dictionaries } = await readConfigFile(file, {}, { inCode: [] })
  expect(policy.rules[0]?.encrypt?.compression).toEqual({ dictionary: 'orders' })
  expect([...dictionaries.keys()]).toEqual(['orders', 'orders-2025'])
})

it('the KMSs that the page and those of the providers show are valid configurations', async () => {
  await writeFile(join(folder, 'vault-ca.pem'), CERTIFICATE)
  const names = ['aws-kms', 'azure-key-vault', 'google-kms', 'pkcs11', 'tencent-kms', 'vault-kms']
  const pages = await Promise.all(names.map((name) => readFile(join(root, `docs/${name}.md`), 'utf8')))
  const lines = pages.map((text) => /`(\w+: \{ provider: [^`]*\})`/.exec(text)?.[1] ?? '')
  const rest = 'version: 1\ncmks: {}\ntopics: [{ match: [a], passthrough: true }]\n'
  const file = join(folder, 'kms.yaml')
  const env = Object.fromEntries(
    [...`${snippet('yaml', 1, 3)}${lines.join()}`.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [
      name,
      'x',
    ]),
  )
  const described: string[] = []
  for (const kms of [snippet('yaml', 1, 3), ...lines.map((line) => `kms:\n  ${line}\n`)]) {
    await writeFile(file, `${rest}${kms}`)
    const read = await readConfigFile(file, env, { inCode: [] })
    described.push([...read.kms.keys()].join())
  }
  expect(described).toEqual([
    'gz,eu,bao,google,azure,hsm,dev',
    'aws',
    'azure',
    'google',
    'hsm',
    'tencent',
    'vault',
  ])
})

it('the code of the page runs', async () => {
  for (const [name, id] of [
    ['gz', 'ap-guangzhou/1'],
    ['sh', 'ap-shanghai/1'],
  ] as const) {
    await createKeyring(join(folder, `${name}.keyring`), [{ id, type: 'aes-256' }])
  }
  const code = ['', '/config-file', '/kms/local'].reduce(
    (text, entry) => text.replace(`'kafka-envelope${entry}'`, `'${root}src${entry}/index.ts'`),
    `${snippet('ts')}\nconsole.log(encryption.health().status)\nawait encryption.close()\n`,
  )
  await writeFile(join(folder, 'snippet.ts'), code)
  const { stdout } = await run(process.execPath, ['--import', 'tsx', 'snippet.ts'], {
    cwd: folder,
    env: { ...process.env, CMK_GZ: '1', CMK_SH: '1' },
  })
  expect(stdout).toBe('ok\n')
})

it('the page lists every member as the schema describes it', () => {
  expect(words(withMembers(page, configJsonSchema()))).toBe(words(page))
})

it('a program that has its configuration in code loads no YAML parser', async () => {
  const script = "require('./src/index.ts'); console.log(JSON.stringify(Object.keys(require.cache)))"
  const { stdout } = await run(process.execPath, ['--require', 'tsx/cjs', '--eval', script], { cwd: root })
  const loaded = JSON.parse(stdout) as string[]
  expect(loaded.some((path) => path.includes('/node_modules/valibot/'))).toBe(true)
  expect(loaded.filter((path) => path.includes('/node_modules/yaml/'))).toEqual([])
})
