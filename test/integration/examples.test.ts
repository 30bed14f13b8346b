import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePorts } from '../../scripts/broker/ports.js'
import { createEncryption } from '../../src/index.js'
import { createKeyring, localKms } from '../../src/kms/local/index.js'
import { sealRecords } from '../../src/record/index.js'
import { removeTopics, testKafka } from '../support/broker.js'
import { claimDocumentedTopics } from '../support/documented-topics.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const examples = join(root, 'examples')
const MAX_LINES = 59

/** The topics that an example makes, and the lines that it prints, in this order. */
const PROGRAMS: Record<string, { topics: string[]; prints: (string | RegExp)[] }> = {
  'quick-start.ts': { topics: ['orders'], prints: ['{"total":"19.90 €"} sealed under orders'] },
  'configuration-file.ts': {
    topics: ['file.orders', 'metrics'],
    prints: ['topic other: TOPIC_NOT_CONFIGURED'],
  },
  'transactions.ts': { topics: ['tx.orders', 'tx.invoices'], prints: ['committed up to offset 0'] },
  'dead-letters.ts': {
    topics: ['dl.orders', 'dl.orders.dead'],
    prints: ['offset 0: NOT_SEALED, deadLetter', 'delivered {"total":"19.90 €"}'],
  },
  'migration.ts': {
    topics: ['migration.users'],
    prints: ['untilOffsets: {"0":"2"}', 'written before the migration', 'written after the migration'],
  },
  'secrets.ts': {
    topics: [],
    prints: ['connecting with a password of 13 bytes', 'as payroll: SECRET_NOT_AUTHENTIC'],
  },
  'nestjs.ts': {
    topics: ['nest.orders', 'nest.prices', 'nest.prices.reply'],
    prints: [
      "billed { total: '19.90 €' }",
      'price 19.90 €',
      "refused { status: 'error', message: 'no price for gold' }",
    ],
  },
  'opentelemetry.ts': {
    topics: ['otel.orders'],
    prints: [/name: 'generate dev'/, /^kafka_envelope_sealed_records_total\{.*\} 2$/],
  },
}
const OTHERS = ['fastify.ts', 'lambda.ts', 'handler.test.cjs']
const TOPICS = [...Object.values(PROGRAMS).flatMap(({ topics }) => topics), 'fastify.orders']

let folder = ''

beforeAll(async () => {
  // The examples use the built package.
  await run('npm', ['run', 'prepack'], { cwd: root })
  const isInstalled = existsSync(join(examples, 'node_modules'))
  if (!isInstalled) await run('npm', ['ci', '--no-progress'], { cwd: examples })
}, 300_000)

claimDocumentedTopics()

beforeAll(async () => {
  // Below the examples, so that their packages are found.
  folder = await mkdtemp(join(examples, '.run-'))
  await createKeyring(join(folder, 'dev.keyring'), [{ id: 'orders', type: 'aes-256' }])
  await copyFile(join(examples, 'kafka-envelope.yaml'), join(folder, 'kafka-envelope.yaml'))
  await removeLeftTopics()
})

afterAll(async () => {
  await removeLeftTopics()
  await rm(folder, { recursive: true, force: true })
})

async function removeLeftTopics(): Promise<void> {
  const admin = testKafka().admin()
  await admin.connect()
  const left = (await admin.listTopics()).filter((topic) => TOPICS.includes(topic))
  await admin.disconnect()
  if (left.length > 0) await removeTopics(left)
}

