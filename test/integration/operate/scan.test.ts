import { spawn } from 'node:child_process'
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigResourceTypes, type Admin, type Message } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { explainReport } from '../../../src/cli/scan/explain-report.js'
import type { Encryption } from '../../../src/index.js'
import { readReport, scan, whoNeedsCmk, writeReport, type ScanReport } from '../../../src/operate/index.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'
import { memoryEncryption } from '../../support/encryption.js'
import { commitOffsets } from '../support/groups.js'
import { MemoryKms } from '../../support/memory-kms.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const FOREIGN = Buffer.from('c3010011223344556677ff', 'hex')
const MALFORMED = Buffer.from('c301', 'hex')

/** Of the first record. The broker would remove old ones. */
const START = Date.now() - 60_000

let admin: Admin
let both: Encryption
let one: Encryption
let folder: string
const topics: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scan-'))
  admin = testKafka().admin()
  await admin.connect()
  const kms = new MemoryKms()
  const cmks = {
    main: [{ kms: 'memory', id: 'cards-2025' }],
    pair: [
      { kms: 'memory', id: 'cards-2025' },
      { kms: 'memory', id: 'cards-2026' },
    ],
  }
  const rotate = { maxMessages: 100, allowFrequentRotation: true }
  ;({ encryption: one } = await memoryEncryption([{ match: ['raw.*'], encrypt: { cmk: 'main', rotate } }], {
    kms,
    cmks,
  }))
  ;({ encryption: both } = await memoryEncryption([{ match: ['raw.*'], encrypt: { cmk: 'pair', rotate } }], {
    kms,
    cmks,
  }))
})
afterAll(async () => {
  await Promise.all([one.close(), both.close()])
  await removeTopics(topics)
  await admin.disconnect()
  await rm(folder, { recursive: true })
})

async function topicOf(partitions = 1): Promise<string> {
  const topic = await newTopic('raw.scan', partitions)
  topics.push(topic)
  return topic
}

async function send(topic: string, messages: Message[], encryption?: Encryption): Promise<void> {
  const plain = testKafka().producer()
  const producer = encryption === undefined ? plain : encryptProducer(plain, encryption)
  await producer.connect()
  for (let at = 0; at < messages.length; at += 50)
    await producer.send({ topic, messages: messages.slice(at, at + 50) })
  await producer.disconnect()
}

const numbered = (records: number, partition = 0): Message[] =>
  Array.from({ length: records }, (_, i) => ({
    value: `value ${String(i)}`,
    partition,
    timestamp: String(START + i),
  }))

/** Records of one value of a dimension, over all partitions. */
function records(
  { topics: [topic] }: ScanReport,
  dimension: 'kind' | 'cmk' | 'onlyCmk' | 'format',
  value: string,
): number {
  const partitions = topic?.partitions ?? []
  return partitions.reduce((sum, { tally }) => sum + (tally[dimension][value]?.records ?? 0), 0)
}

