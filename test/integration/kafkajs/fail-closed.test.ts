import { afterEach, describe, expect, it } from 'vitest'
import type { DecryptRule } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { testKafka } from '../../support/broker.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import type { SeenEvent } from '../../support/encryption.js'
import { fixture, until, type Fixture } from '../support/pair.js'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'

const fixtures: Fixture[] = []

async function make(name: string, decrypt: Partial<DecryptRule> = {}): Promise<Fixture> {
  const made = await fixture(name, { decrypt })
  fixtures.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(fixtures.splice(0).map((made) => made.end()))
})

const values = (from: number, to: number): { value: string }[] =>
  Array.from({ length: to - from }, (_, i) => ({ value: `${CANARY} ${String(from + i)}` }))

/** Good records with bad ones (plaintext) at the offsets named. */
async function writeMixed(
  { producer, plain, topic }: Fixture,
  count: number,
  bad: readonly number[],
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const client = bad.includes(i) ? plain : producer
    await client.send({ topic, messages: values(i, i + 1) })
  }
}

const numberOf = (value: Buffer | null): number => Number(value?.toString().split(' ')[1])
const named = (made: Fixture, name: SeenEvent['name']): SeenEvent[] =>
  made.events.filter((event) => event.name === name)

describe('nothing is sent', () => {
  it('nothing is sent to a topic that no rule knows, or with a KMS that fails', async () => {
    const made = await make('closed.send')
    const { producer, topic, kms } = made
    expect(
      await thrownBy(() => producer.send({ topic: 'unheard-of', messages: values(0, 1) })),
    ).toMatchObject({
      code: 'TOPIC_NOT_CONFIGURED',
    })
    const mixed = {
      topicMessages: [
        { topic, messages: values(0, 1) },
        { topic: 'unheard-of', messages: values(0, 1) },
      ],
    }
    expect(await thrownBy(() => producer.sendBatch(mixed))).toMatchObject({ code: 'TOPIC_NOT_CONFIGURED' })
    for (const code of ['KMS_UNAVAILABLE', 'KMS_DENIED', 'CMK_DISABLED'] as const) {
      kms.failure = new EnvelopeError(code, 'no')
      expect(await thrownBy(() => producer.send({ topic, messages: values(0, 1) }))).toMatchObject({ code })
    }
    kms.failure = new Error(`a bug that quotes ${CANARY}`)
    expect(await thrownBy(() => producer.send({ topic, messages: values(0, 1) }))).toMatchObject({
      code: 'KMS_UNAVAILABLE',
    })
    expect(await made.highWatermark()).toBe('0')
  })

  it('nothing is sent if a record does not have the type that KafkaJS declares, and the error quotes none of it', async () => {
    const made = await make('closed.input')
    const wrong: unknown[] = [
      undefined,
      null,
      [undefined],
      [null],
      [{}],
      [{ value: undefined, key: CANARY }],
      [{ value: 5 }],
      [{ value: { text: CANARY } }],
      [{ value: new Uint8Array(3) }],
      [{ value: 'v', key: 5 }],
      [{ value: 'v', key: new Uint8Array(3) }],
      CANARY,
    ]
    for (const messages of wrong) {
      const error = await thrownBy(() => made.producer.send({ topic: made.topic, messages: messages as [] }))
      expect(error).toMatchObject({ code: 'INVALID_RECORD' })
    }
    expect(await thrownBy(() => made.producer.send({ topic: '', messages: [] }))).toMatchObject({
      code: 'INVALID_RECORD',
    })
    expect(
      await thrownBy(() => made.producer.sendBatch({ topicMessages: CANARY as unknown as [] })),
    ).toMatchObject({
      code: 'INVALID_RECORD',
    })
    expect(await made.highWatermark()).toBe('0')
  })
})

describe('an invalid record under `stop`', () => {
  it('an eachBatch that resolves more than it was given does not pass an invalid record under `stop`', async () => {
    const made = await make('raw.stop')
    await writeMixed(made, 5, [3])
    const consumer = await made.consumer()
    await consumer.run({
      eachBatch: ({ batch, resolveOffset }) => {
        resolveOffset(batch.lastOffset())
        resolveOffset('99')
        return Promise.resolve()
      },
    })
    await until('consumer.stopped', () => named(made, 'consumer.stopped').length > 0)
    expect(await made.committed()).toBe('3')
  })

  it.each([
    { autoResolve: true, committed: '3' },
    { autoResolve: false, committed: '-1' },
  ])(
    'eachBatch with auto-resolve $autoResolve resolves no more than the handler or KafkaJS would',
    async ({ autoResolve, committed }) => {
      const made = await make('raw.resolve')
      await writeMixed(made, 5, [3])
      const consumer = await made.consumer()
      await consumer.run({ eachBatchAutoResolve: autoResolve, eachBatch: () => Promise.resolve() })
      await until('consumer.stopped', () => named(made, 'consumer.stopped').length > 0)
      expect(await made.committed()).toBe(committed)
    },
  )
})

