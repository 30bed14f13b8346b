import { afterEach, expect, it } from 'vitest'
import type { EncryptRule } from '../../../src/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { perSession } from '../../support/sealed.js'
import { fixture, until, type Fixture } from '../support/pair.js'
import { spied } from '../support/spied.js'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'

const fixtures: Fixture[] = []

async function make(name: string, encrypt: Partial<EncryptRule> = {}): Promise<Fixture> {
  const made = await fixture(name, { encrypt })
  fixtures.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(fixtures.splice(0).map((made) => made.end()))
})

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) {
    Object.values(value).forEach(deepFreeze)
    Object.freeze(value)
  }
  return value
}

/** All values of a topic, as stored on the broker and as a reader gets them. */
async function readBack(made: Fixture, count: number): Promise<{ raw: (Buffer | null)[]; opened: string[] }> {
  const raw: (Buffer | null)[] = []
  const opened: string[] = []
  const plain = made.kafka.consumer({ groupId: `raw.${made.topic}`, maxWaitTimeInMs: 50 })
  await plain.connect()
  await plain.subscribe({ topic: made.topic, fromBeginning: true })
  await plain.run({
    eachMessage: ({ message }) => {
      raw.push(message.value)
      return Promise.resolve()
    },
  })
  const consumer = await made.consumer()
  await consumer.run({
    eachMessage: ({ message }) => {
      opened.push(message.value?.toString() ?? 'null')
      return Promise.resolve()
    },
  })
  await until(`${String(count)} records`, () => raw.length >= count && opened.length >= count)
  await plain.disconnect()
  await consumer.disconnect()
  return { raw, opened }
}

it('the caller’s messages, headers and arrays are never mutated, and sealing twice from the same object works', async () => {
  const made = await make('law3', { bindHeaders: ['type'] })
  const record = deepFreeze({
    topic: made.topic,
    acks: -1,
    messages: [
      { key: 'k', value: `${CANARY} 1`, headers: { type: 'a', many: ['x', 'y'] } },
      { key: Buffer.from('k'), value: Buffer.from(`${CANARY} 2`), headers: { type: Buffer.from('b') } },
      { value: null },
    ],
  })
  const before = structuredClone(record)
  await made.producer.send(record)
  await made.producer.send(record)
  await made.producer.sendBatch(
    deepFreeze({ topicMessages: [{ topic: record.topic, messages: record.messages }] }),
  )
  expect(structuredClone(record)).toEqual(before)
  const { opened } = await readBack(made, 9)
  expect(opened).toEqual(Array.from({ length: 3 }, () => [`${CANARY} 1`, `${CANARY} 2`, 'null']).flat())
})

it('sends that are not awaited are passed to KafkaJS in order while the first waits for its key', async () => {
  const made = await make('order')
  const { producer: inner, keys } = spied(made.kafka.producer())
  const producer = encryptProducer(inner, made.encryption)
  await producer.connect()
  made.kms.hold = true
  const sends = Array.from({ length: 20 }, (_, i) => {
    const messages = [{ key: String(i), value: `${CANARY} ${String(i)}` }]
    return i % 3 === 0
      ? producer.sendBatch({ topicMessages: [{ topic: made.topic, messages }] })
      : producer.send({ topic: made.topic, messages })
  })
  await made.kms.waitForHeld()
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(keys).toEqual([])
  expect(await made.highWatermark()).toBe('0')
  made.kms.hold = false
  made.kms.held[0]?.succeed()
  await Promise.all(sends)
  await producer.disconnect()
  expect(keys).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
  expect((await readBack(made, 20)).opened.sort()).toEqual(keys.map((key) => `${CANARY} ${key}`).sort())
})

