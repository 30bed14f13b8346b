import { execFile } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import type { KafkaMessage, Message } from 'kafkajs'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'
import { loadConfig } from '../../../src/config-file/index.js'
import { createEncryption, type Health } from '../../../src/index.js'
import { createKeyring } from '../../../src/kms/local/index.js'
import { sealRecords } from '../../../src/record/index.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { watch, type SeenEvent } from '../../support/encryption.js'
import { until } from '../support/pair.js'

let folder: string
let topic: string
let dead: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-allow-'))
  topic = await newTopic('raw.allow')
  dead = await newTopic('raw.allow.dead')
})
afterAll(async () => {
  await removeTopics([topic, dead])
  await rm(folder, { recursive: true, force: true })
})

/** Runs `kafka-envelope allow` beside the configuration. Returns its exit code and what it printed. */
async function allow(...args: readonly string[]): Promise<{ code: number; text: string }> {
  const signed = ['--config', 'kafka-envelope.yaml', '--until', '1d', '--by', 'ops', '--why', 'INC-42: ${X}']
  const command = [inject('cli'), 'allow']
  const all = [...command, ...args, ...signed, '--brokers', process.env['KAFKA_BROKERS'] ?? '']
  return promisify(execFile)(process.execPath, all, { cwd: folder }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: unknown) => {
      const { code, stderr } = error as { code: number; stderr: string }
      return { code, text: stderr }
    },
  )
}

/** Runs a consumer of the same group with the configuration as it is now, until it stops at a record. */
async function consumeUntilStopped(): Promise<{ delivered: string[]; health: Health; events: SeenEvent[] }> {
  const encryption = await createEncryption(await loadConfig(join(folder, 'kafka-envelope.yaml')))
  const events = watch(encryption)
  const kafka = testKafka()
  const deadLetters = kafka.producer()
  await deadLetters.connect()
  const consumer = decryptConsumer(
    kafka.consumer({ groupId: `group.${topic}`, maxWaitTimeInMs: 50 }),
    encryption,
    {
      deadLetters,
    },
  )
  const delivered: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: ({ message }) => Promise.resolve(void delivered.push(message.offset)),
  })
  await until('the consumer stops', () => encryption.health().stopped.length > 0)
  const health = encryption.health()
  await consumer.disconnect()
  await deadLetters.disconnect()
  await encryption.close()
  return { delivered, health, events }
}

async function readDeadLetters(): Promise<KafkaMessage[]> {
  const consumer = testKafka().consumer({ groupId: `group.${dead}`, maxWaitTimeInMs: 50 })
  const letters: KafkaMessage[] = []
  await consumer.connect()
  await consumer.subscribe({ topic: dead, fromBeginning: true })
  await consumer.run({ eachMessage: ({ message }) => Promise.resolve(void letters.push(message)) })
  await until('a dead letter', () => letters.length > 0)
  await consumer.disconnect()
  return letters
}

it('a consumer that stopped goes on past the records that `allow` lets pass, and stops at one that fails in another way', async () => {
  await createKeyring(join(folder, 'dev.keyring'), [{ id: 'orders', type: 'aes-256' }])
  const config = `version: 1
kms: { dev: { provider: local, keyring: dev.keyring } }
cmks: { orders: [{ kms: dev, id: orders }] }
topics:
  # Stops at what it cannot open.
  - { match: ['${topic}'], encrypt: { cmk: orders }, decrypt: { cmk: orders } }
`
  await writeFile(join(folder, 'kafka-envelope.yaml'), config)
  const sealer = await createEncryption(await loadConfig(join(folder, 'kafka-envelope.yaml')))
  const sealed = await sealRecords(
    sealer,
    [0, 1, 2, 3].map((i) => ({ topic, value: `${CANARY} ${String(i)}` })),
  )
  await sealer.close()
  const values = sealed.map(({ value }) => value as Buffer)
  for (const value of [values[1], values[3]])
    value?.writeUInt8(value.readUInt8(value.length - 1) ^ 1, value.length - 1)
  const producer = testKafka().producer()
  await producer.connect()
  const messages: Message[] = [...values, Buffer.from('plaintext')].map((value) => ({ value }))
  await producer.send({ topic, messages })
  await producer.disconnect()

  const before = await consumeUntilStopped()
  expect([before.delivered, before.health.stopped]).toMatchObject([['0'], [{ offset: '1' }]])

  const code = ['--code', 'AUTHENTICATION_FAILED']
  const refused = [0, 4].map((offset) => allow(`${topic}:0:${String(offset)}`, ...code, '--skip'))
  expect(await Promise.all(refused)).toEqual([
    {
      code: 2,
      text: `${topic}:0:0: this configuration accepts the record, so that a consumer delivers it; nothing was changed\n`,
    },
    {
      code: 2,
      text: `${topic}:0:4: the record fails with NOT_SEALED, not with AUTHENTICATION_FAILED; nothing was changed\n`,
    },
  ])
  expect(await readFile(join(folder, 'kafka-envelope.yaml'), 'utf8')).toBe(config)
  expect(await allow(`${topic}:0:1`, ...code, '--skip')).toMatchObject({ code: 0 })
  expect(await allow(`${topic}:0:3`, ...code, '--dead-letter', dead)).toMatchObject({ code: 0 })
  // As without --brokers: the code is taken on trust.
  await appendFile(
    join(folder, 'kafka-envelope.yaml'),
    `  - { topic: '${topic}', partition: 0, offset: '4', code: MALFORMED, action: skip, until: '2026-12-31T18:00:00Z', by: ops, why: x }\n`,
  )
  expect(await readFile(join(folder, 'kafka-envelope.yaml'), 'utf8')).toContain(
    '# Stops at what it cannot open.',
  )

  const { delivered, health, events } = await consumeUntilStopped()
  expect(delivered).toEqual(['2'])
  expect(health.stopped).toMatchObject([{ code: 'NOT_SEALED', offset: '4' }])
  const why = 'INC-42: ${X}'
  expect(health.overrides).toMatchObject([
    { offset: '1', action: 'skip', by: 'ops', why, state: 'active', used: 1 },
    { offset: '3', action: 'deadLetter', deadLetter: dead, by: 'ops', why, state: 'active', used: 1 },
    { offset: '4', code: 'MALFORMED', used: 0 },
  ])
  const rejected = events.filter(({ name }) => name === 'record.rejected' || name === 'override.used')
  expect(rejected).toMatchObject([
    { name: 'record.rejected', offset: '1', action: 'skip' },
    { name: 'override.used', offset: '1' },
    { name: 'record.rejected', offset: '3', action: 'deadLetter' },
    { name: 'override.used', offset: '3' },
    { name: 'record.rejected', offset: '4', action: 'stop' },
  ])
  expect(await readDeadLetters()).toMatchObject([
    { value: values[3], headers: { 'kafka-envelope.override': Buffer.from('true') } },
  ])
}, 120_000)
