import type { Consumer, ConsumerRunConfig } from 'kafkajs'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { decryptConsumer, encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { createEncryption, EnvelopeError, type Encryption } from '../../../src/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { groupsReady } from '../support/groups.js'
import { until } from '../support/pair.js'

const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')
beforeAll(groupsReady)
const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A topic with partitions whose records are sealed under a CMK that is near, or one that is far and may be away. */
async function nearAndFar(partitions = 3) {
  const topic = await newTopic('parking', partitions)
  const kafka = testKafka({ retry: { initialRetryTime: 50, maxRetryTime: 300 } })
  const kms = { near: new MemoryKms({ provider: 'near' }), far: new MemoryKms({ provider: 'far' }) }
  const owner = async (sealing: 'near' | 'far'): Promise<Encryption> => {
    const encryption = await createEncryption({
      kms: { near: kms.near.client(), far: kms.far.client() },
      cmks: { near: [{ kms: 'near', id: 'a' }], far: [{ kms: 'far', id: 'b' }] },
      topics: [{ match: [topic], encrypt: { cmk: sealing }, decrypt: { cmk: ['near', 'far'] } }],
      kmsRetries: 0,
    })
    ends.push(() => encryption.close())
    return encryption
  }
  const encryption = await owner('near')
  const senders = { near: encryption, far: await owner('far') }
  const send = async (which: 'near' | 'far', partition: number, count: number): Promise<void> => {
    const producer = encryptProducer(kafka.producer(), senders[which])
    await producer.connect()
    const messages = Array.from({ length: count }, (_, i) => ({ value: `${CANARY} ${String(i)}`, partition }))
    await producer.send({ topic, messages })
    await producer.disconnect()
  }
  /** The offsets delivered, by partition. */
  const seen: Record<number, number[]> = {}
  const upsets: string[] = []
  const run = async (config: (note: Note) => ConsumerRunConfig, groupId = topic): Promise<Consumer> => {
    const consumer = decryptConsumer(
      kafka.consumer({
        groupId,
        maxWaitTimeInMs: 100,
        sessionTimeout: 6000,
        heartbeatInterval: 500,
        retry: { retries: 0 },
      }),
      encryption,
    )
    ends.push(() => consumer.disconnect())
    for (const name of [consumer.events.CRASH, consumer.events.REBALANCING, consumer.events.GROUP_JOIN])
      consumer.on(name, () => upsets.push(name))
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run(config((partition, offset) => (seen[partition] ??= []).push(Number(offset))))
    await until('an assignment', () => upsets.length > 0)
    upsets.length = 0
    return consumer
  }
  const committed = async (): Promise<Record<number, string>> => {
    const admin = kafka.admin()
    await admin.connect()
    const [offsets] = await admin.fetchOffsets({ groupId: topic, topics: [topic] })
    await admin.disconnect()
    return Object.fromEntries((offsets?.partitions ?? []).map(({ partition, offset }) => [partition, offset]))
  }
  return { topic, kafka, kms, encryption, send, seen, upsets, run, committed }
}

type Note = (partition: number, offset: string) => unknown

const KINDS: Record<string, (note: Note) => ConsumerRunConfig> = {
  eachMessage: (note) => ({
    eachMessage: ({ partition, message }) => Promise.resolve(void note(partition, message.offset)),
  }),
  eachBatch: (note) => ({
    eachBatch: ({ batch }) => {
      for (const { offset } of batch.messages) note(batch.partition, offset)
      return Promise.resolve()
    },
  }),
}
const CASES = Object.keys(KINDS).flatMap((kind) => [1, 3].map((concurrency) => ({ kind, concurrency })))

const counting = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('while a partition waits for its KMS', () => {
  it.each(CASES)(
    'while a partition waits for its KMS, $kind with $concurrency at a time gets the records of all others; the group does not rebalance, and nothing is skipped or repeated',
    async ({ kind, concurrency }) => {
      const { encryption, kms, send, seen, upsets, run, committed } = await nearAndFar()
      await send('far', 0, 30)
      kms.far.failure = away
      await run((note) => ({
        ...KINDS[kind]?.(note),
        partitionsConsumedConcurrently: concurrency,
      }))
      await until('a wait', () => encryption.health().waiting.length > 0)
      // For longer than a session lasts.
      const end = Date.now() + 7000
      let sent = 0
      while (Date.now() < end) {
        await send('near', 1, 10)
        await send('near', 2, 10)
        sent += 10
        const started = Date.now()
        await until('the other partitions', () => seen[1]?.length === sent && seen[2]?.length === sent)
        expect(Date.now() - started).toBeLessThan(3000)
      }
      expect(seen[0]).toBeUndefined()
      await send('near', 0, 5)
      kms.far.failure = undefined
      await until('the partition that waited', () => seen[0]?.length === 35)
      expect([seen[0], seen[1], seen[2]]).toEqual([counting(35), counting(sent), counting(sent)])
      expect(upsets).toEqual([])
      await until('the commits', async () => {
        const offsets = await committed()
        return offsets[0] === '35' && offsets[1] === String(sent) && offsets[2] === String(sent)
      })
    },
    60_000,
  )

  it('while a partition waits for its KMS in the middle of a batch, the records before it are committed', async () => {
    const { kms, encryption, send, seen, run, committed } = await nearAndFar(1)
    await send('near', 0, 5)
    await send('far', 0, 5)
    kms.far.failure = away
    await run((note) => ({ ...KINDS['eachMessage']?.(note) }))
    await until('a wait', () => encryption.health().waiting.length > 0)
    await until('the commit', async () => (await committed())[0] === '5')
    expect(seen[0]).toEqual(counting(5))
    kms.far.failure = undefined
    await until('the rest', () => seen[0]?.length === 10)
    expect(seen[0]).toEqual(counting(10))
  })

  it('while a partition waits for its KMS, the application pauses its whole topic but for one partition: no other is read, before or after', async () => {
    const { topic, kms, encryption, send, seen, run } = await nearAndFar()
    await send('far', 0, 1)
    kms.far.failure = away
    const consumer = await run((note) => ({ ...KINDS['eachMessage']?.(note) }))
    consumer.pause([{ topic }])
    consumer.resume([{ topic, partitions: [0] }])
    await until('a wait', () => encryption.health().waiting.length > 0)
    expect(consumer.paused()).toEqual([{ topic, partitions: [1, 2] }])
    await send('near', 1, 1)
    kms.far.failure = undefined
    await until('the record', () => seen[0]?.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(seen[1]).toBeUndefined()
    consumer.resume([{ topic }])
    await until('the other partition', () => seen[1]?.length === 1)
  })
})

it.each(Object.keys(KINDS))(
  'a second consumer joins while partitions wait: each partition is delivered in order by the consumer that has it (%s)',
  async (kind) => {
    const { kms, encryption, send, seen, upsets, run } = await nearAndFar(4)
    for (const partition of [0, 1, 2, 3]) await send('far', partition, 20)
    kms.far.failure = away
    await run((note) => ({ ...KINDS[kind]?.(note) }))
    await until('waits', () => encryption.health().waiting.length === 4)
    const second = await run((note) => ({ ...KINDS[kind]?.(note) }))
    await until('both', async () => (await second.describeGroup()).members.length === 2)
    await until('waits', () => encryption.health().waiting.length === 4)
    kms.far.failure = undefined
    await until('all', () => [0, 1, 2, 3].every((partition) => (seen[partition]?.length ?? 0) >= 20))
    for (const partition of [0, 1, 2, 3]) expect(seen[partition]).toEqual(counting(20))
    expect(upsets).not.toContain('consumer.crash')
  },
  60_000,
)
