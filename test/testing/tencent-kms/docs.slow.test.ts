import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { ACTIONS } from '../../../src/testing/tencent-kms/actions/index.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
let docs = ''
let folder = ''

beforeAll(async () => {
  docs = await readFile(join(root, 'docs/kms-emulator.md'), 'utf8')
  // Inside the project, so that packages are found; a root of its own, so that this run's files are not.
  folder = await mkdtemp(join(root, 'test/.readme-emulator-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('the example is a test that passes', { timeout: 60_000 }, async () => {
  const [example = '', ...more] = [...docs.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code ?? '')
  expect(more).toEqual([])
  const source = `'${join(root, 'src/testing/index.ts')}'`
  await writeFile(join(folder, 'example.test.ts'), example.replaceAll("'kafka-envelope/testing'", source))
  await writeFile(join(folder, 'vitest.config.ts'), 'export default {}\n')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [vitest, 'run', '--root', folder, '--reporter', 'json'],
    { cwd: folder },
  )
  expect(JSON.parse(stdout)).toMatchObject({ success: true, numPassedTests: 2, numTotalTests: 2 })
})

it('every action is named', () => {
  const [, listed = ''] = /^## Actions\n(.*?)^Not there/ms.exec(docs) ?? []
  expect([...ACTIONS.keys()].filter((action) => !new RegExp(`\\b${action}\\b`).test(listed))).toEqual([])
})
