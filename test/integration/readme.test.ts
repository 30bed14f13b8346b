import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { errorCodes } from '../../src/errors.js'
import { removeTopics, testKafka } from '../support/broker.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES: Record<string, string> = {
  "'kafka-envelope'": `'${root}src/index.ts'`,
  "'kafka-envelope/config-file'": `'${root}src/config-file/index.ts'`,
  "'kafka-envelope/kms/local'": `'${root}src/kms/local/index.ts'`,
  "'kafka-envelope/opentelemetry'": `'${root}src/opentelemetry/index.ts'`,
  "'kafka-envelope/kms/tencent'": `'${root}src/kms/tencent/index.ts'`,
  "'kafka-envelope/record'": `'${root}src/record/index.ts'`,
}

const TOPICS = ['orders', 'orders.dead']

let readme = ''
let folder = ''

beforeAll(async () => {
  readme = await readFile(join(root, 'README.md'), 'utf8')
  // Inside the project, so that `kafkajs` is found.
  folder = await mkdtemp(join(root, 'test/.readme-'))
  const create = /npx kafka-envelope (keyring create .*)/.exec(containing('sh', 'keyring create'))?.[1] ?? ''
  await run(process.execPath, ['--import', 'tsx', join(root, 'src/cli/main.ts'), ...create.split(' ')], {
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

/** The snippets of one language, in order. */
function snippets(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(
    ([, code]) => code ?? '',
  )
}

function containing(language: string, text: string): string {
  const found = snippets(language).find((code) => code.includes(text))
  if (found === undefined) throw new Error(`README has no ${language} snippet with ${text}`)
  return found
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

it('the events, metrics and records of other clients that the README shows work', async () => {
  const stdout = await execute(
    [
      "import { createEncryption } from 'kafka-envelope'",
      "import { localKms } from 'kafka-envelope/kms/local'",
      'const encryption = await createEncryption({',
      "  kms: { dev: localKms({ keyring: './dev.keyring' }) },",
      "  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },",
      "  topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],",
      '})',
      ...['record.rejected', 'instrument(', 'sealRecords'].map((text) => containing('ts', text)),
      'stop()',
      'await encryption.close()',
    ].join('\n'),
  )
  expect(stdout).toContain('ok\n')
  expect(stdout).toContain('secret\n')
})

it('the rules that the README shows are a valid configuration', async () => {
  const stdout = await execute(
    [
      "import { createEncryption } from 'kafka-envelope'",
      "import { createKeyring, localKms } from 'kafka-envelope/kms/local'",
      containing('ts', 'untilOffsets'),
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

it('the file that the README shows loads', async () => {
  await writeFile(join(folder, 'kafka-envelope.yaml'), containing('yaml', 'version: 1'))
  const stdout = await execute(
    [
      "process.env.ORDERS_CMK = 'orders'",
      containing('ts', 'loadConfig'),
      'console.log(encryption.health().status)',
      'await encryption.close()',
    ].join('\n'),
  )
  expect(stdout).toBe('ok\n')
})

it('the dead letters that the README shows arrive', async () => {
  const stdout = await execute(
    [
      "import { Kafka } from 'kafkajs'",
      "import { createEncryption } from 'kafka-envelope'",
      "import { localKms } from 'kafka-envelope/kms/local'",
      'const config = {',
      "  kms: { dev: localKms({ keyring: './dev.keyring' }) },",
      "  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },",
      '}',
      `const kafka = new Kafka({ brokers: [${JSON.stringify(process.env['KAFKA_BROKERS'])}], logLevel: 0 })`,
      containing('ts', 'deadLetter:'),
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

it('the function that the README shows decides about records', async () => {
  const stdout = await execute(
    [
      "import { createEncryption } from 'kafka-envelope'",
      "import { localKms } from 'kafka-envelope/kms/local'",
      containing('ts', 'RejectionHandler'),
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

it('the CMKs in Tencent Cloud KMS that the README shows are a valid configuration', async () => {
  const stdout = await execute(
    [
      "import { createEncryption } from 'kafka-envelope'",
      containing('ts', 'tencentKms'),
      "const topics = [{ match: ['orders'], encrypt: { cmk: 'orders' } }]",
      'const encryption = await createEncryption({ kms, cmks, topics })',
      'console.log(encryption.health().status)',
      'await encryption.close()',
    ].join('\n'),
  )
  expect(stdout).toBe('ok\n')
})

it('every TypeScript snippet of the README is one of those that run', () => {
  expect(snippets('ts')).toHaveLength(8)
})

it('the README lists every error code', () => {
  expect(errorCodes().filter((code) => !readme.includes(`\`${code}\``))).toEqual([])
})