it('rotation under load neither loses nor reorders records', async () => {
  const made = await make('rotation', { rotate: { maxMessages: 37, allowFrequentRotation: true } })
  const writers = 5
  const each = 120
  const expected = Array.from({ length: each }, (_, i) => String(i))
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const { producer: inner, keys } = spied(made.kafka.producer())
      const producer = encryptProducer(inner, made.encryption)
      await producer.connect()
      const sends: Promise<unknown>[] = []
      for (let i = 0; i < each; i += 3) {
        const messages = [i, i + 1, i + 2].map((n) => ({
          key: String(n),
          value: `${CANARY} ${String(writer)} ${String(n)}`,
        }))
        sends.push(producer.send({ topic: made.topic, messages }))
        if (i % 15 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await Promise.all(sends)
      await producer.disconnect()
      expect(keys).toEqual(expected)
    }),
  )
  const { raw, opened } = await readBack(made, writers * each)
  const counts = perSession(raw)
  expect(Math.max(...counts)).toBe(37)
  expect(counts.filter((count) => count !== 37)).toHaveLength(1)
  for (let writer = 0; writer < writers; writer++) {
    const prefix = `${CANARY} ${String(writer)} `
    const own = opened.filter((value) => value.startsWith(prefix)).map((value) => value.slice(prefix.length))
    expect(own.sort()).toEqual([...expected].sort())
  }
})

it('a send that only sealing made too large is sent in several parts, in order, before the next send', async () => {
  const made = await make('split')
  const { producer: inner, keys } = spied(made.kafka.producer())
  const producer = encryptProducer(inner, made.encryption)
  await producer.connect()
  // Records that the broker accepts as plaintext, exactly at the limit of a record batch.
  const value = (i: number): string => `${CANARY} ${String(i)} `.padEnd(1000, 'x')
  const messages = Array.from({ length: 1000 }, (_, i) => ({ key: String(i), value: value(i) }))
  const first = producer.send({ topic: made.topic, messages })
  const second = producer.send({
    topic: made.topic,
    messages: [{ key: 'behind', value: `${CANARY} behind` }],
  })
  expect((await first).length).toBe(2)
  await second
  await producer.disconnect()
  expect(keys).toEqual([...messages.map(({ key }) => key), 'behind'])
  expect(made.events.filter(({ name }) => name === 'send.split')).toMatchObject([
    { topics: [made.topic], parts: 2 },
  ])
  const { opened } = await readBack(made, 1001)
  const mine = opened.filter((text) => !text.endsWith('behind')).map((text) => text.split(' ')[1])
  expect(mine).toEqual(messages.map(({ key }) => key))
})

it('a send that is split in a transaction is committed as a whole or not at all', async () => {
  const made = await make('split.transaction', { maxBatchBytes: '100KiB' })
  const producer = encryptProducer(
    made.kafka.producer({ transactionalId: made.topic, idempotent: true, maxInFlightRequests: 1 }),
    made.encryption,
  )
  await producer.connect()
  const messages = Array.from({ length: 300 }, (_, i) => ({
    value: `${CANARY} ${String(i)} `.padEnd(724, 'x'),
  }))
  const transaction = await producer.transaction()
  const metadata = await transaction.send({ topic: made.topic, messages })
  expect(metadata.length).toBe(3)
  expect(made.events.filter(({ name }) => name === 'send.split')).toMatchObject([
    { topics: [made.topic], parts: 3 },
  ])
  await transaction.commit()
  await producer.disconnect()
  expect((await readBack(made, 300)).opened).toEqual(messages.map(({ value }) => value))
})

it('a record that cannot fit is refused before anything is sent, with its sizes and the limit', async () => {
  const made = await make('too-large')
  const messages = [{ value: `${CANARY} small` }, { value: Buffer.alloc(2 ** 20, 'x') }]
  const error = await thrownBy(() => made.producer.send({ topic: made.topic, messages }))
  expect(error).toMatchObject({ code: 'RECORD_TOO_LARGE' })
  expect((error as Error).message).toMatch(
    /1048576 bytes takes 104\d{4} bytes sealed.*limit of 1048576 bytes/,
  )
  expect(await made.highWatermark()).toBe('0')
})
