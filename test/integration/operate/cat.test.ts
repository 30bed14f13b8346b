import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Admin, Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { loadConfig } from '../../../src/config-file/index.js'
import { createEncryption, type Encryption } from '../../../src/index.js'
import { createKeyring } from '../../../src/kms/local/index.js'
import { readOpened, readRecords, type ReadRecordsOptions } from '../../../src/operate/index.js'
import { transcriptsOf } from '../../docs/transcripts.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'

const START = Date.UTC(2026, 10, 29, 10)
const at = (second: number): string => String(START + 1000 * second)
const brokers = (): string => process.env['KAFKA_BROKERS'] ?? ''

let folder: string
let topic: string
let transactions: string
let admin: Admin
let plain: Producer
let encryption: Encryption

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-cat-'))
  admin = testKafka().admin()
  plain = testKafka().producer()
  await Promise.all([admin.connect(), plain.connect()])
  topic = await newTopic('raw.cat', 2)
  transactions = await newTopic('raw.cat')
  await createKeyring(join(folder, 'dev.keyring'), [{ id: 'orders-2026', type: 'aes-256' }])
  await writeFile(
    join(folder, 'kafka-envelope.yaml'),
    `version: 1
kms: { dev: { provider: local, keyring: dev.keyring } }
cmks: { orders: [{ kms: dev, id: orders-2026 }] }
topics:
  - match: ['${topic}']
    encrypt: { cmk: orders, bindKey: true }
    decrypt: { cmk: orders }
  - match: ['${transactions}']
    passthrough: true
`,
  )
  encryption = await createEncryption(await loadConfig(join(folder, 'kafka-envelope.yaml')))
  const producer = encryptProducer(plain, encryption)
  await producer.send({
    topic,
    messages: [
      { key: 'order-17', value: '{"order":17,"note":"two \\"boxes\\""}', partition: 0, timestamp: at(0) },
      { key: 'order-18', value: '{"order":18}', partition: 1, timestamp: at(1), headers: { schema: '42' } },
      { key: 'order-17', value: null, partition: 0, timestamp: at(2) },
      { key: 'picture', value: Buffer.from('89504e470d0a1a0a', 'hex'), partition: 1, timestamp: at(3) },
    ],
  })
  await plain.send({
    topic,
    messages: [{ key: 'order-19', value: '{"order":19}', partition: 0, timestamp: at(4) }],
  })
}, 60_000)

afterAll(async () => {
  await encryption.close()
  await plain.disconnect()
  await removeTopics([topic, transactions])
  await admin.disconnect()
  await rm(folder, { recursive: true, force: true })
})

/** Where the records are, in the order in which they come. */
async function places(options: Partial<ReadRecordsOptions>): Promise<string[]> {
  const seen: string[] = []
  for await (const { partition, offset } of readRecords({ kafka: testKafka(), topic, ...options })) {
    seen.push(`${String(partition)}:${offset}`)
  }
  return seen
}

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function shell(script: string, ...args: readonly string[]): Promise<Ended> {
  const all = ['-c', script, 'bash', process.execPath, inject('cli'), ...args]
  try {
    return { code: 0, ...(await promisify(execFile)('bash', all, { cwd: folder })) }
  } catch (error) {
    return error as Ended
  }
}

