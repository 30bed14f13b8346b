import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { expect, inject, it } from 'vitest'
import { loadConfig } from '../../src/config-file/index.js'
import { createEncryption, type Encryption } from '../../src/index.js'
import { rangesOf } from '../../src/operate/topics/ranges.js'
import { readTopics } from '../../src/operate/topics/read-topics.js'
import { openRecords } from '../../src/record/index.js'
import { BROKERS, run } from './commands.js'
import { killAndResume } from './copies.js'
import { createTopic } from './create-topic.js'
import { randomOf } from './random.js'
import { PARTITIONS } from './topic.js'
import { CONFIG_FILE } from './variants.js'

const { seed, records, sealed: source, folder } = inject('million')
const random = randomOf(seed + 3)
const target = `raw.resealed.${String(seed)}`
const kafka = new Kafka({
  brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
  logLevel: logLevel.NOTHING,
})

interface Content {
  /** Each record, opened, in order, by partition. */
  readonly opened: readonly string[][]
  readonly cmks: ReadonlySet<string>
  readonly sessions: ReadonlySet<string>
}

async function contentOf(topic: string, encryption: Encryption): Promise<Content> {
  const admin = kafka.admin()
  await admin.connect()
  const ranges = await rangesOf(admin, [topic])
  await admin.disconnect()
  const opened: string[][] = Array.from({ length: PARTITIONS }, () => [])
  const [cmks, sessions] = [new Set<string>(), new Set<string>()]
  await readTopics({
    ...{ kafka, purpose: 'compare', ranges },
    onBatch: async ({ partition, messages }) => {
      const given = messages.map((message) => ({ ...message, topic, partition }))
      for (const [n, record] of (await openRecords(encryption, given)).entries()) {
        if (record.error !== undefined) throw record.error
        const { value, envelope } = record
        if (envelope?.cmkId !== undefined) cmks.add(envelope.cmkId)
        if (envelope?.sessionId !== undefined) sessions.add(envelope.sessionId)
        const { key, timestamp, headers } = messages[n] ?? {}
        opened[partition]?.push(JSON.stringify([String(key), value?.toString(), timestamp, headers]))
      }
      return undefined
    },
  })
  return { opened, cmks, sessions }
}

it('resealed by processes that are killed, each record is there once and in order, under new DEKs of the new CMK', async () => {
  const admin = kafka.admin()
  await admin.connect()
  await createTopic(admin, target)
  const config = join(folder, CONFIG_FILE)
  const args = ['reseal', source, '--to', target, '--config', config, '--group', target, ...BROKERS]
  await killAndResume(admin, target, args, () => 1500 * random())
  const last = await run(args)
  expect([last.code, last.stderr]).toEqual([0, ''])
  const encryption = await createEncryption(await loadConfig(config))
  const [before, after] = [await contentOf(source, encryption), await contentOf(target, encryption)]
  await encryption.close()
  expect(before.opened.reduce((sum, all) => sum + all.length, 0)).toBe(records / 10)
  for (const [partition, all] of before.opened.entries()) {
    expect(after.opened[partition]?.length).toBe(all.length)
    expect(all.findIndex((each, i) => after.opened[partition]?.[i] !== each)).toBe(-1)
  }
  expect([...after.cmks]).toEqual(['cards-2026'])
  expect([...after.sessions].filter((session) => before.sessions.has(session))).toEqual([])
  await admin.deleteTopics({ topics: [target] })
  await admin.disconnect()
})