/** Starts a program in the folder that has the keyring. */
function start(args: string[], env: NodeJS.ProcessEnv = {}) {
  return spawn(process.execPath, ['--import', 'tsx', ...args], {
    cwd: folder,
    // A program that does not end by itself fails its test, and is killed.
    timeout: 60_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Runs a program to its end, which has to be a good one, and gives what it printed. */
async function linesOf(args: string[], env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const program = start(args, env)
  const exit = once(program, 'exit')
  const lines: string[] = []
  for await (const line of createInterface({ input: program.stdout })) lines.push(line)
  expect(await exit).toEqual([0, null])
  return lines
}

it.each(Object.entries(PROGRAMS))(
  'examples/%s ends by itself and prints the expected output',
  async (name, { prints }) => {
    const [port = 0] = await freePorts(1)
    const lines = await linesOf([join(examples, name)], { METRICS_PORT: String(port) })
    const found = prints.map((print) =>
      lines.findIndex((line) => (typeof print === 'string' ? line === print : print.test(line))),
    )
    expect(found, lines.join('\n')).not.toContain(-1)
    expect(found).toEqual([...found].sort((a, b) => a - b))
  },
  90_000,
)

it('examples/fastify.ts is ready once it reads, answers both probes, and ends by itself after SIGTERM', async () => {
  const [port = 0] = await freePorts(1)
  const url = `http://localhost:${String(port)}`
  const program = start([join(examples, 'fastify.ts')], { PORT: String(port) })
  const exit = once(program, 'exit')
  const isReady = (): Promise<boolean> =>
    fetch(`${url}/ready`).then(
      ({ status }) => status === 200,
      () => false,
    )
  while (!(await isReady())) {
    if (program.exitCode !== null) throw new Error('the service ended')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect(await (await fetch(`${url}/live`)).json()).toEqual({ status: 'ok' })
  const sent = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"total":"19.90 €"}',
  })
  expect(sent.status).toBe(202)
  for await (const line of createInterface({ input: program.stdout })) {
    if (line.includes('read {')) program.kill('SIGTERM')
  }
  expect(await exit).toEqual([0, null])
}, 90_000)

it('examples/lambda.ts opens the records of an MSK event, and has each partition go on where it failed', async () => {
  const encryption = await createEncryption({
    kms: { dev: localKms({ keyring: join(folder, 'dev.keyring') }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['lambda.orders'], encrypt: { cmk: 'orders' } }],
  })
  const [sealed] = await sealRecords(encryption, [
    { topic: 'lambda.orders', key: '42', value: '{"total":"19.90 €"}', headers: { type: 'order' } },
  ])
  await encryption.close()
  // As AWS documents it: one list for each partition, base64, and headers as lists of bytes.
  const record = (offset: number, key = '42', value: Buffer | string | null = sealed?.value ?? null) => ({
    topic: 'lambda.orders',
    partition: 0,
    offset,
    timestamp: 0,
    timestampType: 'CREATE_TIME',
    key: Buffer.from(key).toString('base64'),
    ...(value === null ? {} : { value: Buffer.from(value).toString('base64') }),
    headers: [{ type: [...Buffer.from('order')] }, { place: [90, -61, -68] }],
  })
  const moved = record(8, '43')
  await writeFile(
    join(folder, 'event.json'),
    JSON.stringify({
      records: {
        'lambda.orders-0': [record(7), moved, record(9)],
        'lambda.orders-1': [record(3), record(4, '42', null)],
      },
    }),
  )
  await writeFile(
    join(folder, 'invoke.mts'),
    `import { readFileSync } from 'node:fs'
     import { handler } from '../lambda.ts'
     const event = JSON.parse(readFileSync('event.json', 'utf8'))
     await handler(event).catch((error) => console.log(error.code))
     process.env.REPORTS_FAILURES = 'true'
     console.log(JSON.stringify(await handler(event)))`,
  )
  const order = '{"total":"19.90 €"}'
  const failures = [{ itemIdentifier: { partition: 'lambda.orders-0', offset: 8 } }]
  expect(await linesOf(['invoke.mts'])).toEqual([
    ...[order, order, 'tombstone', 'AUTHENTICATION_FAILED'],
    ...[order, order, 'tombstone', JSON.stringify({ batchItemFailures: failures })],
  ])
}, 90_000)

it('examples/handler.test.cjs passes in Jest, with no broker and no files', async () => {
  const { stderr } = await run('npx', ['jest', '--ci'], {
    cwd: examples,
    env: { ...process.env, NODE_ENV: 'test', KAFKA_BROKERS: '', NO_COLOR: '1' },
  })
  expect(stderr).toMatch(/Tests: +3 passed, 3 total/)
}, 90_000)

it('the examples compile under strict TypeScript', async () => {
  await run('npx', ['tsc', '-p', '.'], { cwd: examples })
}, 120_000)

it('each example is run here, is under 60 lines, and has a row in examples/README.md', async () => {
  const files = (await readdir(examples)).filter((name) => /\.(ts|cjs)$/.test(name))
  expect(files.sort()).toEqual([...Object.keys(PROGRAMS), ...OTHERS].sort())
  const readme = await readFile(join(examples, 'README.md'), 'utf8')
  for (const name of files) {
    const lines = (await readFile(join(examples, name), 'utf8')).trimEnd().split('\n')
    expect(lines.length, name).toBeLessThanOrEqual(MAX_LINES)
    expect(readme).toContain(`[${name}](${name})`)
  }
})
