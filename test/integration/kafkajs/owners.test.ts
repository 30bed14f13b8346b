import { afterEach, expect, it } from 'vitest'
import type { Encryption } from '../../../src/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption, type SeenEvent } from '../../support/encryption.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { parts } from '../../support/sealed.js'
import { until } from '../support/pair.js'
import { decryptConsumer, encryptProducer } from '../../../src/clients/kafkajs/index.js'

interface Owner {
  readonly encryption: Encryption
  readonly events: SeenEvent[]
}

const ends: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** An owner as in a process of its own; what it shares with others is the KMS. */
async function owner(
  kms: MemoryKms,
  match: readonly string[],
  originalTopics: readonly string[] = [],
): Promise<Owner> {
  const made = await memoryEncryption(
    [{ match, encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', originalTopics } }],
    { kms },
  )
  ends.push(() => made.encryption.close())
  return made
}

async function send({ encryption }: Owner, topic: string, texts: readonly string[]): Promise<void> {
  const producer = encryptProducer(testKafka().producer(), encryption)
  await producer.connect()
  await producer.send({ topic, messages: texts.map((text) => ({ value: `${CANARY} ${text}` })) })
  await producer.disconnect()
}

async function read(encryption: Encryption | undefined, topic: string, group: string): Promise<Buffer[]> {
  const seen: Buffer[] = []
  const inner = testKafka().consumer({ groupId: `${group}.${topic}`, maxWaitTimeInMs: 50 })
  const consumer = encryption === undefined ? inner : decryptConsumer(inner, encryption)
  ends.push(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: ({ message }) => {
      seen.push(message.value ?? Buffer.alloc(0))
      return Promise.resolve()
    },
  })
  return seen
}

it('two owners write and two read in separate groups: each reader gets everything, and no session is shared', async () => {
  const topic = await newTopic('owners')
  const kms = new MemoryKms()
  const owners = [await owner(kms, [topic]), await owner(kms, [topic])] as const
  for (const one of owners) await send(one, topic, ['1', '2'])
  const raw = await read(undefined, topic, 'raw')
  const seen = await Promise.all(owners.map(({ encryption }, i) => read(encryption, topic, `g${String(i)}`)))
  await until('all', () => [raw, ...seen].every((list) => list.length === 4))
  for (const list of seen) {
    expect(list.map(String)).toEqual([`${CANARY} 1`, `${CANARY} 2`, `${CANARY} 1`, `${CANARY} 2`])
  }
  expect(new Set(raw.map((value) => parts(value).session)).size).toBe(2)
  // The end of one owner is not the end of the other.
  await owners[0].encryption.close()
  await send(owners[1], topic, ['3'])
  await until('the next', () => seen[1]?.length === 5)
})

it('after close() a consumer stops with ENCRYPTION_CLOSED and delivers nothing; so does a transaction', async () => {
  const topic = await newTopic('owners.closed')
  const kms = new MemoryKms()
  const [writer, reader] = [await owner(kms, [topic]), await owner(kms, [topic])]
  const producer = encryptProducer(
    testKafka().producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 }),
    writer.encryption,
  )
  await producer.connect()
  const seen = await read(reader.encryption, topic, 'g')
  await reader.encryption.close()
  await send(writer, topic, ['1'])
  await until('consumer.stopped', () => reader.events.some(({ name }) => name === 'consumer.stopped'))
  expect(reader.events.filter(({ name }) => name === 'consumer.stopped')).toMatchObject([
    { code: 'ENCRYPTION_CLOSED', topic },
  ])
  expect(reader.encryption.health().status).toBe('closed')
  expect(seen).toEqual([])
  const transaction = await producer.transaction()
  await writer.encryption.close()
  const messages = [{ value: CANARY }]
  expect(await thrownBy(() => transaction.send({ topic, messages }))).toMatchObject({
    code: 'ENCRYPTION_CLOSED',
  })
  expect(await thrownBy(() => producer.sendBatch({ topicMessages: [{ topic, messages }] }))).toMatchObject({
    code: 'ENCRYPTION_CLOSED',
  })
  await transaction.abort()
  await producer.disconnect()
})

it('a copy of a topic opens if the rule names the original', async () => {
  const [original, copy] = [await newTopic('owners.original'), await newTopic('raw.owners.copy')]
  const kms = new MemoryKms()
  await send(await owner(kms, [original]), original, ['1', '2'])
  const raw = await read(undefined, original, 'mirror')
  await until('the originals', () => raw.length === 2)
  const mirror = testKafka().producer()
  await mirror.connect()
  await mirror.send({ topic: copy, messages: raw.map((value) => ({ value })) })
  await mirror.disconnect()
  const { encryption } = await owner(kms, [copy], [original])
  const seen = await read(encryption, copy, 'g')
  await until('the copies', () => seen.length === 2)
  expect(seen.map(String)).toEqual([`${CANARY} 1`, `${CANARY} 2`])
})
