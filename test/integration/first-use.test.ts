import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { removeTopics } from '../support/broker.js'
import { claimDocumentedTopics } from '../support/documented-topics.js'
import { install } from '../support/installed.js'

const run = promisify(execFile)
let folder = ''

claimDocumentedTopics()

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await removeTopics(['orders'])
})

it('the first program in the README prints the opened record, in an empty folder after `npm init -y`', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const [, commands = ''] = /^## Install\n+```sh\n(.*?)^```/ms.exec(readme) ?? []
  const [, code = ''] = /^## First program\n.*?^```js\n(.*?)^```/ms.exec(readme) ?? []
  const [installing, ...others] = commands.trim().split('\n')
  expect(installing).toBe('npm install kafka-envelope kafkajs')

  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-first-use-'))
  await run('npm', ['init', '-y'], { cwd: folder })
  await install(folder)
  for (const command of others) await run('sh', ['-c', command], { cwd: folder })
  await writeFile(join(folder, 'orders.mjs'), code)
  // It reads until it is stopped.
  const program = spawn('node', ['orders.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(program, 'exit')
  const printed: string[] = []
  for await (const line of createInterface({ input: program.stdout })) {
    if (line.startsWith('{"level"')) continue
    printed.push(line)
    program.kill('SIGINT')
  }
  expect(printed).toEqual(['{"total":"19.90 €"} was sealed under orders'])
  expect(await exit).toEqual([null, 'SIGINT'])
}, 120_000)
