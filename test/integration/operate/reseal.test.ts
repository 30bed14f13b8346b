import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Message } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { loadConfig } from '../../../src/config-file/index.js'
import { createEncryption, type Encryption } from '../../../src/index.js'
import { addCmk, createKeyring } from '../../../src/kms/local/index.js'
import { readTopics } from '../../../src/operate/topics/read-topics.js'
import { rangesOf } from '../../../src/operate/topics/ranges.js'
import { openRecords } from '../../../src/record/index.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'
import { groupsReady } from '../support/groups.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** Of the first record. The broker would remove old ones. */
const START = Date.now() - 60_000
const topics: string[] = []
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reseal-'))
  await createKeyring(join(folder, 'dev.keyring'))
  await addCmk(join(folder, 'dev.keyring'), 'orders', { type: 'aes-256' })
  await groupsReady()
})
afterAll(async () => {
  await removeTopics(topics)
  await rm(folder, { recursive: true, force: true })
})

/** Two topics, and a file with rules for them: the first allows its first record in each partition to be plaintext. */
async function setUp(): Promise<{ from: string; to: string; config: string; encryption: Encryption }> {
  const [from, to] = [await newTopic('raw.reseal', 2), await newTopic('raw.reseal', 2)]
  topics.push(from, to)
  const config = join(folder, `${to}.yaml`)
  await writeFile(
    config,
    `version: 1
kms: { dev: { provider: local, keyring: dev.keyring } }
cmks: { orders: [{ kms: dev, id: orders }] }
topics:
  - match: ['${from}']
    encrypt: { cmk: orders, bindHeaders: [tenant] }
    decrypt: { cmk: orders, onInvalid: skip, plaintext: { untilOffsets: { '${from}': { 0: '1', 1: '1' } } } }
  - match: ['${to}']
    encrypt: { cmk: orders, bindHeaders: [tenant] }
    decrypt: { cmk: orders }
`,
  )
  return { from, to, config, encryption: await createEncryption(await loadConfig(config)) }
}

async function send(topic: string, messages: Message[], encryption?: Encryption): Promise<void> {
  const plain = testKafka().producer()
  const producer = encryption === undefined ? plain : encryptProducer(plain, encryption)
  await producer.connect()
  await producer.send({ topic, messages })
  await producer.disconnect()
}

/** The opened records of a topic, by partition, and the sessions that they were sealed in. */
async function opened(
  topic: string,
  encryption: Encryption,
): Promise<{ records: unknown[][]; sessions: Set<string> }> {
  const admin = testKafka().admin()
  await admin.connect()
  const ranges = await rangesOf(admin, [topic])
  await admin.disconnect()
  const records: unknown[][] = ranges.map(() => [])
  const sessions = new Set<string>()
  await readTopics({
    ...{ kafka: testKafka(), purpose: 'test', ranges },
    onBatch: async ({ partition, messages }) => {
      const read = messages.map(({ key, value, headers, offset }) => ({
        topic,
        partition,
        offset,
        key,
        value,
        headers,
      }))
      for (const [n, record] of (await openRecords(encryption, read)).entries()) {
        if (record.value === undefined) throw new Error('a record does not open')
        const { value, envelope } = record
        if (envelope !== undefined) sessions.add(envelope.sessionId)
        const { key, headers, timestamp } = messages[n] ?? {}
        records[partition]?.push([key?.toString('hex'), value?.toString(), timestamp, headers])
      }
      return undefined
    },
  })
  return { records, sessions }
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function command(...args: string[]): Promise<Ended> {
  const brokers = ['--brokers', process.env['KAFKA_BROKERS'] ?? '']
  const program = spawn(process.execPath, [inject('cli'), 'reseal', ...args, ...brokers], {
    cwd: ROOT,
  })
  let [stdout, stderr] = ['', '']
  program.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  program.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve) =>
    program.once('close', (code) => {
      resolve({ code, stdout, stderr })
    }),
  )
}

