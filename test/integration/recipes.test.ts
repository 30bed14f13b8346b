import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createEncryption, type Encryption } from '../../src/index.js'
import { createKeyring, localKms } from '../../src/kms/local/index.js'
import { removeTopics, testKafka } from '../support/broker.js'
import { documentedProgram, startProgram, type Program } from '../support/documented-program.js'
import { claimDocumentedTopics } from '../support/documented-topics.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { decryptConsumer, encryptProducer } from '../../src/clients/kafkajs/index.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const TOPICS = ['orders', 'users', 'invoices']
const PORT = 18_473
let folder = ''

claimDocumentedTopics()

beforeAll(async () => {
  folder = await mkdtemp(join(root, 'test/.recipes-'))
  await createKeyring(join(folder, 'dev.keyring'), [{ id: 'orders', type: 'aes-256' }])
  const admin = testKafka().admin()
  await admin.connect()
  await admin.createTopics({ topics: TOPICS.map((topic) => ({ topic })), waitForLeaders: true })
  await admin.disconnect()
})
afterAll(async () => {
  await removeTopics(TOPICS)
  await rm(folder, { recursive: true, force: true })
})

/** Starts the program with `part` in it. */
async function start(part: string, edit = (code: string): string => code): Promise<Program> {
  const code = await documentedProgram('recipes.md', part)
  return startProgram(folder, edit(code), { PORT: String(PORT) })
}

it('the offsets at which plaintext ends are accepted as printed, and plaintext behind them is refused', async () => {
  const plain = testKafka().producer()
  await plain.connect()
  await plain.send({ topic: 'users', messages: [{ value: 'a' }, { value: 'b' }] })
  await plain.disconnect()
  const { exit, stdout } = await start('fetchTopicOffsets')
  expect(await exit).toEqual([0, null])
  const printed = (await stdout).split('\n').find((line) => line.startsWith('{"untilOffsets"')) ?? ''
  expect(JSON.parse(printed)).toEqual({ untilOffsets: { users: { 0: '2' } } })

  for (const [plaintext, expected] of [
    [{ untilOffsets: { users: { 0: '9223372036854775807' } } }, ['b', 'c', 's']],
    [
      JSON.parse(printed) as { untilOffsets: Record<string, Record<number, string>> },
      ['b', 'NOT_SEALED', 's'],
    ],
  ] as const) {
    const { encryption } = await memoryEncryption([
      { match: ['users'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', plaintext } },
    ])
    const [sealed] = await sealRecords(encryption, [{ topic: 'users', value: 's' }])
    const opened = await openRecords(encryption, [
      { topic: 'users', partition: 0, offset: '1', value: Buffer.from('b') },
      { topic: 'users', partition: 0, offset: '2', value: Buffer.from('c') },
      { topic: 'users', partition: 0, offset: '3', value: sealed?.value ?? null },
    ])
    expect(opened.map(({ error, value }) => error?.code ?? String(value))).toEqual(expected)
    await encryption.close()
  }
})

it('the service that docs/recipes.md shows is ready and alive, also while its KMS is down, and ends by itself after SIGTERM', async () => {
  const { child, exit } = await start('SIGTERM')
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  const probe = async (path: string): Promise<{ status: number; body: string }> => {
    const answer = await fetch(`http://127.0.0.1:${String(PORT)}${path}`).catch(() => undefined)
    return { status: answer?.status ?? 0, body: (await answer?.text()) ?? '' }
  }
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await holds())) {
      if (child.exitCode !== null) throw new Error('the service ended')
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  await until(async () => (await probe('/ready')).status === 200)
  expect(await probe('/live')).toEqual({ status: 200, body: 'ok' })

  await writeFile(join(folder, 'down'), '')
  const sender = await createEncryption({
    kms: { dev: localKms({ keyring: join(folder, 'dev.keyring') }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' } }],
  })
  const producer = encryptProducer(testKafka().producer(), sender)
  await producer.connect()
  // The consumer begins at the end of the topic, whenever it has joined its group.
  await until(async () => {
    await producer.send({ topic: 'orders', messages: [{ value: CANARY }] })
    return (await probe('/live')).body === 'degraded'
  })
  await producer.disconnect()
  await sender.close()
  expect(await probe('/live')).toEqual({ status: 200, body: 'degraded' })
  expect(await probe('/ready')).toEqual({ status: 200, body: 'degraded' })

  await rm(join(folder, 'down'))
  await until(async () => (await probe('/live')).body === 'ok')
  await until(() => printed.includes(CANARY))
  child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
}, 120_000)

it('the transactions that docs/recipes.md shows write each invoice once, through a crash and an outage of the KMS', async () => {
  const own = await createEncryption({
    kms: { dev: localKms({ keyring: join(folder, 'dev.keyring') }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders', 'invoices'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
  })
  const orders = await readTopic(own, 'orders')
  const invoices = await readTopic(own, 'invoices')
  const producer = encryptProducer(testKafka().producer(), own)
  await producer.connect()
  const send = async (from: number): Promise<void> => {
    for (let n = from; n < from + 10; n++)
      await producer.send({
        topic: 'orders',
        messages: [{ key: String(n), value: `${CANARY} ${String(n)}` }],
      })
  }
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 100))
  }
  // The group notices a crash at the end of the session.
  const startIt = () =>
    start('sendOffsets', (code) => code.replace('{ groupId })', '{ groupId, sessionTimeout: 6000 })'))

  await send(0)
  const first = await startIt()
  await until(() => invoices.values.length > 5)
  first.child.kill('SIGKILL')
  await first.exit
  await writeFile(join(folder, 'down'), '')
  const second = await startIt()
  await send(10)
  await new Promise((resolve) => setTimeout(resolve, 10_000))
  expect(invoices.values.some((value) => value.endsWith(' 10'))).toBe(false)
  await rm(join(folder, 'down'))
  await until(() => invoices.values.some((value) => value.endsWith(' 10')))
  await send(20)
  await until(() => invoices.values.some((value) => value.endsWith(' 29')))
  expect(invoices.values).toEqual(orders.values)

  second.child.kill('SIGKILL')
  await Promise.all([orders.stop(), invoices.stop(), producer.disconnect(), second.exit])
  await own.close()
}, 120_000)

/** Reads a topic from its beginning. */
async function readTopic(encryption: Encryption, topic: string) {
  const values: string[] = []
  const consumer = decryptConsumer(
    testKafka().consumer({ groupId: `read-${topic}`, maxWaitTimeInMs: 50 }),
    encryption,
  )
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: ({ message }) => {
      values.push(String(message.value))
      return Promise.resolve()
    },
  })
  return { values, stop: () => consumer.disconnect() }
}
