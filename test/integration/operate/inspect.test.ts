import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CompressionTypes, type Admin, type Kafka } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { createEncryption } from '../../../src/index.js'
import { createKeyring, localKms } from '../../../src/kms/local/index.js'
import { fetchRecord, inspectRecord } from '../../../src/operate/index.js'
import type { RuleVector } from '../../../scripts/vectors/rule-vectors.js'
import { transcriptsOf } from '../../docs/transcripts.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const topics: string[] = []
let admin: Admin

beforeAll(async () => {
  admin = testKafka().admin()
  await admin.connect()
})
afterAll(async () => {
  await removeTopics(topics)
  await admin.disconnect()
})

async function topicOf(partitions = 1): Promise<string> {
  const topic = await newTopic('raw.inspect', partitions)
  topics.push(topic)
  return topic
}

const fetch = (topic: string, offset: bigint, partition = 0, kafka: Kafka = testKafka()) =>
  fetchRecord({ kafka, place: { topic, partition, offset } })

describe('fetching one record', () => {
  it('exactly the record of the offset is fetched, also from within a compressed batch, with key, headers and timestamp', async () => {
    const topic = await topicOf(2)
    const producer = testKafka().producer()
    await producer.connect()
    const messages = Array.from({ length: 10 }, (_, i) => ({
      partition: 1,
      key: `k${String(i)}`,
      value: i === 3 ? null : `v${String(i)}`,
      headers: { i: String(i) },
      timestamp: String(1_764_374_400_000 + i),
    }))
    await producer.send({ topic, messages, compression: CompressionTypes.GZIP })
    await producer.disconnect()
    for (const offset of [0n, 3n, 9n]) {
      const i = Number(offset)
      const record = await fetch(topic, offset, 1)
      expect({ ...record, key: String(record.key), value: record.value && String(record.value) }).toEqual({
        ...{ topic, partition: 1, offset: String(offset), timestamp: messages[i]?.timestamp },
        ...{ key: messages[i]?.key, value: messages[i]?.value, headers: { i: Buffer.from(String(i)) } },
      })
    }
    const { groups } = await admin.listGroups()
    const own = new RegExp(`^kafka-envelope-inspect-.*-${String(process.pid)}-[-0-9a-f]+$`)
    expect(groups.filter(({ groupId }) => own.test(groupId))).toEqual([])
  }, 60_000)

  it('the error says that a topic or a partition does not exist, and nothing is created', async () => {
    await expect(fetch('inspect.none', 0n)).rejects.toThrow(new Error('topic inspect.none does not exist'))
    expect(await admin.listTopics()).not.toContain('inspect.none')
    const topic = await topicOf(2)
    await expect(fetch(topic, 0n, 2)).rejects.toThrow(
      new Error(`topic ${topic} has no partition 2; it has 0 to 1`),
    )
  })

  it('the error says that an offset is below the first, or above the last', async () => {
    const topic = await topicOf()
    await expect(fetch(topic, 0n)).rejects.toThrow(
      `${topic}:0:0: partition 0 has no records; the record was not written yet`,
    )
    const producer = testKafka().producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }, { value: 'c' }] })
    await producer.disconnect()
    // KafkaJS deletes only from topics that it knows already.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
    await expect(fetch(topic, 1n)).rejects.toThrow(
      `${topic}:0:1: partition 0 has offsets 2 to 2; the record was deleted, by retention or by an operator`,
    )
    await expect(fetch(topic, 3n)).rejects.toThrow(
      `${topic}:0:3: partition 0 has offsets 2 to 2; the record was not written yet`,
    )
    expect(String((await fetch(topic, 2n)).value)).toBe('c')
    await expect(fetch(topic, 10n ** 18n)).rejects.toThrow('partition 0 has offsets 2 to 2')
  }, 60_000)

  it('a marker of a transaction and an aborted record are named as such', async () => {
    const topic = await topicOf()
    const producer = testKafka().producer({
      transactionalId: topic,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    const first = await producer.transaction()
    await first.send({ topic, messages: [{ value: 'committed' }] })
    await first.commit()
    const second = await producer.transaction()
    await second.send({ topic, messages: [{ value: 'aborted' }] })
    await second.abort()
    const third = await producer.transaction()
    await third.send({ topic, messages: [{ value: 'committed too' }] })
    await third.commit()
    const open = await producer.transaction()
    await open.send({ topic, messages: [{ value: 'open' }] })
    expect(String((await fetch(topic, 0n)).value)).toBe('committed')
    await expect(fetch(topic, 1n)).rejects.toThrow(`${topic}:0:1 is a marker of a transaction, not a record`)
    await expect(fetch(topic, 2n)).rejects.toThrow(`${topic}:0:2 belongs to a transaction that was aborted`)
    await expect(fetch(topic, 3n)).rejects.toThrow(`${topic}:0:3 is a marker of a transaction, not a record`)
    expect(String((await fetch(topic, 4n)).value)).toBe('committed too')
    await expect(fetch(topic, 6n)).rejects.toThrow('or its transaction is still open')
    await open.abort()
    await producer.disconnect()
  }, 120_000)

  it('records of several topics are fetched at once, without one fetching that disturbs another', async () => {
    const several = await Promise.all([topicOf(), topicOf(), topicOf()])
    const producer = testKafka().producer()
    await producer.connect()
    for (const topic of several) await producer.send({ topic, messages: [{ value: topic }] })
    await producer.disconnect()
    const records = await Promise.all(several.map((topic) => fetch(topic, 0n)))
    expect(records.map(({ value }) => String(value))).toEqual(several)
  }, 60_000)

  it('a signal ends the fetching', async () => {
    const topic = await topicOf()
    const controller = new AbortController()
    controller.abort(new Error('interrupted'))
    const place = { topic, partition: 0, offset: 0n }
    await expect(fetchRecord({ kafka: testKafka(), place, signal: controller.signal })).rejects.toThrow()
  })
})

