import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { removeTopics } from '../support/broker.js'
import { install } from '../support/installed.js'

const run = promisify(execFile)
let folder = ''

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await removeTopics(['orders'])
})

it('the file that the README has one paste prints the opened record, in an empty folder after `npm init -y`', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const use = readme.slice(readme.indexOf('## Use\n'))
  const [, commands = ''] = /^```sh\n(.*?)^```/ms.exec(use) ?? []
  const [, code = ''] = /^```js\n(.*?)^```/ms.exec(use) ?? []
  const [installing, ...others] = commands.trim().split('\n')
  expect(installing).toBe('npm install kafka-envelope kafkajs')

  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-first-use-'))
  await run('npm', ['init', '-y'], { cwd: folder })
  await install(folder)
  for (const command of others) await run('sh', ['-c', command], { cwd: folder })
  await writeFile(join(folder, 'orders.mjs'), code)
  const { stdout } = await run('node', ['orders.mjs'], { cwd: folder, timeout: 60_000 })
  const printed = stdout.split('\n').filter((line) => !line.startsWith('{"level"'))
  expect(printed).toEqual(['{"total":"19.90 €"} sealed under orders', ''])
})