describe('an invalid record under `skip`', () => {
  it.each([[[3, 4]], [[0, 1, 2, 3, 4]]])(
    'invalid records under `skip`, %j of 5 in an eachBatch that resolves by hand: the offset moves past all',
    async (bad) => {
      const made = await make('raw.skip', { onInvalid: 'skip', maxInvalidShare: 1 })
      await writeMixed(made, 5, bad)
      const seen: number[] = []
      const consumer = await made.consumer()
      await consumer.run({
        eachBatchAutoResolve: false,
        eachBatch: ({ batch, resolveOffset }) => {
          for (const { value, offset } of batch.messages) {
            seen.push(numberOf(value))
            resolveOffset(offset)
          }
          return Promise.resolve()
        },
      })
      await until('the end', async () => (await made.committed()) === '5')
      expect(seen).toEqual([0, 1, 2, 3, 4].filter((n) => !bad.includes(n)))
    },
  )
})

describe('a KMS that fails on the reading side', () => {
  it('a KMS that fails transiently on the reading side: the consumer keeps its membership, and then delivers everything', async () => {
    const made = await make('outage')
    await made.producer.send({ topic: made.topic, messages: values(0, 5) })
    // A reader of its own, so that the KMS must be asked.
    made.encryption.evict('cmk')
    made.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'down')
    const seen: number[] = []
    const rejoins: unknown[] = []
    const consumer = await made.consumer({ sessionTimeout: 6000, heartbeatInterval: 200 })
    consumer.on(consumer.events.REBALANCING, (event) => rejoins.push(event))
    consumer.on(consumer.events.CRASH, (event) => rejoins.push(event))
    await consumer.run({
      eachMessage: ({ message }) => {
        seen.push(numberOf(message.value))
        return Promise.resolve()
      },
    })
    // Longer than the session would last without heartbeats.
    await new Promise((resolve) => setTimeout(resolve, 8000))
    expect(seen).toEqual([])
    expect(named(made, 'consumer.waiting').length).toBeGreaterThan(2)
    expect(['-1', '0']).toContain(await made.committed())
    made.kms.failure = undefined
    await until('delivery', () => seen.length === 5)
    expect(seen).toEqual([0, 1, 2, 3, 4])
    expect(rejoins).toEqual([])
    expect(named(made, 'record.rejected')).toEqual([])
  }, 40_000)

  it('a KMS that fails on the reading side for longer than KafkaJS would retry: the consumer neither crashes nor joins again, and nothing is skipped', async () => {
    const made = await make('outage.long')
    await made.producer.send({ topic: made.topic, messages: values(0, 3) })
    made.encryption.evict('cmk')
    made.kms.failure = new EnvelopeError('KMS_THROTTLED', 'busy')
    const seen: number[] = []
    const upsets: string[] = []
    const consumer = await made.consumer({ retry: { initialRetryTime: 50, retries: 0 } })
    for (const name of [consumer.events.CRASH, consumer.events.REBALANCING])
      consumer.on(name, () => upsets.push(name))
    await consumer.run({
      eachMessage: ({ message }) => {
        seen.push(numberOf(message.value))
        return Promise.resolve()
      },
    })
    await until('many attempts', () => named(made, 'consumer.waiting').length > 5)
    made.kms.failure = undefined
    await until('delivery', () => seen.length === 3)
    expect([seen, upsets]).toEqual([[0, 1, 2], []])
    expect(named(made, 'consumer.stopped')).toEqual([])
  }, 40_000)
})

it('a topic that may not be read is refused when it is subscribed to, or when it matches a subscribed pattern', async () => {
  const made = await make('subscribe')
  const consumer = await made.consumer()
  expect(await thrownBy(() => consumer.subscribe({ topics: ['unheard-of'] }))).toMatchObject({
    code: 'TOPIC_NOT_CONFIGURED',
  })
  expect(await thrownBy(() => consumer.subscribe({ topic: 'unheard-of' }))).toMatchObject({
    code: 'TOPIC_NOT_CONFIGURED',
  })
  const stranger = await make('stranger')
  await stranger.producer.send({ topic: stranger.topic, messages: values(0, 1) })
  const byPattern = decryptConsumer(
    testKafka().consumer({ groupId: `pattern.${made.topic}`, maxWaitTimeInMs: 50 }),
    made.encryption,
  )
  await byPattern.connect()
  await byPattern.subscribe({ topics: [new RegExp(`^${stranger.topic}$`)], fromBeginning: true })
  const seen: unknown[] = []
  await byPattern.run({
    eachMessage: ({ message }) => {
      seen.push(message)
      return Promise.resolve()
    },
  })
  await until('consumer.stopped', () => named(made, 'consumer.stopped').length > 0)
  expect(named(made, 'consumer.stopped')).toMatchObject([
    { code: 'TOPIC_NOT_CONFIGURED', topic: stranger.topic },
  ])
  expect(seen).toEqual([])
  await byPattern.disconnect()
})

it('a handler that keeps crashing also stops the consumer permanently, and its error is only named', async () => {
  const made = await make('handler')
  await made.producer.send({ topic: made.topic, messages: values(0, 1) })
  const consumer = await made.consumer()
  await consumer.run({ eachMessage: () => Promise.reject(new TypeError('no such thing')) })
  await until('consumer.stopped', () => named(made, 'consumer.stopped').length > 0)
  const [fatal] = named(made, 'consumer.stopped')
  expect(fatal).toMatchObject({ code: undefined })
  expect(JSON.stringify(fatal)).toContain('TypeError')
  expect(JSON.stringify(fatal)).not.toContain('no such thing')
})
