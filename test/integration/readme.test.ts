import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { removeTopics, testKafka } from '../support/broker.js'
import { claimDocumentedTopics } from '../support/documented-topics.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES: Record<string, string> = {
  "'kafka-envelope'": `'${root}src/index.ts'`,
  "'kafka-envelope/kafkajs'": `'${root}src/clients/kafkajs/index.ts'`,
  "'kafka-envelope/kms/local'": `'${root}src/kms/local/index.ts'`,
  "'kafka-envelope/opentelemetry'": `'${root}src/opentelemetry/index.ts'`,
  "'kafka-envelope/record'": `'${root}src/record/index.ts'`,
}

const TOPICS = ['orders', 'orders.dead']
/** The pages whose programs run here, with how many TypeScript snippets each has. */
const PAGES = { 'rules.md': 1, 'clients.md': 3, 'dead-letters.md': 2, 'events.md': 2, 'errors.md': 1 }

let readme = ''
let pages: Record<string, string> = {}
let folder = ''

claimDocumentedTopics()

beforeAll(async () => {
  readme = await readFile(join(root, 'README.md'), 'utf8')
  pages = Object.fromEntries(
    await Promise.all(
      Object.keys(PAGES).map(
        async (name) => [name, await readFile(join(root, 'docs', name), 'utf8')] as const,
      ),
    ),
  )
  // Inside the project, so that `kafkajs` is found.
  folder = await mkdtemp(join(root, 'test/.readme-'))
  const create = /npx kafka-envelope (keyring create .*)/.exec(readme)?.[1] ?? ''
  await run(process.execPath, [inject('cli'), ...create.split(' ')], {
    cwd: folder,
  })
  const admin = testKafka().admin()
  await admin.connect()
  await admin.createTopics({ topics: TOPICS.map((topic) => ({ topic })), waitForLeaders: true })
  await admin.disconnect()
})

afterAll(async () => {
  await removeTopics(TOPICS)
  await rm(folder, { recursive: true, force: true })
})

/** The TypeScript snippets of a page, in order. */
function snippets(page = ''): string[] {
  return [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = '']) => code)
}

/** The one snippet of all pages that has `text` in it. */
function containing(text: string): string {
  const found = Object.values(pages)
    .flatMap(snippets)
    .filter((code) => code.includes(text))
  expect(found, text).toHaveLength(1)
  return found[0] ?? ''
}

async function execute(code: string): Promise<string> {
  const script = join(folder, 'snippet.ts')
  const here = Object.entries(SOURCES).reduce((text, [from, to]) => text.replaceAll(from, to), code)
  await writeFile(script, here)
  const { stdout } = await run(process.execPath, ['--import', 'tsx', script], {
    cwd: folder,
    timeout: 60_000,
  })
  return stdout
}

it('the events, metrics and records of other clients that docs/ shows work', async () => {
  const stdout = await execute(
    [
      "import { createEncryption } from 'kafka-envelope'",
      "import { localKms } from 'kafka-envelope/kms/local'",
      'const encryption = await createEncryption({',
      "  kms: { dev: localKms({ keyring: './dev.keyring' }) },",
      "  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },",
      "  topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],",
      '})',
      ...['record.rejected', 'instrument(', 'sealRecords'].map(containing),
      'stop()',
      'await encryption.close()',
    ].join('\n'),
  )
  expect(stdout).toContain('ok\n')
  expect(stdout).toContain('secret\n')
})

it('the rules that docs/rules.md shows are a valid configuration', async () => {
  const stdout = await execute(
    [
      "import { createEncryption } from 'kafka-envelope'",
      "import { createKeyring, localKms } from 'kafka-envelope/kms/local'",
      containing('untilOffsets'),
      "const cmk = [{ kms: 'dev', id: 'orders' }]",
      "const old = { kms: 'old', id: 'old' }",
      "await createKeyring('./old.keyring', [{ id: old.id, type: 'aes-256' }])",
      'const encryption = await createEncryption({',
      "  kms: { dev: localKms({ keyring: './dev.keyring' }), old: localKms({ keyring: './old.keyring' }) },",
      "  cmks: { payments: cmk, 'payments-2023': [old], users: cmk },",
      '  topics,',
      '})',
      'console.log(encryption.health().status)',
      'await encryption.close()',
    ].join('\n'),
  )
  expect(stdout).toBe('ok\n')
})

