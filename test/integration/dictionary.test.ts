import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sampleValues } from '../../bench/parts/samples/samples.js'
import { encryptProducer } from '../../src/clients/kafkajs/index.js'
import { createEncryption } from '../../src/index.js'
import { createKeyring, localKms } from '../../src/kms/local/index.js'
import { newTopic, removeTopics, testKafka } from '../support/broker.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder: string
let topic: string

beforeAll(async () => {
  // Inside the project, so that kafkajs is found.
  folder = await mkdtemp(join(root, 'test/.dictionary-'))
  topic = await newTopic('dictionary')
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await removeTopics([topic])
})

it('kafka-envelope dictionary learns from a topic through its decrypt rule, and leaves no consumer group', async () => {
  const keyring = join(folder, 'dev.keyring')
  await createKeyring(keyring, [{ id: 'orders', type: 'aes-256' }])
  const cmks = { main: [{ kms: 'local', id: 'orders' }] } as const
  const rule = { match: [topic], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } } as const
  const encryption = await createEncryption({ kms: { local: localKms({ keyring }) }, cmks, topics: [rule] })
  const producer = encryptProducer(testKafka().producer(), encryption)
  await producer.connect()
  const values = sampleValues('order', 120, 1)
  await producer.send({
    topic,
    messages: [{ value: null }, ...values.map((value, i) => ({ key: String(i % 37), value }))],
  })
  await producer.disconnect()
  await encryption.close()

  const config = join(folder, 'config.ts')
  await writeFile(
    config,
    `import { Kafka, logLevel } from 'kafkajs'
import { createEncryption } from '${root}src/index.js'
import { localKms } from '${root}src/kms/local/index.js'
export const kafka = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING })
const kms = { local: localKms({ keyring: '${keyring}' }) }
export const encryption = await createEncryption({ kms, cmks: ${JSON.stringify(cmks)}, topics: [${JSON.stringify(rule)}] })
`,
  )
  const create = async (file: string, records: number): Promise<string> => {
    const from = ['--topic', topic, '--config', config, '--records', String(records)]
    const args = ['--import', 'tsx', 'src/cli/main.ts', 'dictionary', 'create', join(folder, file), ...from]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root })
    expect(stderr).toBe('')
    return stdout
  }
  const some = await create('some.dict', 100)
  expect(some).toContain(`${topic}: 100 values read; the topic has at most 121 records\n`)
  expect(some).toContain(
    'Learned from 80 different samples in 37 groups; each run occurs in at least 10 groups.',
  )
  // All that the topic has.
  const all = await create('all.dict', 2000)
  expect(all).toContain(`${topic}: 120 values read; the topic has at most 121 records\n`)
  expect(all).toContain('Learned from 96 different samples in 37 groups; ')
  expect((await readFile(join(folder, 'all.dict'))).includes('"eventType":"OrderPlaced"')).toBe(true)

  const admin = testKafka().admin()
  await admin.connect()
  // Another file that runs beside this one has such groups, too, but not for long.
  const groups = async (): Promise<string[]> =>
    (await admin.listGroups()).groups
      .map(({ groupId }) => groupId)
      .filter((id) => id.startsWith('kafka-envelope-dictionary-'))
  await expect.poll(groups, { timeout: 30_000 }).toEqual([])
  await admin.disconnect()
}, 120_000)
