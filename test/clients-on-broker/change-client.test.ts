import { inspect } from 'node:util'
import { readFileSync } from 'node:fs'
import { compatibilityPartitioner, Producer, type MessageToProduce } from '@platformatic/kafka'
import { PartitionAssigners, type PartitionAssigner } from 'kafkajs'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { encryptProducer as encryptConfluent } from '../../src/clients/confluent/index.js'
import { decryptConsumer, encryptProducer } from '../../src/clients/kafkajs/index.js'
import { encryptProducer as encryptPlatformatic } from '../../src/clients/platformatic/index.js'
import type { Encryption } from '../../src/index.js'
import { groupsReady } from '../integration/support/groups.js'
import { until } from '../integration/support/pair.js'
import { testKafka } from '../support/broker.js'
import { loadConfluent, whyNoConfluent } from '../support/confluent.js'
import { thrownBy } from '../support/emissions.js'
import type { ClientUnderTest, Reader, ReadOptions, Received, Sent } from './client-under-test.js'
import { confluent } from './clients/confluent.js'
import { kafkajs } from './clients/kafkajs.js'
import { platformatic } from './clients/platformatic.js'
import { stage, text, type Stage } from './stage.js'

// What docs/change-client.md says.

const PAGE = readFileSync(new URL('../../docs/change-client.md', import.meta.url), 'utf8')
const OTHERS = whyNoConfluent === undefined ? [confluent, platformatic] : [platformatic]
const brokers = (): string[] => (process.env['KAFKA_BROKERS'] ?? '').split(',')
const counting = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const records = (count: number, from = 0, partition = 0): Sent[] =>
  counting(count).map((n) => ({
    ...{ partition, key: `key ${String(from + n)}`, value: text(from + n) },
    headers: { tenant: 'acme' },
  }))
const placeOf = ({ partition, offset }: Received): string => `${String(partition)} ${offset}`

beforeAll(groupsReady)

describe.each(OTHERS)('from KafkaJS to $name', (other) => {
  /** A member of the group with a client, and the places of what it got. */
  async function member(
    on: Stage,
    client: ClientUnderTest,
    handle: ReadOptions['handle'] = () => undefined,
  ): Promise<{ reader: Reader; seen: string[] }> {
    const seen: string[] = []
    const reader = await client.read(
      {
        ...{ group: on.group, topics: on.topics },
        async handle(some) {
          await handle(some)
          seen.push(...some.map(placeOf))
        },
      },
      on.encryption,
    )
    onTestFinished(() => reader.close())
    return { reader, seen }
  }

  it(`a group of KafkaJS that ends goes on with ${other.name} at the next record, and back; each opens what the other sealed`, async () => {
    const on = await stage(kafkajs, onTestFinished, {
      encrypt: { bindHeaders: ['tenant'] },
      decrypt: { require: { bindHeaders: ['tenant'] } },
    })
    const turn = async (client: ClientUnderTest, from: number, to: number): Promise<void> => {
      const { reader, seen } = await member(on, client, (some) => {
        for (const { offset, value } of some) expect(String(value)).toBe(text(offset))
      })
      await until('the commit', async () => (await on.committed())['0/0'] === String(to))
      await reader.close()
      expect(seen).toEqual(
        counting(to)
          .slice(from)
          .map((n) => `0 ${String(n)}`),
      )
    }
    const old = await on.writer()
    await old.send({ topic: on.topic, records: records(4) })
    await turn(kafkajs, 0, 4)
    await old.send({ topic: on.topic, records: records(2, 4) })
    const next = await other.writer(on.encryption)
    await next.send({ topic: on.topic, records: records(3, 6) })
    await turn(other, 4, 9)
    await next.send({ topic: on.topic, records: records(2, 9) })
    await next.close()
    await turn(kafkajs, 9, 11)
    // Both producers of the process sealed under one DEK.
    expect(on.near.calls.filter(({ operation }) => operation === 'generate')).toHaveLength(1)
  })

  it(`a consumer of ${other.name} is not accepted in a group that has one of KafkaJS, which goes on; once that one is closed, it takes over`, async () => {
    const on = await stage(kafkajs, onTestFinished, { partitions: 2 })
    const old = await member(on, kafkajs)
    const put = (): Promise<void> => on.put([...records(2), ...records(2, 0, 1)])
    await put()
    await until('the old one', () => old.seen.length === 4)
    // Confluent's client tries again by itself; Platformatic's rejects.
    const early = await member(on, other).catch(() => undefined)
    await put()
    await until('the old one', () => old.seen.length === 8)
    expect(await on.members()).toBe(1)
    await old.reader.close()
    await put()
    const late = early ?? (await member(on, other))
    await until('the new one', () => late.seen.length === 4)
    expect(late.seen.sort()).toEqual(['0 4', '0 5', '1 4', '1 5'])
  })

  it(`consumers of KafkaJS with an assigner that is named \`roundrobin\` share a group with ${other.name}; each record arrives, and the group is never empty`, async () => {
    const on = await stage(kafkajs, onTestFinished, { partitions: 4 })
    const roundrobin: PartitionAssigner = (config) => ({
      ...PartitionAssigners.roundRobin(config),
      name: 'roundrobin',
    })
    const old = async (partitionAssigners: PartitionAssigner[]) => {
      const inner = testKafka().consumer({
        ...{ groupId: on.group, partitionAssigners, heartbeatInterval: 200, maxWaitTimeInMs: 50 },
      })
      const consumer = decryptConsumer(inner, on.encryption as Encryption)
      onTestFinished(() => consumer.disconnect())
      const seen: string[] = []
      await consumer.connect()
      await consumer.subscribe({ topic: on.topic, fromBeginning: true })
      await consumer.run({
        eachMessage: ({ topic, partition, message }) =>
          Promise.resolve(void seen.push(placeOf({ topic, partition, ...message, headers: {} }))),
      })
      return { consumer, seen }
    }
    const put = (): Promise<void> => on.put([0, 1, 2, 3].flatMap((partition) => records(2, 0, partition)))
    /** Resolves once this one gets records, too. */
    const takesPart = (seen: string[]): Promise<void> =>
      until('its records', async () => {
        await put()
        return seen.length > 0
      })
    const members = (count: number): Promise<void> =>
      until(`${String(count)} members`, async () => (await on.members()) === count)

    const first = await old([PartitionAssigners.roundRobin])
    await takesPart(first.seen)
    const second = await old([roundrobin, PartitionAssigners.roundRobin])
    await members(2)
    await takesPart(second.seen)
    await first.consumer.disconnect()
    await members(1)
    const third = await member(on, other)
    await members(2)
    await takesPart(third.seen)
    await second.consumer.disconnect()
    await put()
    const count = await on.count()
    const seen = (): Set<string> => new Set([...first.seen, ...second.seen, ...third.seen])
    await until('all records', () => seen().size === count)
  })
})

