import { randomBytes } from 'node:crypto'
import type { Admin, Consumer, Kafka, Message } from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { readTopic } from '../../src/cli/dictionary/read-topic.js'
import { encryptProducer } from '../../src/clients/kafkajs/index.js'
import type { Encryption } from '../../src/index.js'
import { newTopic, removeTopics, testKafka } from '../support/broker.js'
import { memoryEncryption } from '../support/encryption.js'

let encryption: Encryption
let asked = 0
let admin: Admin
const topics: string[] = []

beforeAll(async () => {
  admin = testKafka().admin()
  await admin.connect()
  const decrypt = { cmk: 'main', onInvalid: () => (asked++, 'skip' as const) } as const
  const rule = { match: ['read.*'], encrypt: { cmk: 'main' }, decrypt } as const
  ;({ encryption } = await memoryEncryption([rule]))
})
afterAll(async () => {
  await encryption.close()
  await removeTopics(topics)
  await admin.disconnect()
})
afterEach(async () => {
  const { groups } = await admin.listGroups()
  const own = new RegExp(`^kafka-envelope-dictionary-.*-${String(process.pid)}-[-0-9a-f]+$`)
  expect(groups.filter(({ groupId }) => own.test(groupId))).toEqual([])
})

async function topicWith(messages: Message[], numPartitions = 1): Promise<string> {
  const topic = await newTopic('read', numPartitions)
  topics.push(topic)
  const producer = encryptProducer(testKafka().producer(), encryption)
  await producer.connect()
  for (let at = 0; at < messages.length; at += 50) {
    await producer.send({ topic, messages: messages.slice(at, at + 50) })
  }
  await producer.disconnect()
  return topic
}

const read = (topic: string, records = 2000, kafka: Kafka = testKafka()): ReturnType<typeof readTopic> =>
  readTopic({ kafka, encryption }, topic, records)

it('a topic of many fetches is read to its end, or up to as many values as wanted', async () => {
  const values = Array.from({ length: 1200 }, () => randomBytes(12_000))
  const topic = await topicWith(values.map((value) => ({ value })))
  const all = await read(topic)
  expect(all.atMost).toBe(1200)
  expect(Buffer.concat(all.values.map(({ value }) => value)).equals(Buffer.concat(values))).toBe(true)
  expect((await read(topic, 700)).values).toHaveLength(700)
}, 60_000)

it('a consumer that KafkaJS starts again reads no value twice', async () => {
  const values = Array.from({ length: 300 }, () => randomBytes(12_000))
  const topic = await topicWith(values.map((value) => ({ value })))
  // A new broker first creates the topic of consumer groups, which the client without retries does not wait for.
  await read(topic, 1)
  const restarts: boolean[] = []
  let batches = 0
  const consumer: Kafka['consumer'] = (config) => {
    // A few fetches.
    const small = { ...config, maxBytesPerPartition: 1024 * 1024 }
    const made = testKafka({ retry: { retries: 0, initialRetryTime: 100 } }).consumer(small)
    made.on(made.events.CRASH, ({ payload }) => void restarts.push(payload.restart))
    const run: Consumer['run'] = ({ eachBatch, ...rest } = {}) =>
      made.run({
        ...rest,
        eachBatch: async (payload) => {
          if (++batches >= 3 && restarts.length === 0) throw new Error('a failure that may pass')
          await eachBatch?.(payload)
        },
      })
    return { ...made, run }
  }
  const kafka = new Proxy(testKafka(), {
    get: (target, name) => (name === 'consumer' ? consumer : (Reflect.get(target, name) as unknown)),
  })
  const all = await read(topic, 2000, kafka)
  expect(restarts).toEqual([true])
  expect(Buffer.concat(all.values.map(({ value }) => value)).equals(Buffer.concat(values))).toBe(true)
}, 60_000)

it('all partitions are read, each value once with its key and place, and no tombstone', async () => {
  const message = (i: number): Message => ({ key: String(i), value: `v${String(i)}`, partition: i % 3 })
  const messages = [
    ...Array.from({ length: 30 }, (_, i) => message(i)),
    { key: 'x', value: null, partition: 0 },
  ]
  const topic = await topicWith(messages, 4)
  const { values, atMost } = await read(topic)
  expect(atMost).toBe(31)
  expect(values.map(({ value, key }) => `${String(value)} ${String(key)}`).sort()).toEqual(
    Array.from({ length: 30 }, (_, i) => `v${String(i)} ${String(i)}`).sort(),
  )
  expect(values.map(({ place }) => place)).toContain(`${topic}, partition 2, offset 9`)
})

it('records that were aborted, and those of a transaction that is open, end the reading', async () => {
  const topic = await topicWith([{ value: 'a' }])
  const producer = testKafka().producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const aborted = await producer.transaction()
  await aborted.send({ topic, messages: [{ value: 'not sealed' }] })
  await aborted.abort()
  expect((await read(topic)).values).toHaveLength(1)
  const open = await producer.transaction()
  await open.send({ topic, messages: [{ value: 'not sealed' }] })
  expect((await read(topic)).values).toHaveLength(1)
  await open.abort()
  await producer.disconnect()
}, 60_000)

it('offsets at the end that no fetch passes do not hold up the reading', async () => {
  const topic = await topicWith([{ value: 'a' }])
  // As compaction leaves them, which a test cannot wait for.
  const kafka = new Proxy(testKafka(), {
    get: (target, name) => (name === 'admin' ? adminWithLaterEnd : (Reflect.get(target, name) as unknown)),
  })
  const adminWithLaterEnd = (): Admin => {
    const real = testKafka().admin()
    return {
      ...real,
      fetchTopicOffsets: async (of) =>
        (await real.fetchTopicOffsets(of)).map((offsets) => ({ ...offsets, high: '3' })),
    }
  }
  const { values, atMost } = await read(topic, 2000, kafka)
  expect([values.length, atMost]).toEqual([1, 3])
}, 60_000)

it('the first record that does not open ends the reading, and no handler is asked', async () => {
  const topic = await topicWith([{ value: 'a' }, { value: 'b' }])
  const plain = testKafka().producer()
  await plain.connect()
  await plain.send({ topic, messages: [{ value: 'not sealed' }, { value: 'not sealed' }] })
  await plain.disconnect()
  await expect(read(topic)).rejects.toMatchObject({
    code: 'NOT_SEALED',
    position: { topic, partition: 0, offset: '2' },
  })
  expect(asked).toBe(0)
})

it('a topic that does not exist is not created', async () => {
  await expect(read('read.none')).rejects.toThrow(new Error('topic read.none does not exist'))
  expect(await admin.listTopics()).not.toContain('read.none')
})