describe('reading a topic', () => {
  it('records come by time over all partitions, within the range, of the partitions and with the key that were asked for', async () => {
    const [all, one, range, times, before, keyed] = await Promise.all([
      places({}),
      places({ partitions: [1] }),
      places({ from: { offset: 1n }, to: { offset: 2n } }),
      places({ from: { time: new Date(START + 1000) }, to: { time: new Date(START + 3000) } }),
      // A broker takes -1 for the end.
      places({ to: { time: new Date(-1) } }),
      places({ key: Buffer.from('order-17') }),
    ])
    expect(all).toEqual(['0:0', '1:0', '0:1', '1:1', '0:2'])
    expect(one).toEqual(['1:0', '1:1'])
    expect(range).toEqual(['0:1', '1:1'])
    expect(times).toEqual(['1:0', '0:1'])
    expect(before).toEqual([])
    expect(keyed).toEqual(['0:0', '0:1'])
    expect(await places({ limit: 2 })).toEqual(['0:0', '1:0'])
    const { groups } = await admin.listGroups()
    const own = new RegExp(`^kafka-envelope-cat-.*-${String(process.pid)}-[-0-9a-f]+$`)
    expect(groups.filter(({ groupId }) => own.test(groupId))).toEqual([])
  }, 60_000)

  it('the error says that a partition or topic does not exist, and nothing is created', async () => {
    await expect(places({ partitions: [0, 2] })).rejects.toThrow(
      new Error(`topic ${topic} has no partition 2; it has 0 to 1`),
    )
    await expect(places({ topic: 'cat.none' })).rejects.toThrow(new Error('topic cat.none does not exist'))
    expect(await admin.listTopics()).not.toContain('cat.none')
  }, 60_000)

  it('records of aborted transactions are left out where KafkaJS delivers them, and those of open ones', async () => {
    const [a, b] = await Promise.all(
      ['a', 'b'].map(async (name) => {
        const id = `${transactions}-${name}`
        const producer = testKafka().producer({
          transactionalId: id,
          idempotent: true,
          maxInFlightRequests: 1,
        })
        await producer.connect()
        return producer
      }),
    )
    const [first, second] = await Promise.all([a?.transaction(), b?.transaction()])
    const send = (by: typeof first, value: string) =>
      by?.send({ topic: transactions, messages: [{ key: Buffer.alloc(4), value }] })
    await send(first, 'aborted')
    await send(second, 'one')
    await send(first, 'aborted, too')
    await plain.send({ topic: transactions, messages: [{ value: 'two' }] })
    await send(second, 'three')
    await first?.abort()
    await second?.commit()
    const open = await a?.transaction()
    await send(open, 'open')
    const values: string[] = []
    for await (const record of readOpened({ kafka: testKafka(), encryption, topic: transactions })) {
      values.push(String(record.value))
    }
    expect(values).toEqual(['one', 'two', 'three'])
    await open?.abort()
    await Promise.all([a?.disconnect(), b?.disconnect()])
  }, 60_000)

  it('a signal ends the reading before the next record', async () => {
    const controller = new AbortController()
    const reading = { kafka: testKafka(), topic, signal: controller.signal }
    const [stored, opened] = [readRecords(reading), readOpened({ ...reading, encryption })]
    await Promise.all([stored.next(), opened.next()])
    const reason = new Error('interrupted')
    controller.abort(reason)
    await expect(stored.next()).rejects.toBe(reason)
    await expect(opened.next()).rejects.toBe(reason)
  }, 60_000)
})

describe('kafka-envelope cat', () => {
  it('each transcript in docs/operate.md is what it prints', async () => {
    const transcripts = transcriptsOf('operate.md', 'cat')
    expect(transcripts.length).toBeGreaterThan(2)
    const stable = (text: string): string =>
      text
        .replaceAll(topic, 'orders')
        .replaceAll(/"sessionId":"[0-9a-f]{32}"/g, '"sessionId":"ID"')
        // The header has the name of the topic.
        .replaceAll(/DEK [0-9a-f]{12}, \d+ bytes/g, 'DEK ID, SIZE')
    await Promise.all(
      transcripts.map(async ({ args, output }) => {
        const own = args.map((arg) => (arg === 'orders' ? topic : arg === 'localhost:9092' ? brokers() : arg))
        const { stdout } = await shell('exec "$@" 2>&1', ...own)
        expect(stable(stdout)).toMatch(new RegExp(stable(output.source)))
      }),
    )
  }, 60_000)

  it('a reader that closes the pipe early ends it silently, with exit code 0', async () => {
    const args = ['cat', topic, '--sealed', '--brokers', brokers(), '--json']
    const ended = await shell('"$@" | head -n 1; exit "${PIPESTATUS[0]}"', ...args)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout.split('\n')).toHaveLength(2)
  }, 60_000)
})