describe('scan', () => {
  it('it counts everything that a topic of mixed content holds, and when it was written where', async () => {
    const topic = await topicOf(2)
    await send(topic, numbered(230), one)
    await send(topic, numbered(70, 1), both)
    await send(topic, [
      { value: 'plaintext', partition: 1 },
      { value: null, key: 'k', partition: 1 },
      { value: FOREIGN, partition: 1 },
      { value: MALFORMED, partition: 1 },
    ])
    const report = await scan({ kafka: testKafka(), topics: [topic] })
    expect(report.isComplete).toBe(true)
    for (const [kind, expected] of [
      ['sealed', 300],
      ['plaintext', 1],
      ['tombstone', 1],
      ['unknownFormat', 1],
      ['malformed', 1],
    ] as const) {
      expect([kind, records(report, 'kind', kind)]).toEqual([kind, expected])
    }
    expect([
      records(report, 'cmk', 'memory cards-2025'),
      records(report, 'cmk', 'memory cards-2026'),
    ]).toEqual([300, 70])
    expect(records(report, 'onlyCmk', 'memory cards-2025')).toBe(230)
    expect(records(report, 'format', 'v1')).toBe(300)
    const [{ partitions, sessions, deks }] = report.topics as [ScanReport['topics'][number]]
    expect(partitions.map(({ from, next, to, records: all }) => [from, next, to, all])).toEqual([
      ['0', '230', '230', 230],
      ['0', '74', '74', 74],
    ])
    expect(partitions[0]?.tally.cmk['memory cards-2025']).toMatchObject({
      first: '0',
      last: '229',
      earliest: START,
      latest: START + 229,
    })
    expect(sessions.count).toEqual({ value: 4, exact: true })
    expect(deks['memory cards-2025']?.count).toEqual({ value: 4, exact: true })
    expect(deks['memory cards-2026']?.count).toEqual({ value: 1, exact: true })
    const groups = (await admin.listGroups()).groups.filter(
      ({ groupId }) =>
        groupId.startsWith('kafka-envelope-scan-') && groupId.includes(`-${String(process.pid)}-`),
    )
    expect(groups).toEqual([])
  }, 60_000)

  it('a scan that is interrupted again and again counts the same as one that is not', async () => {
    const topic = await topicOf(3)
    for (let partition = 0; partition < 3; partition++) await send(topic, numbered(1000, partition), one)
    const whole = await scan({ kafka: testKafka(), topics: [topic] })
    let resume: ScanReport | undefined
    let interruptions = 0
    for (;;) {
      const controller = new AbortController()
      let last: ScanReport | undefined
      const step = scan({
        kafka: testKafka({ clientId: 'scan' }),
        topics: [topic],
        ...(resume && { resume }),
        onProgress: (done) => {
          if (done >= 400) controller.abort(new Error('interrupted'))
        },
        onCheckpoint: async (report) => {
          const file = join(folder, 'interrupted.json')
          await writeReport(file, report)
          last = await readReport(file)
        },
        signal: controller.signal,
      })
      const ended = await step.then(
        () => true,
        (error: unknown) => {
          expect(error).toBe(controller.signal.reason)
          return false
        },
      )
      resume = last
      if (ended) break
      interruptions++
    }
    expect(interruptions).toBeGreaterThan(0)
    expect(JSON.stringify({ ...resume, startedAt: '' })).toBe(JSON.stringify({ ...whole, startedAt: '' }))
  }, 120_000)

  it('a later scan with the report of the first reads only what is new', async () => {
    const topic = await topicOf()
    await send(topic, numbered(100), one)
    const first = await scan({ kafka: testKafka(), topics: [topic] })
    await send(topic, numbered(50), both)
    const totals: number[] = []
    const second = await scan({
      kafka: testKafka(),
      topics: [topic],
      resume: first,
      onProgress: (_, total) => totals.push(total),
    })
    expect(new Set(totals)).toEqual(new Set([50]))
    expect([
      records(second, 'cmk', 'memory cards-2025'),
      records(second, 'cmk', 'memory cards-2026'),
    ]).toEqual([150, 50])
    const other = await topicOf()
    await expect(scan({ kafka: testKafka(), topics: [other], resume: first })).rejects.toThrow(
      `the earlier scan was also of ${topic}: name these topics, too`,
    )
  }, 60_000)

  it('two scans of one process that run at once read everything', async () => {
    const [a, b] = [await topicOf(3), await topicOf(2)]
    await send(a, [...numbered(30), ...numbered(30, 1), ...numbered(30, 2)], one)
    await send(b, [...numbered(20), ...numbered(20, 1)], one)
    const reports = await Promise.all([a, b].map((topic) => scan({ kafka: testKafka(), topics: [topic] })))
    expect(reports.map((report) => [report.isComplete, records(report, 'kind', 'sealed')])).toEqual([
      [true, 90],
      [true, 40],
    ])
  }, 60_000)

  it('it begins at an offset, or at a time', async () => {
    const topic = await topicOf(2)
    await send(topic, [...numbered(100), ...numbered(10, 1)], one)
    const from = async (
      start: Parameters<typeof scan>[0]['start'] & object,
    ): Promise<(string | undefined)[]> =>
      (await scan({ kafka: testKafka(), topics: [topic], start })).topics[0]?.partitions.map(
        ({ from: first }) => first,
      ) ?? []
    expect(await from({ offset: 60n })).toEqual(['60', '10'])
    expect(await from({ time: new Date(START + 5) })).toEqual(['5', '5'])
    expect(await from({ time: new Date(START + 30_000) })).toEqual(['100', '10'])
  }, 60_000)

  it('a topic that was deleted and made again is noticed, also if it is longer than before', async () => {
    const topic = await topicOf()
    await send(topic, numbered(20), one)
    const first = await scan({ kafka: testKafka(), topics: [topic] })
    await admin.deleteTopics({ topics: [topic] })
    await expect.poll(() => admin.listTopics()).not.toContain(topic)
    // KafkaJS's own wait for leaders fails if the broker does not know the topic yet.
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false })
    await vi.waitFor(() => admin.fetchTopicOffsets(topic), { timeout: 20_000 })
    await send(topic, numbered(40), both)
    await expect(scan({ kafka: testKafka(), topics: [topic], resume: first })).rejects.toThrow(
      `topic ${topic}: partition 0 has another record at offset 19 than the earlier scan read there: the topic was made again; begin a new report`,
    )
  }, 60_000)

  it('records of an open transaction are told, which no reader can see yet', async () => {
    const topic = await topicOf(2)
    await send(topic, numbered(20), one)
    const producer = testKafka().producer({ transactionalId: `open-${topic}`, idempotent: true })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: numbered(5) })
    // Records of others wait behind it; the other partition has none of it.
    await send(topic, [...numbered(3), ...numbered(3, 1)], one)
    const report = await scan({ kafka: testKafka(), topics: [topic] })
    expect(report.topics[0]?.partitions.map(({ next, openFrom }) => [next, openFrom])).toEqual([
      ['20', '20'],
      ['3', undefined],
    ])
    expect(explainReport(report)).toContain(
      'partition 0 has an open transaction: its records from offset 20 on cannot be read yet',
    )
    expect(await whoNeedsCmk(testKafka(), report, 'other')).toMatchObject({
      needed: 'unclear',
      unclear: [
        `${topic}: partition 0 had an open transaction, whose records from offset 20 on could not be read yet`,
      ],
    })
    await transaction.abort()
    await producer.disconnect()
    const after = await scan({ kafka: testKafka(), topics: [topic], resume: report })
    expect(after.topics[0]?.partitions.map(({ records: all, openFrom }) => [all, openFrom])).toEqual([
      [23, undefined],
      [3, undefined],
    ])
  }, 60_000)
})

