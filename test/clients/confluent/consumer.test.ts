import { afterEach, expect, it } from 'vitest'
import type { EachBatchPayload, RunConfig } from '../../../src/clients/confluent/client.js'
import { decryptingConsumer } from '../../../src/clients/confluent/consumer.js'
import { decryptConsumer, encryptKafka, envelopeOf } from '../../../src/clients/confluent/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import type { DecryptRule, Encryption } from '../../../src/index.js'
import { internalsOf } from '../../../src/record/internals.js'
import { sealRecords } from '../../../src/record/index.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { FakeConsumer } from './fake-consumer.js'
import { FakeProducer } from './fake-producer.js'

const ends: Encryption[] = []
const consumers: FakeConsumer[] = []
const down = new EnvelopeError('KMS_UNAVAILABLE', 'down')

afterEach(async () => {
  // Until then, a consumer that has paused a partition checks every second whether it still has it, also while the test
  // files that share this process run after this one.
  for (const consumer of consumers.splice(0)) await consumer.disconnect()
  for (const encryption of ends.splice(0)) await encryption.close()
})

const settle = (ms = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 400) throw new Error('it did not become true')
    await settle()
  }
}

/** Sealed values, with plaintext in place of some. */
async function sealed(kms: MemoryKms, count: number, bad: readonly number[] = [], topic = 't') {
  const { encryption } = await memoryEncryption([{ match: ['t', 'u'], encrypt: { cmk: 'main' } }], { kms })
  ends.push(encryption)
  const values = Array.from({ length: count }, (_, i) => `${CANARY} ${String(i)}`)
  const records = await sealRecords(
    encryption,
    values.map((value) => ({ topic, key: 'k', value })),
  )
  return records.map(({ value }, i) => (bad.includes(i) ? Buffer.from(values[i] as string) : value))
}

async function reading(decrypt: Partial<DecryptRule> = {}, options = {}, clock?: FakeClock) {
  const kms = new MemoryKms()
  const { encryption, events } = await memoryEncryption(
    [
      { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', ...decrypt } },
      { match: ['plain', 'dead'], passthrough: true },
    ],
    { kms, kmsRetries: 0 },
  )
  ends.push(encryption)
  const inner = new FakeConsumer()
  const internals = { ...internalsOf(encryption, 'test'), deadLetters: undefined, groupId: 'g' }
  const consumer =
    clock === undefined
      ? decryptConsumer(inner, encryption, { groupId: 'g', ...options })
      : decryptingConsumer(inner, { ...internals, clock })
  consumers.push(consumer)
  await consumer.connect()
  const got: string[] = []
  const run = async (config: Partial<RunConfig> = {}): Promise<void> =>
    consumer.run({
      eachMessage: ({ partition, message }) => {
        got.push(`${String(partition)}/${message.offset}`)
        return Promise.resolve()
      },
      ...config,
    })
  const stops = () => events.filter(({ name }) => name === 'consumer.stopped')
  return { kms, encryption, events, inner, consumer, got, run, stops }
}

it('a consumer with private fields delivers what it opened, and stays of its own type', async () => {
  const { kms, inner, consumer } = await reading()
  const log = inner.fill(await sealed(kms, 3))
  expect(consumer).toBeInstanceOf(FakeConsumer)
  const values: string[] = []
  await consumer.run({
    eachMessage: ({ message }) => {
      values.push(message.value?.toString() ?? '')
      expect(envelopeOf(message)).toMatchObject({ topic: 't', cmkId: 'cmk' })
      return Promise.resolve()
    },
  })
  await inner.poll()
  expect(values).toEqual([0, 1, 2].map((i) => `${CANARY} ${String(i)}`))
  expect(log.stored).toBe(3)
  expect(() => consumer.events).toThrow('Not implemented')
})

it('a record that may not pass stops its partition at its position; resume reads it again, seek goes on elsewhere', async () => {
  const { kms, encryption, inner, consumer, got, run, stops } = await reading()
  const values = await sealed(kms, 6, [2])
  const [log, other] = [inner.fill(values), inner.fill(await sealed(kms, 2), 1)]
  await run()
  for (let i = 0; i < 3; i++) await inner.poll(0)
  await inner.poll(1)
  expect(got).toEqual(['0/0', '0/1', '1/0', '1/1'])
  expect([log.stored, log.position, log.isPaused, other.stored]).toEqual([2, 2, true, 2])
  expect(stops()).toMatchObject([{ groupId: 'g', code: 'NOT_SEALED', topic: 't', partition: 0, offset: '2' }])
  expect(encryption.health()).toMatchObject({ status: 'failed', stopped: [{ offset: '2' }] })
  expect(consumer.paused()).toEqual([])

  consumer.pause([{ topic: 't', partitions: [0] }])
  expect(consumer.paused()).toEqual([{ topic: 't', partitions: [0] }])
  consumer.resume([{ topic: 't', partitions: [0] }])
  expect(encryption.health().stopped).toEqual([])
  await inner.poll(0)
  expect(stops()).toHaveLength(2)
  consumer.seek({ topic: 't', partition: 0, offset: '3' })
  await inner.poll(0)
  expect(got.slice(4)).toEqual(['0/3', '0/4', '0/5'])
  expect([log.stored, encryption.health().status]).toEqual([6, 'ok'])
  expect(inner.logged).toEqual([])
})

it('a topic without a rule stops its partition, as does a mistake of this library', async () => {
  const { inner, run, stops, encryption } = await reading()
  inner.fill([Buffer.from('x')], 0, 'other')
  await run()
  await inner.poll(0, 'other')
  expect(stops()).toMatchObject([{ code: 'TOPIC_NOT_CONFIGURED', topic: 'other', partition: 0 }])
  expect(encryption.health().stopped).toHaveLength(1)
})

it('a passthrough topic is delivered as it is, and left where its handler throws', async () => {
  const { inner, consumer } = await reading()
  const log = inner.fill(
    ['a', 'b'].map((value) => Buffer.from(value)),
    0,
    'plain',
  )
  const batches: (string | undefined)[][] = []
  await consumer.run({
    eachBatch: ({ batch }) => {
      batches.push(batch.messages.map(({ value }) => value?.toString()))
      return batches.length === 1 ? Promise.reject(new Error('of the application')) : Promise.resolve()
    },
  })
  await inner.poll(0, 'plain')
  expect([log.stored, log.position]).toEqual([0, 0])
  expect(inner.logged).toEqual([new Error('of the application')])
  await inner.poll(0, 'plain')
  expect(batches).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ])
  expect(log.stored).toBe(2)
})

