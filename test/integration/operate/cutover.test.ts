import { readFile, writeFile } from 'node:fs/promises'
import type { Admin, Message, Producer } from 'kafkajs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { kafkaEnvelopeCommand } from '../../../src/cli/program.js'
import { reportFailure } from '../../../src/cli/report-failure.js'
import { decryptConsumer, encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { loadConfig } from '../../../src/config-file/index.js'
import { createEncryption } from '../../../src/index.js'
import { createKeyring } from '../../../src/kms/local/index.js'
import { ALL_PLAINTEXT, cutoverStatus, type Phase } from '../../../src/operate/index.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'
import { groupsReady } from '../support/groups.js'
import { until } from '../support/pair.js'

const HOUR = 3_600_000
let folder: TemporaryFolder
let file: string
let topic: string
let admin: Admin
let plain: Producer

beforeAll(async () => {
  folder = await temporaryFolder()
  file = folder.at('kafka-envelope.yaml')
  topic = await newTopic('raw.cutover', 2)
  admin = testKafka().admin()
  plain = testKafka().producer()
  await Promise.all([admin.connect(), plain.connect(), groupsReady()])
  await createKeyring(folder.at('dev.keyring'), [{ id: 'users', type: 'aes-256' }])
  await writeFile(
    file,
    `version: 1
kms: { dev: { provider: local, keyring: dev.keyring } }
cmks: { users: [{ kms: dev, id: users }] }
topics:
  - match: [raw.cutover.*] # the identity team
    encrypt: { cmk: users }
    decrypt: { cmk: users } # see the runbook
`,
  )
})
afterAll(async () => {
  await Promise.all([admin.disconnect(), plain.disconnect(), removeTopics([topic]), folder.remove()])
})

/** Runs `cutover TOPIC`. */
async function cutover(...args: string[]) {
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk)
      return true
    }),
  )
  const before = process.exitCode
  process.exitCode = 0
  try {
    const to = ['--brokers', process.env['KAFKA_BROKERS'] ?? '']
    await kafkaEnvelopeCommand()
      .parseAsync(['cutover', topic, ...to, ...args], { from: 'user' })
      .catch(reportFailure)
    return { code: process.exitCode, ...written }
  } finally {
    process.exitCode = before
    for (const spy of spies) spy.mockRestore()
  }
}

/** The phases of `cutover --json`, by name. */
async function phases(...args: string[]): Promise<Record<string, Phase['isOver']>> {
  const { stdout } = await cutover('--config', file, '--json', ...args)
  const { report } = JSON.parse(stdout) as { report: { topics: [{ phases: Phase[] }] } }
  return Object.fromEntries(report.topics[0].phases.map(({ phase, isOver }) => [phase, isOver]))
}

/** Plaintext of an hour ago, so that `--since 30m` does not count it. */
const sendPlaintext = (messages: Message[], ageMs = HOUR) =>
  plain.send({
    topic,
    messages: messages.map((each) => ({ timestamp: String(Date.now() - ageMs), ...each })),
  })

/** Consumes under the file as it is, until so many records were delivered or the consumer stopped. */
async function consume(groupId: string, records: number): Promise<{ values: string[]; stoppedBy?: string }> {
  const encryption = await createEncryption(await loadConfig(file))
  const consumer = decryptConsumer(testKafka().consumer({ groupId, maxWaitTimeInMs: 100 }), encryption)
  const values: string[] = []
  let stoppedBy: string | undefined
  encryption.on('consumer.stopped', ({ code }) => {
    stoppedBy = code
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: ({ message }) => {
      values.push(String(message.value))
      return Promise.resolve()
    },
  })
  await until('the records', () => Promise.resolve(values.length >= records || stoppedBy !== undefined))
  await consumer.disconnect()
  await encryption.close()
  return { values: values.toSorted(), ...(stoppedBy !== undefined && { stoppedBy }) }
}

async function sendSealed(messages: Message[]): Promise<void> {
  const encryption = await createEncryption(await loadConfig(file))
  const producer = encryptProducer(testKafka().producer(), encryption)
  await producer.connect()
  await producer.send({ topic, messages })
  await producer.disconnect()
  await encryption.close()
}

