import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Admin, Message } from 'kafkajs'
import { copyTopic } from '../../../src/operate/copy/copy-topic.js'
import type { CopyOptions, CopyReport, Transform } from '../../../src/operate/copy/types.js'
import { readTopics } from '../../../src/operate/topics/read-topics.js'
import { rangesOf } from '../../../src/operate/topics/ranges.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'

const topics: string[] = []
let admin: Admin

beforeAll(async () => {
  admin = testKafka().admin()
  await admin.connect()
})
afterAll(async () => {
  await admin.disconnect()
  await removeTopics(topics)
})

async function topicOf(partitions = 1): Promise<string> {
  const topic = await newTopic('raw.copy', partitions)
  topics.push(topic)
  return topic
}

async function send(topic: string, messages: Message[]): Promise<void> {
  const producer = testKafka().producer()
  await producer.connect()
  await producer.send({ topic, messages })
  await producer.disconnect()
}

const same: Transform = ({ messages }) => Promise.resolve(messages.map(({ value }) => value))

function copy(from: string, to: string, options: Partial<CopyOptions> = {}): Promise<CopyReport> {
  return copyTopic({ kafka: testKafka(), from, to, group: `copy-${to}`, transform: same, ...options })
}

/** Everything that a reader of committed records sees, by partition. */
async function contents(topic: string): Promise<unknown[][]> {
  const found: unknown[][] = []
  const ranges = await rangesOf(admin, [topic])
  for (const { partition } of ranges) found[partition] = []
  await readTopics({
    ...{ kafka: testKafka(), purpose: 'test', ranges },
    onBatch: ({ partition, messages }) => {
      for (const { key, value, headers, timestamp } of messages) {
        found[partition]?.push([
          key?.toString('hex') ?? null,
          value?.toString('hex') ?? null,
          timestamp,
          headers,
        ])
      }
      return undefined
    },
  })
  return found
}

describe('copyTopic', () => {
  it('it keeps key, headers, timestamp, partition and order of every record', async () => {
    const [from, to] = [await topicOf(3), await topicOf(3)]
    const binary = Buffer.from([0xff, 0, 0x80])
    const now = Date.now()
    await send(from, [
      { key: 'k', value: 'a', partition: 0, timestamp: String(now), headers: { h: 'x' } },
      { key: null, value: null, partition: 0, timestamp: String(now - 5) },
      {
        key: binary,
        value: binary,
        partition: 2,
        timestamp: '999',
        headers: { b: binary, r: ['1', '', '2'] },
      },
      {
        value: 'no key',
        partition: 2,
        timestamp: '1700000000000',
        headers: { ['__proto__']: 'p', constructor: 'c' },
      },
      { value: '', partition: 2, timestamp: String(now) },
    ])
    const report = await copy(from, to)
    expect(report.partitions.map(({ records, next, end }) => [records, next, end])).toEqual([
      [2, '2', '2'],
      [0, '0', '0'],
      [3, '3', '3'],
    ])
    expect(await contents(to)).toEqual(await contents(from))
    const again = await copy(from, to)
    expect(again.partitions.map(({ records }) => records)).toEqual([0, 0, 0])
    await send(from, [{ value: 'later', partition: 1 }])
    await copy(from, to)
    expect(await contents(to)).toEqual(await contents(from))
  }, 60_000)
})