const orders = (from: number, count: number, partition: number): Message[] =>
  Array.from({ length: count }, (_, n) => ({
    key: `order-${String(from + n)}`,
    value: `{"order":${String(from + n)}}`,
    headers: { tenant: ['acme', ''], trace: Buffer.from([0, 0xff]) },
    timestamp: String(START + from + n),
    partition,
  }))

describe('reseal', () => {
  it('it seals everything under new DEKs, and goes on with what arrived since', async () => {
    const { from, to, config, encryption } = await setUp()
    await send(from, [...orders(0, 1, 0), ...orders(0, 1, 1)])
    await send(
      from,
      [...orders(1, 300, 0), ...orders(1, 200, 1), { key: 'gone', value: null, partition: 1 }],
      encryption,
    )
    const args = [from, '--to', to, '--config', config, '--group', `reseal-${to}`]
    const first = await command(...args, '--audit', `${config}.audit`)
    expect(first).toMatchObject({ code: 0, stderr: '' })
    const audited = (await readFile(`${config}.audit`, 'utf8')).split('\n').filter((line) => line !== '')
    const about = { by: 'reseal', topic: from, target: to, groupId: `reseal-${to}` }
    expect(audited.map((line) => JSON.parse(line) as unknown)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ event: 'copy.started', ...about }),
        expect.objectContaining({ event: 'copy.ended', ...about, outcome: 'done', messages: 503 }),
      ]),
    )
    const [before, after] = [await opened(from, encryption), await opened(to, encryption)]
    expect(after.records).toEqual(before.records)
    expect(after.records.map(({ length }) => length)).toEqual([301, 202])
    expect(after.sessions.size).toBeGreaterThan(0)
    expect([...after.sessions].filter((session) => before.sessions.has(session))).toEqual([])
    await send(from, orders(500, 10, 1), encryption)
    const second = await command(...args, '--json')
    expect(JSON.parse(second.stdout)).toMatchObject({
      ...{ from, to, group: `reseal-${to}`, deks: 1 },
      partitions: [
        { partition: 0, records: 0, next: '301', end: '301' },
        { partition: 1, records: 10, next: '212', end: '212' },
      ],
    })
    expect((await opened(to, encryption)).records).toEqual((await opened(from, encryption)).records)
    await encryption.close()
    const page = await readFile(join(ROOT, 'docs/operate.md'), 'utf8')
    const [, transcript = ''] = /^\$ npx kafka-envelope reseal [^\n]*\n(.*?)^```/ms.exec(page) ?? []
    const shape = (text: string): string =>
      text
        .replaceAll('payments.cards.v2', to)
        .replaceAll('payments.cards', from)
        .replaceAll('reseal-cards', `reseal-${to}`)
        .replaceAll(/^ +\d.*\n/gm, '')
        .replaceAll(/(?<= )[\d,]+$/gm, 'N')
        .replaceAll(/ +[\d,]+/g, ' N')
        .replaceAll(/ +/g, ' ')
    expect(shape(first.stdout)).toBe(shape(transcript))
  }, 60_000)

  it('a record that does not open stops it with its place, even if consumers would skip it', async () => {
    const { from, to, config, encryption } = await setUp()
    await send(from, orders(0, 5, 0), encryption)
    await send(from, [{ value: 'SOMETHING', partition: 0 }])
    const args = [from, '--to', to, '--config', config, '--group', `reseal-${to}`]
    const failed = await command(...args)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(`NOT_SEALED at topic ${from}`)
    expect(failed.stderr).not.toContain('SOMETHING')
    expect((await opened(to, encryption)).records[0]).toEqual([])
    const text = await readFile(config, 'utf8')
    await writeFile(config, text.replace("0: '1'", "0: '6'"))
    expect(await command(...args)).toMatchObject({ code: 0 })
    expect((await opened(to, encryption)).records[0]).toHaveLength(6)
    await encryption.close()
  }, 60_000)
})