it('a partition that waits for a KMS is paused at its record, and goes on when the KMS answers', async () => {
  const { kms, encryption, inner, consumer, got, run } = await reading()
  const log = inner.fill(await sealed(kms, 3))
  kms.failure = down
  await run()
  await inner.poll()
  expect([log.position, log.stored, log.isPaused]).toEqual([0, 0, true])
  expect(encryption.health()).toMatchObject({ status: 'degraded', waiting: [{ offset: '0' }] })
  consumer.resume([{ topic: 't' }])
  expect(consumer.paused()).toEqual([])
  await inner.poll()
  expect(log.isPaused).toBe(true)
  kms.failure = undefined
  await until(() => encryption.health().waiting.length === 0)
  await inner.poll()
  expect(got).toEqual(['0/0', '0/1', '0/2'])
})

it('a key that is lost from the cache before its partition is read again is waited for in the handler, for longer than a second', async () => {
  const { kms, encryption, inner, got, run } = await reading()
  const log = inner.fill(await sealed(kms, 1))
  kms.failure = down
  await run()
  await inner.poll()
  kms.failure = undefined
  await until(() => encryption.health().waiting.length === 0)
  encryption.evict('cmk')
  kms.hold = true
  const polled = inner.poll()
  await kms.waitForHeld()
  await settle(1500)
  expect([encryption.health().waiting, log.isPaused]).toEqual([[], false])
  kms.held[0]?.succeed()
  await polled
  expect(got).toEqual(['0/0'])
})

it('a pause of the application ends a wait, and stays until the application resumes', async () => {
  const { kms, encryption, inner, consumer, got, run } = await reading()
  const log = inner.fill(await sealed(kms, 1))
  kms.failure = down
  await run()
  await inner.poll()
  const resume = consumer.pause([{ topic: 't' }])
  expect(encryption.health().waiting).toEqual([])
  kms.failure = undefined
  await settle(300)
  await inner.poll()
  expect([got, log.isPaused]).toEqual([[], true])
  resume()
  // Its last call has failed, so that the key is asked for again first.
  await inner.poll()
  await until(() => encryption.health().waiting.length === 0)
  await inner.poll()
  expect(got).toEqual(['0/0'])
})

it('a pause that code with the inner consumer has ended does not keep a partition from being parked', async () => {
  const { kms, encryption, inner, consumer, got, run } = await reading()
  const log = inner.fill(await sealed(kms, 1))
  await run()
  consumer.pause([{ topic: 't', partitions: [0] }])
  inner.resume([{ topic: 't', partitions: [0] }])
  kms.failure = down
  await inner.poll()
  expect([log.isPaused, encryption.health().waiting.length]).toEqual([true, 1])
  kms.failure = undefined
  await until(() => encryption.health().waiting.length === 0)
  await inner.poll()
  expect(got).toEqual(['0/0'])
})

