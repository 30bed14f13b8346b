import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { decryptConsumer, encryptProducer } from '../../../src/clients/platformatic/index.js'
import { createEncryption } from '../../../src/index.js'
import { createKeyring, localKms } from '../../../src/kms/local/index.js'
import { newTopic } from '../../support/broker.js'
import { close } from './support.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',')
const SOURCES = {
  '': 'index',
  '/platformatic': 'clients/platformatic/index',
  '/kms/local': 'kms/local/index',
}

let folder = ''
let page = ''

beforeAll(async () => {
  // Inside the project, so that the client is found.
  folder = await mkdtemp(join(root, 'test/.platformatic-'))
  await createKeyring(join(folder, 'dev.keyring'), [{ id: 'orders', type: 'aes-256' }])
  page = await readFile(join(root, 'docs/clients.md'), 'utf8')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const configOf = (topic: string) => ({
  kms: { dev: localKms({ keyring: join(folder, 'dev.keyring') }) },
  cmks: { orders: [{ kms: 'dev' as const, id: 'orders' }] },
  topics: [{ match: [topic], encrypt: { cmk: 'orders' as const }, decrypt: { cmk: 'orders' as const } }],
})

/** The program of the page, for another topic, broker and group. */
async function program(topic: string, changed: (code: string) => string = (code) => code): Promise<string> {
  const [, code = ''] = /## Platformatic's client\n.*?^```ts\n(.*?)^```/ms.exec(page) ?? []
  const setup = `import { createEncryption } from 'kafka-envelope'
import { localKms } from 'kafka-envelope/kms/local'
const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: '${join(folder, 'dev.keyring')}' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
})
`
  let text = changed(setup + code).replaceAll("['orders']", `['${topic}']`)
  text = text
    .replaceAll("topic: 'orders'", `topic: '${topic}'`)
    .replaceAll("'localhost:9092'", `'${brokers.join("','")}'`)
  text = text.replace(
    "groupId: 'billing'",
    `groupId: '${topic}', sessionTimeout: 6000, rebalanceTimeout: 6000`,
  )
  for (const [entry, file] of Object.entries(SOURCES))
    text = text.replaceAll(`'kafka-envelope${entry}'`, `'${root}src/${file}.ts'`)
  const script = join(folder, `${topic}.ts`)
  await writeFile(script, text)
  return script
}

it('Platformatic: the program in docs/clients.md sends and reads a message', async () => {
  const script = await program(await newTopic('plt.docs'))
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--import', 'tsx', script], { cwd: root, timeout: 50_000 })
  expect(stdout).toBe('secret\n')
})

it('Platformatic: what a killed process had fetched, but not handled, comes again, with the default autocommit', async () => {
  const topic = await newTopic('plt.killed')
  const encryption = await createEncryption(configOf(topic))
  const client = { clientId: 'laws', bootstrapBrokers: brokers }
  const producer = encryptProducer(new Producer(client), encryption, { serializers: stringSerializers })
  await producer.send({ messages: Array.from({ length: 200 }, (_, i) => ({ topic, value: String(i) })) })
  await producer.close()
  const script = await program(topic, (code) =>
    code
      .replace(/await producer\.send.*\n/, '')
      .replace('  break\n', '  await new Promise((resolve) => setTimeout(resolve, 20))\n'),
  )
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const handled: string[] = []
  for await (const line of createInterface(child.stdout)) {
    handled.push(line)
    if (handled.length === 30) child.kill('SIGKILL')
  }
  const consumer = decryptConsumer(new Consumer({ ...client, groupId: topic }), encryption, {
    deserializers: stringDeserializers,
  })
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' })
  const rest: string[] = []
  for await (const { value } of stream) {
    rest.push(value)
    if (value === '199') break
  }
  await close(consumer)
  await encryption.close()
  const resumed = Number(rest[0])
  expect(handled.length).toBeLessThan(60)
  // It had committed something, and nothing that it had not handled.
  expect(resumed).toBeGreaterThan(0)
  expect(resumed).toBeLessThanOrEqual(handled.length)
  expect(rest).toEqual(Array.from({ length: 200 - resumed }, (_, i) => String(resumed + i)))
})