it('the assigner of docs/change-client.md is the one that was tried', () => {
  const code = "(config) => ({ ...PartitionAssigners.roundRobin(config), name: 'roundrobin' })"
  expect(PAGE.replaceAll(/\s+/g, ' ')).toContain(`const roundrobin: PartitionAssigner = ${code}`)
})

describe('transactional ids', () => {
  /** What KafkaJS still does with its transaction after another producer has the id. */
  async function takenOver(take: (on: Stage) => Promise<void>): Promise<void> {
    const on = await stage(kafkajs, onTestFinished)
    const old = await on.writer(on.topic)
    const first = await old.transaction()
    await first.send({ topic: on.topic, records: records(1) })
    await first.commit()
    await take(on)
    await thrownBy(async () => {
      const late = await old.transaction()
      await late.send({ topic: on.topic, records: records(1, 100) })
      await late.commit()
    })
    const { reader, seen } = await on.read()
    await until('the records', () => seen.length >= 2)
    await reader.close()
    expect(seen.map(({ value }) => String(value))).toEqual([0, 1].map(text))
  }

  it.skipIf(whyNoConfluent !== undefined)(
    'a producer of Confluent’s client takes the transactional id of one of KafkaJS over, whose later transactions fail',
    () =>
      takenOver(async (on) => {
        const next = await confluent.writer(on.encryption, on.topic)
        const transaction = await next.transaction()
        await transaction.send({ topic: on.topic, records: records(1, 1) })
        await transaction.commit()
        await next.close()
      }),
  )

  it('a producer of Platformatic’s client takes it over with `producerId: -1n` and `producerEpoch: -1`', () =>
    takenOver(async (on) => {
      const inner = new Producer({
        ...{ clientId: 'change', bootstrapBrokers: brokers(), transactionalId: on.topic, idempotent: true },
        ...{ producerId: -1n, producerEpoch: -1 },
      })
      const next = encryptPlatformatic(inner, on.encryption as Encryption)
      const transaction = await next.beginTransaction()
      await transaction.send({ messages: [{ topic: on.topic, value: Buffer.from(text(1)) }] })
      await transaction.commit()
      await next.close()
    }))

  it('a producer of Platformatic’s client without these is refused a transactional id that was used before', async () => {
    const on = await stage(kafkajs, onTestFinished)
    const old = await on.writer(on.topic)
    const first = await old.transaction()
    await first.send({ topic: on.topic, records: records(1) })
    await first.commit()
    const refusal = async (): Promise<unknown> => {
      const next = await platformatic.writer(on.encryption, on.topic)
      const refused = await thrownBy(() => next.transaction())
      await next.close()
      return refused
    }
    let refused = await refusal()
    // The broker may still be ending the transaction, and says that first.
    while (inspect(refused, { depth: null }).includes('CONCURRENT_TRANSACTIONS')) refused = await refusal()
    expect(refused).toMatchObject({ errors: [{ apiId: 'PRODUCER_FENCED' }] })
  })
})