it('a seek during a wait in the handler is not overridden, and disconnect ends the wait without a commit', async () => {
  const { kms, encryption, inner, consumer, got, run } = await reading()
  const log = inner.fill(await sealed(kms, 4))
  kms.hold = true
  await run()
  const polled = inner.poll()
  await kms.waitForHeld()
  consumer.seek({ topic: 't', partition: 0, offset: '2' })
  await polled
  expect([got, log.position]).toEqual([[], 2])
  const again = inner.poll()
  await settle()
  await consumer.disconnect()
  await again
  expect([got, log.position, log.stored]).toEqual([[], 2, 2])
  expect(encryption.health()).toMatchObject({ waiting: [], stopped: [] })
  for (const call of [...kms.held]) call.succeed()
})

it('eachMessage leaves a batch when the application pauses, seeks or disconnects, and each message is resolved alone', async () => {
  const { kms, inner, consumer } = await reading()
  const log = inner.fill(await sealed(kms, 6))
  const got: string[] = []
  await consumer.run({
    eachMessage: ({ message: { offset }, pause }) => {
      got.push(offset)
      if (offset === '1') pause()
      if (offset === '3') consumer.seek({ topic: 't', partition: 0, offset: '5' })
      return Promise.resolve()
    },
  })
  await inner.poll()
  expect([log.position, log.stored, log.isPaused]).toEqual([2, 2, true])
  consumer.resume([{ topic: 't' }])
  await inner.poll()
  expect(log.position).toBe(5)
  await inner.poll()
  expect(got).toEqual(['0', '1', '2', '3', '5'])
})

it('a slow handler ends the batch after ten seconds, so that a rebalance need not wait for the rest', async () => {
  const clock = new FakeClock()
  const { kms, inner, consumer } = await reading({}, {}, clock)
  const log = inner.fill(await sealed(kms, 10))
  const got: string[] = []
  await consumer.run({
    eachMessage: ({ message }) => {
      got.push(message.offset)
      clock.advance(4000)
      return Promise.resolve()
    },
  })
  await inner.poll()
  expect([got.length, log.position, log.stored]).toEqual([3, 3, 3])
})

it('a stop waits until the messages before it are resolved', async () => {
  const { kms, inner, consumer, stops } = await reading()
  const log = inner.fill(await sealed(kms, 4, [2]))
  const lasts: string[] = []
  let payload: EachBatchPayload | undefined
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: (given) => {
      payload = given
      lasts.push(
        `${given.batch.lastOffset()} ${given.batch.offsetLag()} ${String(given.batch.messages.length)}`,
      )
      given.resolveOffset(String(lasts.length - 1))
      return Promise.resolve()
    },
  })
  await inner.poll()
  expect([lasts, log.position, stops()]).toEqual([['1 2 2'], 1, []])
  await inner.poll()
  expect([lasts.length, log.position, stops().length, log.isPaused]).toEqual([2, 2, 1, true])
  expect(payload?.isRunning()).toBe(true)
})

it('records that the policy skips are resolved with those before them, and alone', async () => {
  const { kms, inner, got, run } = await reading({ onInvalid: 'skip', maxInvalidShare: 1 })
  const log = inner.fill(await sealed(kms, 3, [1, 2]))
  await run()
  await inner.poll()
  expect([got, log.stored]).toEqual([['0/0'], 3])
  inner.fill([Buffer.from('plaintext')])
  await inner.poll()
  expect([got, log.stored]).toEqual([['0/0'], 4])
})

it('a partition that the consumer has lost is resumed and forgotten, as is everything once it is disconnected', async () => {
  const clock = new FakeClock()
  const { kms, encryption, inner, consumer, run } = await reading({}, {}, clock)
  const values = await sealed(kms, 2, [0])
  const [stopped, waiting] = [inner.fill(values), inner.fill(await sealed(kms, 1), 1)]
  kms.failure = down
  await run()
  await inner.poll(0)
  await inner.poll(1)
  expect(encryption.health()).toMatchObject({ waiting: [{ partition: 1 }], stopped: [{ partition: 0 }] })
  stopped.isAssigned = false
  waiting.isAssigned = false
  clock.advance(1000)
  expect(encryption.health()).toMatchObject({ waiting: [], stopped: [] })
  expect(consumer.paused()).toEqual([])
  stopped.isAssigned = true
  await inner.poll(0)
  expect(encryption.health().stopped).toHaveLength(1)
  await inner.disconnect()
  clock.advance(1000)
  expect(encryption.health().stopped).toEqual([])
})

