import { createHash } from 'node:crypto'
import { Partitioners, type ICustomPartitioner, type Kafka, type Message, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Encryption } from '../../../src/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { until } from '../support/pair.js'
import { encryptKafka, encryptProducer, encryptionPartitioner } from '../../../src/clients/kafkajs/index.js'

const PARTITIONS = 8
const hash = (bytes: Buffer | string): number => createHash('sha256').update(bytes).digest().readUInt32BE()

/** As applications have them. */
const PARTITIONERS: Record<string, ICustomPartitioner | undefined> = {
  'the default partitioner': undefined,
  'the legacy partitioner': Partitioners.LegacyPartitioner,
  'a partitioner that hashes the value':
    () =>
    ({ message }) =>
      hash(message.value ?? '') % PARTITIONS,
  'a partitioner that reads a field of the value':
    () =>
    ({ message }) =>
      (JSON.parse(String(message.value)) as { n: number }).n % PARTITIONS,
  'a partitioner that looks at a header':
    () =>
    ({ message }) =>
      hash(String(message.headers?.['tenant'])) % PARTITIONS,
  'a partitioner that looks at a member of its own':
    () =>
    ({ message }) =>
      (message as Message & { shard: number }).shard % PARTITIONS,
}

const MESSAGES = Array.from({ length: 40 }, (_, n) => ({
  key: `key ${String(n)}`,
  value: n % 2 ? JSON.stringify({ n, text: CANARY }) : Buffer.from(JSON.stringify({ n, text: CANARY })),
  headers: { tenant: `tenant ${String(n % 5)}` },
  shard: n * 3,
}))

/** The partition of each message, by its key. */
async function partitionsOf(kafka: Kafka, topic: string): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  const consumer = kafka.consumer({ groupId: `group.${topic}`, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: ({ partition, message }) => {
      found.set(String(message.key), partition)
      return Promise.resolve()
    },
  })
  await until('all messages', () => found.size >= MESSAGES.length)
  await consumer.disconnect()
  return found
}

describe('a message goes to the same partition as before it was encrypted', () => {
  const kafka = testKafka()
  let encryption: Encryption
  beforeAll(async () => {
    const rule = {
      match: ['partitions.*'],
      encrypt: { cmk: 'main', compression: 'gzip' as const },
      decrypt: { cmk: 'main' },
    }
    encryption = (await memoryEncryption([rule])).encryption
  })
  afterAll(() => encryption.close())

  const sendAll = async (producer: Producer, topic: string, messages = MESSAGES): Promise<void> => {
    await producer.connect()
    try {
      await producer.send({ topic, messages: messages.slice(0, 20) })
      await producer.sendBatch({ topicMessages: [{ topic, messages: messages.slice(20) }] })
    } finally {
      await producer.disconnect()
    }
  }

  it.each(Object.entries(PARTITIONERS))(
    'a message goes to the same partition as before it was encrypted by %s',
    async (_, createPartitioner) => {
      const config = createPartitioner ? { createPartitioner } : {}
      const wrappedConfig = createPartitioner
        ? { createPartitioner: encryptionPartitioner(createPartitioner, encryption) }
        : {}
      const found: Map<string, number>[] = []
      for (const producer of [
        kafka.producer(config),
        encryptKafka(kafka, encryption).producer(config),
        encryptProducer(kafka.producer(wrappedConfig), encryption),
      ]) {
        const topic = await newTopic('partitions', PARTITIONS)
        await sendAll(producer, topic)
        found.push(await partitionsOf(kafka, topic))
      }
      const [plain, ...encrypted] = found
      expect(new Set(plain?.values()).size).toBeGreaterThan(2)
      for (const each of encrypted) expect(each).toEqual(plain)
    },
  )

  it('a send fails, rather than choose another partition, if other code copied the messages', async () => {
    const topic = await newTopic('partitions', PARTITIONS)
    const byValue = PARTITIONERS['a partitioner that hashes the value'] as ICustomPartitioner
    const inner = kafka.producer({ createPartitioner: encryptionPartitioner(byValue, encryption) })
    const copying: Producer = {
      ...inner,
      send: (record) =>
        inner.send({ ...record, messages: record.messages.map((message) => ({ ...message })) }),
    }
    const error = await thrownBy(() => sendAll(encryptProducer(copying, encryption), topic))
    expect(error).toMatchObject({ code: 'PARTITIONER_WITHOUT_PLAINTEXT' })
    await expectNothingOn(topic)
  })

  it.each([
    ['hashes the value', PARTITIONERS['a partitioner that hashes the value']],
    ['reads a field of the value', PARTITIONERS['a partitioner that reads a field of the value']],
  ])(
    'a send fails, rather than choose another partition, if a partitioner that %s was not given to the encryption',
    async (_, create) => {
      const topic = await newTopic('partitions', PARTITIONS)
      const producer = encryptProducer(
        kafka.producer({ createPartitioner: create as ICustomPartitioner }),
        encryption,
      )
      const error = await thrownBy(() => sendAll(producer, topic))
      expect(error).toMatchObject({ code: 'PARTITIONER_WITHOUT_PLAINTEXT' })
      await expectNothingOn(topic)
    },
  )

  it('a message goes to the same partition as before it was encrypted, even if other code reads values, adds up their sizes, or replaces them', async () => {
    const inner = kafka.producer()
    let bytes = 0
    const reading: Producer = {
      ...inner,
      send: (record) => {
        bytes += record.messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
        for (const message of record.messages) message.value = Buffer.from(message.value as Buffer)
        return inner.send(record)
      },
    }
    const [plain, wrapped] = [
      await newTopic('raw.partitions', PARTITIONS),
      await newTopic('partitions', PARTITIONS),
    ]
    await sendAll(kafka.producer(), plain)
    await sendAll(encryptProducer(reading, encryption), wrapped)
    expect(bytes).toBeGreaterThan(0)
    expect(await partitionsOf(kafka, wrapped)).toEqual(await partitionsOf(kafka, plain))
  })

  const expectNothingOn = async (topic: string): Promise<void> => {
    const admin = kafka.admin()
    await admin.connect()
    const offsets = await admin.fetchTopicOffsets(topic)
    await admin.disconnect()
    expect(offsets.map(({ high }) => high)).toEqual(Array.from({ length: PARTITIONS }, () => '0'))
  }
})