it('a record that was fetched is tried as a consumer of its topic would', async () => {
  const { encryption } = await memoryEncryption([
    { match: ['raw.*'], encrypt: { cmk: 'main', bindHeaders: ['type'] }, decrypt: { cmk: 'main' } },
  ])
  const topic = await topicOf()
  const producer = encryptProducer(testKafka().producer(), encryption)
  await producer.connect()
  await producer.send({ topic, messages: [{ key: 'k', value: CANARY, headers: { type: 'x' } }] })
  await producer.disconnect()
  const { trial, opened } = await inspectRecord(await fetch(topic, 0n), { encryption, open: true })
  expect(trial?.outcome).toBe('opened')
  expect(String(opened)).toBe(CANARY)
  await encryption.close()
})

describe('kafka-envelope inspect', () => {
  let folder: string
  let topic: string
  let config: string

  beforeAll(async () => {
    // Inside the project, so that kafkajs is found.
    folder = await mkdtemp(join(root, 'test/.inspect-'))
    topic = await topicOf()
    const keyring = join(folder, 'dev.keyring')
    await createKeyring(keyring, [{ id: 'orders', type: 'aes-256' }])
    const cmks = { main: [{ kms: 'local', id: 'orders' }] } as const
    const rule = { match: [topic], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } } as const
    const encryption = await createEncryption({ kms: { local: localKms({ keyring }) }, cmks, topics: [rule] })
    const producer = encryptProducer(testKafka().producer(), encryption)
    await producer.connect()
    await producer.send({ topic, messages: [{ key: 'k', value: `${CANARY}\u001b[2J` }] })
    await producer.disconnect()
    await encryption.close()
    const plain = testKafka().producer()
    await plain.connect()
    await plain.send({ topic, messages: [{ value: CANARY }] })
    await plain.disconnect()
    config = join(folder, 'config.ts')
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
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  interface Ended {
    readonly code: number
    readonly stdout: string
    readonly stderr: string
  }

  async function inspect(...args: string[]): Promise<Ended> {
    const all = ['--import', 'tsx', 'src/cli/main.ts', 'inspect', ...args]
    try {
      return { code: 0, ...(await promisify(execFile)(process.execPath, all, { cwd: root })) }
    } catch (error) {
      const { code, stdout, stderr } = error as Ended
      return { code, stdout, stderr }
    }
  }

  const brokers = (): string => process.env['KAFKA_BROKERS'] ?? ''

  it('kafka-envelope inspect shows a record of a topic without its value, in text and JSON', async () => {
    const shown = await inspect(`${topic}:0:0`, '--brokers', brokers())
    expect([shown.code, shown.stderr]).toEqual([0, ''])
    expect(shown.stdout).toContain('envelope, version 1')
    expect(shown.stdout).toContain('CMK             orders')
    const json = await inspect(`${topic}:0:0`, '--config', config, '--json')
    expect([json.code, json.stderr]).toEqual([0, ''])
    expect(JSON.parse(json.stdout)).toMatchObject({
      record: { topic, partition: 0, offset: '0', key: { bytes: 1 } },
      trial: { outcome: 'undecided' },
    })
    const encoded = ['utf8', 'hex', 'base64'] as const
    for (const encoding of encoded) {
      const canary = Buffer.from(CANARY).toString(encoding)
      expect(shown.stdout + json.stdout).not.toContain(canary.slice(0, canary.length - 4))
    }
  }, 60_000)

  it('the transcript of a record in docs/operate.md is what kafka-envelope inspect prints', async () => {
    const vectors = JSON.parse(
      await readFile(join(root, 'test/vectors/rules/v1.json'), 'utf8'),
    ) as RuleVector[]
    const { envelope } = vectors.find(({ name }) => name === 'example/no-compression') ?? {}
    const exact = await topicOf()
    const plain = testKafka().producer()
    await plain.connect()
    const headers = { 'schema-id': ['42', ''] }
    const record = { key: 'order-17', headers, timestamp: String(Date.UTC(2025, 10, 29)) }
    await plain.send({ topic: exact, messages: [{ ...record, value: Buffer.from(envelope ?? '', 'hex') }] })
    await plain.disconnect()
    const [transcript, ...others] = transcriptsOf('operate.md', 'inspect').filter(({ args }) =>
      args.includes('--brokers'),
    )
    expect(others).toEqual([])
    expect(transcript?.args.slice(1)).toEqual(['orders.eu:0:0', '--brokers', 'localhost:9092'])
    const { stdout } = await inspect(`${exact}:0:0`, '--brokers', brokers())
    expect(stdout.replace(exact, 'orders.eu')).toMatch(transcript?.output ?? /never/)
  }, 60_000)

  it('kafka-envelope inspect --open prints the value escaped, and --raw its bytes alone', async () => {
    const shown = await inspect(`${topic}:0:0`, '--config', config, '--open')
    expect([shown.code, shown.stderr]).toEqual([0, ''])
    expect(shown.stdout).toContain(`  ${CANARY}\\x1b[2J\n`)
    const raw = await inspect(`${topic}:0:0`, '--config', config, '--open', '--raw')
    expect(raw).toEqual({ code: 0, stdout: `${CANARY}\u001b[2J`, stderr: '' })
  }, 60_000)

  it('kafka-envelope inspect exits 2 for a record that would be refused, and prints no plaintext', async () => {
    const refused = await inspect(`${topic}:0:1`, '--config', config, '--open')
    expect(refused.code).toBe(2)
    expect(refused.stdout).toContain('failed: NOT_SEALED (invalid)')
    const raw = await inspect(`${topic}:0:1`, '--config', config, '--open', '--raw')
    expect([raw.code, raw.stdout]).toEqual([2, ''])
    expect(refused.stdout + raw.stderr).not.toContain(CANARY)
  }, 60_000)

  it('kafka-envelope inspect exits 1 with one line if there is no such record, or the options do not fit', async () => {
    for (const [args, message] of [
      [[`${topic}:0:7`, '--brokers', brokers()], `${topic}:0:7: partition 0 has offsets 0 to 1; `],
      [[`${topic}:0:0`], 'error: give --brokers or --kafka'],
      [[`${topic}:0:0`, '--key', 'k'], 'error: --key is for a value from a file or standard input'],
      [['value', '--open'], 'error: --open needs --config'],
      [['value', '--config', config, '--raw'], 'error: --raw needs --open'],
      [['none'], 'none: file not found'],
    ] as const) {
      const { code, stdout, stderr } = await inspect(...args)
      expect([code, stdout, stderr.split('\n').length]).toEqual([1, '', 2])
      expect(stderr).toContain(message)
    }
  }, 120_000)
})