it('a topic moves from plaintext to envelopes, and cutover says after each step which phases are over', async () => {
  const original = await readFile(file, 'utf8')
  await sendPlaintext([
    { partition: 0, value: '{"a":1}', headers: { traceparent: 'x', app: 'signup' } },
    { partition: 1, key: 'k', value: 'b' },
  ])
  const start = await cutover('--config', file, '--header', 'app')
  expect(start.code).toBe(2)
  expect(start.stdout).toMatch(/rule raw\.cutover\.\* accepts no plaintext\n/)
  expect(start.stdout).toMatch(
    /1 record up to .*, last at 0:0: headers app=signup, traceparent; as of OpenTelemetry/,
  )
  expect(start.stdout).toMatch(/1 readers +not over/)

  // What a rule refuses, no end lets through: the plaintext might be forged.
  const ending = await cutover('--config', file, '--write', '--since', '1')
  expect(ending.code).toBe(2)
  expect(ending.stdout).toContain(`${topic}: the rule accepts no plaintext, so there is none to end`)
  expect(await readFile(file, 'utf8')).toBe(original)

  // Readers first.
  expect(await cutover('--config', file, '--accept-plaintext')).toMatchObject({ code: 0, stderr: '' })
  expect(await readFile(file, 'utf8')).toBe(
    original.replace(
      '{ cmk: users } # see',
      `{ cmk: users, plaintext: { untilOffsets: { ${topic}: { 0: "${ALL_PLAINTEXT}", 1: "${ALL_PLAINTEXT}" } } } } # see`,
    ),
  )
  expect(await consume('readers', 2)).toEqual({ values: ['b', '{"a":1}'] })
  expect(await phases()).toEqual({
    ...{ readers: null, canary: false, producers: false, require: false, oldPlaintext: false },
  })

  // A canary, beside producers of plaintext.
  await sendPlaintext([{ partition: 1, value: 'c' }])
  await sendSealed([
    { partition: 0, value: 'sealed 0' },
    { partition: 1, value: 'sealed 1' },
  ])
  expect(await phases()).toMatchObject({ readers: null, canary: false, producers: false })
  expect(await consume('readers', 3)).toEqual({ values: ['c', 'sealed 0', 'sealed 1'] })
  expect(await phases()).toMatchObject({ readers: true, canary: true, producers: false, require: false })

  // While plaintext arrives, it is not ended.
  const during = await readFile(file, 'utf8')
  const refused = await cutover('--config', file, '--write')
  expect(refused.code).toBe(2)
  expect(refused.stdout).toContain(`${topic}, partition 1: plaintext still arrives, last at offset 1`)
  expect(await readFile(file, 'utf8')).toBe(during)

  // All producers seal: plaintext ends.
  expect(await phases('--since', '30m')).toMatchObject({ producers: true, require: false })
  const written = await cutover('--config', file, '--write', '--since', '30m')
  expect(written).toMatchObject({ code: 0, stderr: '' })
  expect(written.stdout).toContain(`${topic}: plaintext before 0:2 1:3\n`)
  expect(await readFile(file, 'utf8')).toBe(
    during.replace(`0: "${ALL_PLAINTEXT}", 1: "${ALL_PLAINTEXT}"`, '0: "2", 1: "3"'),
  )
  const all = { readers: true, canary: true, producers: true, require: true, oldPlaintext: true }
  expect(await phases()).toEqual(all)
  expect((await cutover('--config', file)).code).toBe(0)

  // Old plaintext is read, new plaintext is refused.
  await sendPlaintext([{ partition: 1, value: 'too late' }], 0)
  const { values, stoppedBy } = await consume('later', 6)
  expect(values).toEqual(expect.arrayContaining(['b', 'c', 'sealed 1']))
  expect(values).not.toContain('too late')
  expect(stoppedBy).toBe('NOT_SEALED')
  expect(await phases()).toMatchObject({ producers: false, require: false, oldPlaintext: false })
  // A second time does not let through what was refused.
  await cutover('--config', file, '--write', '--since', '9')
  expect(await readFile(file, 'utf8')).toContain('0: "2", 1: "3"')
}, 120_000)

it('plaintext in an open transaction is seen, and the ends are behind it', async () => {
  const open = await newTopic('raw.cutover')
  const producer = testKafka().producer({ idempotent: true, transactionalId: open, maxInFlightRequests: 1 })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic: open, messages: [{ value: 'x' }, { value: 'y' }] })
  const { topics } = await cutoverStatus({ kafka: testKafka(), topics: [open] })
  await transaction.abort()
  await producer.disconnect()
  expect(topics).toMatchObject([
    {
      ...{ accepts: 'unknown', writers: [{ producer: 'transactional', records: 2 }] },
      partitions: [{ end: '2', isComplete: true, plaintext: { records: 2, last: '1' } }],
    },
  ])
  await removeTopics([open])
})