it('the dead letters that docs/dead-letters.md shows arrive', async () => {
  const stdout = await execute(
    [
      "import { Kafka } from 'kafkajs'",
      "import { createEncryption } from 'kafka-envelope'",
      "import { decryptConsumer } from 'kafka-envelope/kafkajs'",
      "import { localKms } from 'kafka-envelope/kms/local'",
      'const config = {',
      "  kms: { dev: localKms({ keyring: './dev.keyring' }) },",
      "  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },",
      '}',
      `const kafka = new Kafka({ brokers: [${JSON.stringify(process.env['KAFKA_BROKERS'])}], logLevel: 0 })`,
      containing('const deadLetters'),
      "await deadLetters.send({ topic: 'orders', messages: [{ value: 'plain' }] })",
      "const rejected = new Promise((resolve) => encryption.on('record.rejected', resolve))",
      'await consumer.connect()',
      "await consumer.subscribe({ topic: 'orders', fromBeginning: true })",
      'await consumer.run({ eachMessage: async () => undefined })',
      'const { code, action } = (await rejected) as { code: string; action: string }',
      'console.log(code, action)',
      'await consumer.disconnect()',
      'await deadLetters.disconnect()',
      'await encryption.close()',
    ].join('\n'),
  )
  expect(stdout).toBe('NOT_SEALED deadLetter\n')
})

it('the function that docs/dead-letters.md shows decides about records', async () => {
  const stdout = await execute(
    [
      "import { createEncryption } from 'kafka-envelope'",
      "import { localKms } from 'kafka-envelope/kms/local'",
      containing('RejectionHandler'),
      'const encryption = await createEncryption({',
      "  kms: { dev: localKms({ keyring: './dev.keyring' }) },",
      "  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },",
      '  topics,',
      '})',
      'const answers = []',
      "for (const code of ['TOMBSTONE_REJECTED', 'UNKNOWN_FORMAT', 'NOT_SEALED', 'MALFORMED']) {",
      '  answers.push(await decide({} as never, { code } as never))',
      '}',
      'console.log(JSON.stringify(answers))',
      'await encryption.close()',
    ].join('\n'),
  )
  expect(JSON.parse(stdout)).toEqual(['skip', { value: null }, { deadLetter: 'orders.plaintext' }, 'stop'])
})

it('the program that docs/errors.md shows puts aside what may succeed later, and throws everything else', async () => {
  const stdout = await execute(
    [
      "import { EnvelopeError } from 'kafka-envelope'",
      "const messages = [{ value: 'a' }]",
      'const aside: unknown[] = []',
      'const putAside = async (given: unknown[]) => aside.push(...given)',
      "let code: 'KMS_UNAVAILABLE' | 'KMS_DENIED' = 'KMS_UNAVAILABLE'",
      "const producer = { send: (_: unknown) => Promise.reject(new EnvelopeError(code, 'a test says so')) }",
      'async function attempt() {',
      containing('retriable').replace(/^import .*$/m, ''),
      '}',
      "import { isEnvelopeError } from 'kafka-envelope'",
      'await attempt()',
      "code = 'KMS_DENIED'",
      'await attempt().catch((error) => console.log(aside.length, error.code))',
    ].join('\n'),
  )
  expect(stdout).toBe('1 KMS_DENIED\n')
})

it('every TypeScript snippet of these pages is one of those that run', () => {
  const counts = Object.entries(pages).map(([name, page]) => [name, snippets(page).length])
  expect(Object.fromEntries(counts)).toEqual(PAGES)
  expect(snippets(readme)).toEqual([])
})