it('close of the encryption ends waits', async () => {
  const { kms, encryption, inner, run, stops } = await reading()
  inner.fill(await sealed(kms, 1))
  kms.failure = down
  await run()
  await inner.poll()
  await encryption.close()
  await inner.poll()
  expect(stops()).toMatchObject([{ code: 'ENCRYPTION_CLOSED' }])
})

it('dead letters go to the given producer as copies, and a refusal stops the partition', async () => {
  const producer = new FakeProducer()
  await producer.connect()
  const { kms, inner, got, run, stops } = await reading(
    { onInvalid: { deadLetter: 'dead' } },
    { deadLetters: producer },
  )
  const log = inner.fill(await sealed(kms, 3, [1]))
  await run()
  await inner.poll()
  expect([got, log.stored]).toEqual([['0/0', '0/2'], 3])
  expect(producer.sent).toMatchObject([
    {
      topic: 'dead',
      messages: [{ headers: { 'kafka-envelope.error': 'NOT_SEALED', 'kafka-envelope.group': 'g' } }],
    },
  ])
  producer.failure = Object.assign(new Error('refused'), { name: 'KafkaJSProtocolError', code: 29 })
  inner.fill([Buffer.from('plaintext')])
  await inner.poll()
  expect(stops()).toMatchObject([{ code: 'DEAD_LETTER_REFUSED', offset: '3' }])
  expect(stops()[0]).toMatchObject({
    message: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') as string,
  })
})

it('a dead letter that its topic does not take now makes the partition wait', async () => {
  const producer = new FakeProducer()
  await producer.connect()
  producer.failure = Object.assign(new Error('away'), { name: 'KafkaJSTimeout', code: -185 })
  const { kms, encryption, inner, got, run } = await reading(
    { onInvalid: { deadLetter: 'dead' } },
    { deadLetters: producer },
  )
  inner.fill(await sealed(kms, 2, [0]))
  await run()
  await inner.poll()
  expect(encryption.health().waiting).toMatchObject([{ offset: '0', deadLetter: { topic: 'dead' } }])
  producer.failure = undefined
  await until(() => encryption.health().waiting.length === 0)
  await inner.poll()
  expect(got).toEqual(['0/1'])
})

it('a subscription to a rule with dead letters is refused without a producer for them, by name and by pattern', async () => {
  const { consumer, encryption } = await reading({ onInvalid: { deadLetter: 'dead' } })
  const missing = 'decryptConsumer(…, { deadLetters }): missing'
  await expect(consumer.subscribe({ topic: 't' })).rejects.toThrow(missing)
  await expect(consumer.subscribe({ topics: [/^t/] })).rejects.toThrow(missing)
  await expect(consumer.subscribe({ topics: ['^t'] })).rejects.toThrow(missing)
  await expect(consumer.subscribe({ topics: ['unknown'] })).rejects.toThrow('TOPIC_NOT_CONFIGURED')
  await consumer.subscribe({ topics: ['plain'] })
  const wrapped = encryptKafka(kafkaOf(), encryption).producer()
  expect(() => decryptConsumer(new FakeConsumer(), encryption, { deadLetters: wrapped })).toThrow(
    'this producer seals',
  )
  expect(() => decryptConsumer({ run: 1 } as never, encryption)).toThrow("a consumer of Confluent's client")
})

it('a wrapped client wraps what it makes, and gives a consumer a producer of its own for dead letters', async () => {
  const { encryption } = await reading({ onInvalid: { deadLetter: 'dead' } })
  const inner = kafkaOf()
  const kafka = encryptKafka(inner, encryption)
  const consumer = kafka.consumer({ 'group.id': 'g' })
  expect(inner.made).toMatchObject([{ 'group.id': 'g' }, { 'request.required.acks': -1 }])
  await consumer.connect()
  await consumer.subscribe({ topic: 't' })
  await consumer.run()
  await consumer.disconnect()
  expect(inner.producers[0]?.steps).toEqual(['connect', 'disconnect'])
  expect(kafka.admin()).toBe('admin')
  expect(kafka.consumer(undefined as never)).toBeInstanceOf(FakeConsumer)
  expect(() => encryptKafka({} as never, encryption)).toThrow("the Kafka class of Confluent's client")
})

function kafkaOf() {
  class Kafka {
    readonly made: unknown[] = []
    readonly producers: FakeProducer[] = []
    readonly #admin = 'admin'

    producer(config?: object): FakeProducer {
      this.made.push(config)
      const producer = new FakeProducer()
      this.producers.push(producer)
      return producer
    }

    consumer(config: object): FakeConsumer {
      this.made.push(config)
      return new FakeConsumer()
    }

    admin(): string {
      return this.#admin
    }
  }
  return new Kafka()
}
