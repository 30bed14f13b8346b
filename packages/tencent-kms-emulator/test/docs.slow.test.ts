import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { ACTIONS } from '../src/actions/index.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const readme = fileURLToPath(new URL('../README.md', import.meta.url))
let docs = ''
let folder = ''

beforeAll(async () => {
  docs = await readFile(readme, 'utf8')
  // Inside the project, so that packages are found; with its own root, so that its files are not part of this run.
  folder = await mkdtemp(join(root, 'test/.readme-emulator-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('the example in the README is a test that passes', { timeout: 60_000 }, async () => {
  const [example = '', ...more] = [...docs.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code ?? '')
  expect(more).toEqual([])
  const source = `'${fileURLToPath(new URL('../src/index.ts', import.meta.url))}'`
  await writeFile(
    join(folder, 'example.test.ts'),
    example.replace("'kafka-envelope-tencent-kms-emulator'", source),
  )
  await writeFile(join(folder, 'vitest.config.ts'), 'export default {}\n')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [vitest, 'run', '--root', folder, '--reporter', 'json'],
    { cwd: folder },
  )
  expect(JSON.parse(stdout)).toMatchObject({ success: true, numPassedTests: 2, numTotalTests: 2 })
})

it('the README names every action', () => {
  const [, listed = ''] = /^## Actions\n(.*?)^Not supported/ms.exec(docs) ?? []
  expect([...ACTIONS.keys()].filter((action) => !new RegExp(`\\b${action}\\b`).test(listed))).toEqual([])
})