describe('whoNeedsCmk', () => {
  it('a CMK is needed where no other wraps, and consumer groups and retention are told', async () => {
    const topic = await topicOf(2)
    await send(topic, numbered(20), one)
    await send(topic, numbered(30, 1), both)
    const groupId = `group-${topic}`
    await commitOffsets(groupId, topic, ['7', '30'])
    const report = await scan({ kafka: testKafka(), topics: [topic] })
    const old = await whoNeedsCmk(testKafka(), report, 'cards-2025')
    expect(old).toMatchObject({ needed: 'yes', unclear: [] })
    expect(old.partitions).toEqual([
      {
        ...{ topic, partition: 0, records: 20, only: 20, first: '0', last: '19', latest: START + 19 },
        groups: [{ groupId, next: '7' }],
        goneBy: expect.any(Number) as number,
      },
      {
        ...{ topic, partition: 1, records: 30, only: 0, first: '0', last: '29', latest: START + 29 },
        groups: [],
        goneBy: expect.any(Number) as number,
      },
    ])
    // The other one can go: the first still opens its records. So can one that nothing is under.
    expect(await whoNeedsCmk(testKafka(), report, 'cards-2026')).toMatchObject({
      needed: 'no',
      partitions: [{ only: 0 }],
    })
    expect(await whoNeedsCmk(testKafka(), report, 'none')).toMatchObject({ needed: 'no', partitions: [] })
    await admin.deleteGroups([groupId])
  }, 60_000)

  it('a topic that is only compacted never loses its records to time', async () => {
    const topic = await topicOf()
    await send(topic, numbered(20), one)
    const report = await scan({ kafka: testKafka(), topics: [topic] })
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
    await admin.alterConfigs({ validateOnly: false, resources })
    await expect
      .poll(async () => (await whoNeedsCmk(testKafka(), report, 'cards-2025')).partitions)
      .toMatchObject([{ only: 20, goneBy: null }])
  }, 60_000)

  it('records that the broker has removed since the scan need nothing', async () => {
    const topic = await topicOf()
    await send(topic, numbered(20), one)
    const report = await scan({ kafka: testKafka(), topics: [topic] })
    // KafkaJS has to know the leader before.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '20' }] })
    expect(await whoNeedsCmk(testKafka(), report, 'cards-2025')).toMatchObject({
      needed: 'no',
      partitions: [],
    })
  }, 60_000)

  it('it is unclear while there are records that nobody can read, or a scan that is not complete', async () => {
    const topic = await topicOf()
    await send(topic, [{ value: FOREIGN }, { value: MALFORMED }])
    const report = await scan({ kafka: testKafka(), topics: [topic] })
    expect(await whoNeedsCmk(testKafka(), { ...report, isComplete: false }, 'cards-2025')).toEqual({
      cmkId: 'cards-2025',
      needed: 'unclear',
      unclear: [
        'the scan is not complete',
        `${topic}: 1 record is malformed`,
        `${topic}: 1 record has an unknown format`,
      ],
      partitions: [],
    })
  }, 60_000)
})