describe('keys and partitions', () => {
  // Not a power of two.
  const PARTITIONS = 6
  type Send = (topic: string, messages: { key: string; value: string }[]) => Promise<unknown>

  /** The partition of each key. */
  async function partitionsOf(
    make: (encryption: Encryption) => Send | Promise<Send>,
    partitions = PARTITIONS,
  ): Promise<string[]> {
    const on = await stage(kafkajs, onTestFinished, { partitions })
    const keys = counting(40).map((n) => `customer-${String(n)}`)
    const send = await make(on.encryption as Encryption)
    await send(
      on.topic,
      keys.map((key) => ({ key, value: text(key) })),
    )
    const { reader, seen } = await on.read()
    await until('all', () => seen.length >= keys.length)
    await reader.close()
    return seen.map(({ key, partition }) => `${String(key)} ${String(partition)}`).sort()
  }

  const ofKafkajs = async (encryption: Encryption): Promise<Send> => {
    const producer = encryptProducer(testKafka().producer(), encryption)
    await producer.connect()
    onTestFinished(() => producer.disconnect())
    return (topic, messages) => producer.send({ topic, messages })
  }
  const ofConfluent =
    (config: Readonly<Record<string, unknown>>) =>
    async (encryption: Encryption): Promise<Send> => {
      const { Kafka } = loadConfluent().KafkaJS
      const producer = encryptConfluent(new Kafka({ log_level: 0, ...config }).producer(), encryption)
      await producer.connect()
      onTestFinished(() => producer.disconnect())
      return (topic, messages) => producer.send({ topic, messages })
    }
  const ofPlatformatic =
    (options: object) =>
    (encryption: Encryption): Send => {
      const inner = new Producer({ clientId: 'change', bootstrapBrokers: brokers(), ...options })
      const producer = encryptPlatformatic(inner, encryption)
      onTestFinished(() => producer.close())
      return (topic, messages) =>
        producer.send({
          messages: messages.map(({ key, value }): MessageToProduce => ({
            topic,
            key: Buffer.from(key),
            value: Buffer.from(value),
          })),
        })
    }

  it.skipIf(whyNoConfluent !== undefined)(
    'keys keep their partitions with Confluent’s client if its configuration has a `kafkaJS` block or the partitioner `murmur2_random`, and otherwise not',
    async () => {
      const before = await partitionsOf(ofKafkajs)
      expect(new Set(before.map((line) => line.split(' ')[1])).size).toBeGreaterThan(4)
      const servers = { 'bootstrap.servers': brokers().join(',') }
      expect(await partitionsOf(ofConfluent({ kafkaJS: { brokers: brokers() } }))).toEqual(before)
      expect(await partitionsOf(ofConfluent({ ...servers, partitioner: 'murmur2_random' }))).toEqual(before)
      expect(await partitionsOf(ofConfluent(servers))).not.toEqual(before)
    },
  )

  it('keys keep their partitions with Platformatic’s client if it has its `compatibilityPartitioner`; without, only if the number of partitions is a power of two', async () => {
    const before = await partitionsOf(ofKafkajs)
    expect(await partitionsOf(ofPlatformatic({ partitioner: compatibilityPartitioner }))).toEqual(before)
    expect(await partitionsOf(ofPlatformatic({}))).not.toEqual(before)
    expect(await partitionsOf(ofPlatformatic({}), 8)).toEqual(await partitionsOf(ofKafkajs, 8))
  })
})
