import type { Admin, Kafka } from 'kafkajs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { mergeReports, scan, type ScanReport } from '../../../src/operate/index.js'
import { commitOffsets } from '../support/groups.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'

/** Enough for several fetches of a megabyte each. */
const RECORDS = 4000
const VALUE = 'plaintext '.repeat(60)

let admin: Admin
let topic: string
let truth: ScanReport
const groups: string[] = []
const topics: string[] = []

beforeAll(async () => {
  admin = testKafka().admin()
  await admin.connect()
  topic = await newTopic('raw.shared', 4)
  const producer = testKafka().producer({ transactionalId: `shared-${topic}`, idempotent: true })
  await producer.connect()
  // The last partition has nothing that a consumer sees, and one has nothing at all.
  for (const partition of [0, 1]) {
    const messages = Array.from({ length: RECORDS }, (_, i) => ({
      value: `${String(i)} ${VALUE}`,
      partition,
    }))
    for (let at = 0; at < RECORDS; at += 500) {
      await producer.send({ topic, messages: messages.slice(at, at + 500) })
    }
  }
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [{ value: VALUE, partition: 3 }] })
  await transaction.abort()
  await producer.disconnect()
  // The marker that ends the transaction comes a moment later.
  await vi.waitFor(async () => {
    const [last] = (await admin.fetchTopicOffsets(topic)).filter(({ partition }) => partition === 3)
    expect(last?.high).toBe('2')
  })
  truth = await scan({ kafka: testKafka(), topics: [topic] })
})
afterAll(async () => {
  await admin.deleteGroups(groups)
  await removeTopics([topic, ...topics])
  await admin.disconnect()
})

function newGroup(): string {
  const group = `shared-${topic}-${String(groups.length)}`
  groups.push(group)
  return group
}

/** Gives a few records at a time, and waits after each of these batches. */
function kafkaWith(afterBatch: () => Promise<void>): Kafka {
  const kafka = testKafka()
  const consumer: Kafka['consumer'] = (config) => {
    const made = kafka.consumer({ ...config, maxBytesPerPartition: 1 })
    return {
      ...made,
      run: ({ eachBatch, ...rest } = {}) =>
        made.run({
          ...rest,
          eachBatch: async (payload) => {
            await eachBatch?.(payload)
            await afterBatch()
          },
        }),
    }
  }
  return { admin: () => kafka.admin(), consumer } as unknown as Kafka
}

/** So slow that an interruption comes in the middle. */
const slowKafka = (): Kafka => kafkaWith(() => new Promise((resolve) => setTimeout(resolve, 150)))

const counts = (report: ScanReport | undefined): unknown =>
  report?.topics[0]?.partitions.map(({ partition, from, next, to, records, bytes, tally }) => [
    ...[partition, from, next, to, records, bytes],
    tally,
  ])

it('members of a group share a scan: each reads a part, and merged they have what one scan has', async () => {
  const group = newGroup()
  const parts = await Promise.all(
    [0, 1].map(() =>
      scan({ kafka: testKafka(), topics: [topic], group, onCheckpoint: () => Promise.resolve() }),
    ),
  )
  const read = parts.map(({ topics: [part] }) =>
    (part?.partitions ?? []).reduce((sum, { records }) => sum + records, 0),
  )
  expect(read.reduce((a, b) => a + b)).toBe(2 * RECORDS)
  for (const part of parts) expect(part.group?.isDone ?? part.isComplete).toBe(true)
  const merged = mergeReports(parts)
  expect(merged.isComplete).toBe(true)
  expect(counts(merged)).toEqual(counts(truth))
  // Who comes late has nothing to do, and a part alone is not complete.
  const late = await scan({ kafka: testKafka(), topics: [topic], group })
  expect(late).toMatchObject({
    isComplete: false,
    group: { id: group, isDone: true },
    topics: [{ partitions: [] }],
  })
}, 60_000)

it('a member that is interrupted leaves its part, and the others go on where it ended', async () => {
  const group = newGroup()
  const controller = new AbortController()
  let first: ScanReport | undefined
  const interrupted = scan({
    kafka: slowKafka(),
    topics: [topic],
    group,
    onProgress: (done) => {
      if (done > 0) controller.abort(new Error('interrupted'))
    },
    onCheckpoint: (report) => {
      first = report
      return Promise.resolve()
    },
    signal: controller.signal,
  })
  await expect(interrupted).rejects.toThrow('interrupted')
  const read = first?.topics[0]?.partitions.reduce((sum, { records }) => sum + records, 0)
  expect(read).toBeGreaterThan(0)
  expect(read).toBeLessThan(2 * RECORDS)
  const second = await scan({
    kafka: testKafka(),
    topics: [topic],
    group,
    onCheckpoint: () => Promise.resolve(),
  })
  const merged = mergeReports([first, second].flatMap((part) => part ?? []))
  expect(merged.isComplete).toBe(true)
  expect(counts(merged)).toEqual(counts(truth))
}, 60_000)

it('a member goes on behind what retention has removed, be it all that was left', async () => {
  const [short, group] = [await newTopic('raw.shared', 1), newGroup()]
  topics.push(short)
  const producer = testKafka().producer()
  await producer.connect()
  for (let i = 0; i < 2; i++)
    await producer.send({ topic: short, messages: [{ value: VALUE }, { value: VALUE }] })
  await producer.disconnect()
  // KafkaJS has to know the leader before.
  await admin.fetchTopicOffsets(short)
  let batches = 0
  const kafka = kafkaWith(async () => {
    // The first one shows where the partition ends.
    if (++batches !== 2) return
    await admin.deleteTopicRecords({ topic: short, partitions: [{ partition: 0, offset: '4' }] })
  })
  const part = await scan({ kafka, topics: [short], group })
  expect(part.isComplete).toBe(true)
  expect(part.topics[0]?.partitions).toMatchObject([{ from: '0', next: '4', to: '4', records: 2 }])
}, 60_000)

it('a consumer group that is not of a scan is refused, and so is the report of another group', async () => {
  const group = newGroup()
  await commitOffsets(group, topic, ['7'])
  await expect(scan({ kafka: testKafka(), topics: [topic], group })).rejects.toThrow(
    `consumer group ${group} has other offsets than those of a scan: choose another name`,
  )
  await expect(scan({ kafka: testKafka(), topics: [topic], group, resume: truth })).rejects.toThrow(
    'the earlier scan was not shared by a group: give another file for the report',
  )
  const part: ScanReport = { ...truth, group: { id: 'other', isDone: true } }
  await expect(scan({ kafka: testKafka(), topics: [topic], group, resume: part })).rejects.toThrow(
    'the earlier scan was shared by group other: give this name, or another file for the report',
  )
  await expect(scan({ kafka: testKafka(), topics: [topic], resume: part })).rejects.toThrow(
    'the earlier scan was shared by group other: give its name, too',
  )
}, 60_000)
