import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKeyring } from '../../../src/kms/local/index.js'
import { newTopic } from '../../support/broker.js'
import { whyNoConfluent } from '../../support/confluent.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',')
const SOURCES = { '': 'index', '/confluent': 'clients/confluent/index', '/kms/local': 'kms/local/index' }

let folder = ''
let page = ''

beforeAll(async () => {
  // There the client is found.
  folder = await mkdtemp(join(root, 'test/support/confluent/.program-'))
  await createKeyring(join(folder, 'dev.keyring'), [{ id: 'orders', type: 'aes-256' }])
  page = await readFile(join(root, 'docs/clients.md'), 'utf8')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** The program of the page, for another topic, broker and group. */
async function program(name: string, topic: string, changed: (code: string) => string): Promise<string> {
  const [, code = ''] = /## Confluent's client\n.*?^```ts\n(.*?)^```/ms.exec(page) ?? []
  const setup = `import { createEncryption } from 'kafka-envelope'
import { localKms } from 'kafka-envelope/kms/local'
const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: '${join(folder, 'dev.keyring')}' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
})
`
  let text = changed(setup + code)
    .replaceAll("['orders']", `['${topic}']`)
    .replaceAll("topic: 'orders'", `topic: '${topic}'`)
    .replaceAll("'localhost:9092'", `'${brokers.join("','")}'`)
    .replace("groupId: 'billing'", `groupId: '${topic}', sessionTimeout: 6000, autoCommitInterval: 100`)
    // Its log goes to the standard output.
    .replace('kafkaJS: { brokers:', 'kafkaJS: { logLevel: 0, brokers:')
  for (const [entry, file] of Object.entries(SOURCES))
    text = text.replaceAll(`'kafka-envelope${entry}'`, `'${root}src/${file}.ts'`)
  const script = join(folder, `${name}.ts`)
  await writeFile(script, text)
  return script
}

const arguments_ = (script: string): string[] => ['--import', 'tsx', script]

describe.skipIf(whyNoConfluent !== undefined)(
  `programs with Confluent's client ${whyNoConfluent ?? ''}`,
  () => {
    it('the program in docs/clients.md sends and reads a message', async () => {
      const script = await program('docs', await newTopic('confluent.docs'), (code) =>
        code.replace(
          'console.log(message.value?.toString())',
          '{ console.log(message.value?.toString()); setImmediate(() => consumer.disconnect()) }',
        ),
      )
      const run = promisify(execFile)
      const { stdout } = await run(process.execPath, arguments_(script), { cwd: root, timeout: 50_000 })
      expect(stdout).toContain('secret\n')
    })

    it('what a killed process had read, but not handled, comes again, and nothing else is lost', async () => {
      const topic = await newTopic('confluent.killed')
      const messages = `messages: Array.from({ length: 200 }, (_, i) => ({ key: 'k', value: String(i) })) })`
      const handler = 'console.log(message.value?.toString())'
      const slowly = `{ await new Promise((resolve) => setTimeout(resolve, 20)); ${handler} }`
      const first = await program('first', topic, (code) =>
        code.replace("messages: [{ key: '42', value: 'secret' }] })", messages).replace(handler, slowly),
      )
      const second = await program('second', topic, (code) =>
        code.replace(/await producer\.(send|connect|disconnect).*\n/g, ''),
      )
      const handled = await linesOf(first, (lines) => lines.length === 60)
      const rest = await linesOf(second, (lines) => lines.at(-1) === '199')
      const resumed = Number(rest[0])
      expect(handled.length).toBeLessThan(100)
      // It had committed something, and nothing that it had not handled.
      expect(resumed).toBeGreaterThan(0)
      expect(resumed).toBeLessThanOrEqual(handled.length)
      expect(rest).toEqual(Array.from({ length: 200 - resumed }, (_, i) => String(resumed + i)))
    })
  },
)

/** What a program prints until it is killed. Only numbers count: the client may log. */
async function linesOf(script: string, isEnough: (lines: readonly string[]) => boolean): Promise<string[]> {
  const child = spawn(process.execPath, arguments_(script), {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    if (!/^\d+$/.test(line)) continue
    lines.push(line)
    if (isEnough(lines)) child.kill('SIGKILL')
  }
  return lines
}