describe('kafka-envelope scan', () => {
  interface Ended {
    readonly code: number | null
    readonly stdout: string
    readonly stderr: string
  }
  function command(args: string[], isToInterrupt?: () => Promise<boolean>): Promise<Ended> {
    const program = spawn(process.execPath, [inject('cli'), 'scan', ...args], {
      cwd: ROOT,
    })
    let [stdout, stderr] = ['', '']
    program.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    program.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    if (isToInterrupt !== undefined) {
      void vi.waitUntil(isToInterrupt, { timeout: 40_000, interval: 50 }).then(() => program.kill('SIGINT'))
    }
    return new Promise((resolve) =>
      program.once('close', (code) => {
        resolve({ code, stdout, stderr })
      }),
    )
  }
  const brokers = (): string[] => ['--brokers', process.env['KAFKA_BROKERS'] ?? '']

  it('it answers by its exit code, prints a table or JSON, and shows no control characters of a record', async () => {
    const topic = await topicOf()
    await send(topic, numbered(20), one)
    await send(topic, [{ value: 'secret plaintext' }])
    const [needed, free, late, json, none] = await Promise.all([
      command([topic, ...brokers(), '--cmk', 'cards-2025']),
      command([topic, ...brokers(), '--cmk', 'other']),
      command([topic, ...brokers(), '--cmk', 'cards-2025', '--from', '20']),
      command([topic, ...brokers(), '--json']),
      command(['raw.none', ...brokers()]),
    ])
    expect([needed.code, free.code, json.code, none.code]).toEqual([2, 0, 0, 1])
    expect(needed.stdout).toContain('No: records still need CMK cards-2025.')
    expect(free.stdout).toContain('Yes: no record of these topics needs CMK other.')
    expect(late.code).toBe(2)
    expect(late.stdout).toContain('Unclear: no record that could be read needs CMK cards-2025, but')
    expect(late.stdout).toContain('partition 0 was scanned from offset 20 on only; it begins at 0')
    expect(none.stderr).toBe('topic raw.none does not exist\n')
    expect(needed.stdout + json.stdout).not.toContain('secret plaintext')
    expect(JSON.parse(json.stdout)).toMatchObject({ report: { isComplete: true, topics: [{ topic }] } })
    for (const { stderr } of [needed, free, late, json]) expect(stderr).toBe('')
  }, 60_000)

  it('docs/operate.md shows what it prints', async () => {
    const page = await readFile(`${ROOT}docs/operate.md`, 'utf8')
    const topic = await topicOf(2)
    await send(topic, [...numbered(900), ...numbered(600, 1)], one)
    await send(topic, [{ value: 'plaintext', partition: 1 }])
    await send(topic, numbered(300), both)
    const groupId = `billing-${topic}`
    await commitOffsets(groupId, topic, ['450'])
    const { stdout } = await command([topic, ...brokers(), '--cmk', 'cards-2025'])
    await admin.deleteGroups([groupId])
    const shape = (text: string): string =>
      text
        .replaceAll(topic, 'payments.cards')
        .replaceAll('memory ', 'local ')
        .replaceAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME')
        .replaceAll(/[\d,.]+ %|[\d,]+ bytes/g, 'SIZE')
        // Those that other tests have begun go on.
        .replaceAll(/\d+ under local|sessions: \d+/g, 'COUNT')
        .replaceAll(/ +/g, ' ')
    const [, shown = ''] = /^\$ npx kafka-envelope scan payments.cards[^\n]*\n(.*?)^```/ms.exec(page) ?? []
    expect(shape(stdout)).toBe(shape(shown))
  }, 60_000)

  it('Ctrl-C ends it cleanly, and the same command goes on', async () => {
    const topic = await topicOf()
    await send(topic, numbered(3000), one)
    // So slow that the interruption comes in the middle.
    const [slow, reading] = [join(folder, 'slow.mjs'), join(folder, 'reading')]
    await writeFile(
      slow,
      `import { writeFileSync } from 'node:fs'
import { Kafka, logLevel } from '${ROOT}node_modules/kafkajs/index.js'
const real = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING })
const consumer = (config) => {
  const made = real.consumer({ ...config, maxBytesPerPartition: 1 })
  const run = ({ eachBatch, ...rest }) =>
    made.run({ ...rest, eachBatch: async (payload) => {
      await eachBatch(payload)
      if (config.groupId.startsWith('kafka-envelope-scan-')) writeFileSync('${reading}', '')
      await new Promise((resolve) => setTimeout(resolve, 200))
    } })
  return { ...made, run }
}
export const kafka = { admin: () => real.admin(), consumer }
`,
    )
    const file = join(folder, 'c.json')
    const interrupted = await command([topic, '--kafka', slow, '--report', file], () =>
      access(reading).then(
        () => true,
        () => false,
      ),
    )
    expect(interrupted).toEqual({
      ...{ code: 130, stdout: '' },
      stderr: `interrupted; the same command goes on where ${file} ends\n`,
    })
    const [part] = (await readReport(file)).topics[0]?.partitions ?? []
    expect(part?.records).toBeGreaterThan(0)
    expect(part?.records).toBeLessThan(3000)
    const { code, stdout } = await command([topic, ...brokers(), '--report', file])
    expect(code).toBe(0)
    expect(stdout).toContain(`${topic}: 3,000 records`)
  }, 60_000)

  it('with --report, a scan goes on where it ended, and reports of topics are merged', async () => {
    const [a, b] = [await topicOf(), await topicOf()]
    await send(a, numbered(20), one)
    await send(b, numbered(30), one)
    const [fileA, fileB] = [join(folder, 'a.json'), join(folder, 'b.json')] as const
    await command([a, ...brokers(), '--report', fileA])
    await send(a, numbered(5), one)
    const [again, other] = [
      await command([a, ...brokers(), '--report', fileA]),
      await command([b, ...brokers(), '--report', fileB]),
    ]
    expect([again.code, other.code]).toEqual([0, 0])
    expect(again.stdout).toContain(`${a}: 25 records in 1 partition,`)
    const merged = await command(['merge', fileA, fileB, '--cmk', 'cards-2025', ...brokers()])
    expect(merged.code).toBe(2)
    expect(merged.stdout).toContain(`${a}: 25 records`)
    expect(merged.stdout).toContain(`${b}: 30 records`)
  }, 60_000)
})
