import type { Consumer, ConsumerConfig } from 'kafkajs'
import { afterEach, expect, it } from 'vitest'
import type { DecryptRule } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { fixture, until, type Fixture } from '../support/pair.js'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'

const fixtures: Fixture[] = []

/** A topic with `count` records under as many DEKs. This process has cached none of them. */
async function make(name: string, count: number, decrypt: Partial<DecryptRule> = {}): Promise<Fixture> {
  const made = await fixture(name, {
    encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true } },
    decrypt,
  })
  fixtures.push(made)
  const messages = Array.from({ length: count }, (_, i) => ({ value: `${CANARY} ${String(i)}` }))
  await made.producer.send({ topic: made.topic, messages })
  made.encryption.evict('cmk')
  return made
}

afterEach(async () => {
  await Promise.all(fixtures.splice(0).map((made) => made.end()))
})

const named = (made: Fixture, name: string) => made.events.filter((event) => event.name === name)
const down = new EnvelopeError('KMS_UNAVAILABLE', 'down')
const SHORT: Partial<ConsumerConfig> = {
  sessionTimeout: 6000,
  heartbeatInterval: 200,
  rebalanceTimeout: 10_000,
}

async function readBatches(
  made: Fixture,
  seen: string[],
  config: Partial<ConsumerConfig> = SHORT,
): Promise<Consumer> {
  const consumer = await made.consumer(config)
  await consumer.run({
    eachBatch: ({ batch }) => {
      seen.push(...batch.messages.map(({ offset, value }) => `${offset} ${value?.toString() ?? 'null'}`))
      return Promise.resolve()
    },
  })
  return consumer
}

const all = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${String(i)} ${CANARY} ${String(i)}`)

it('a KMS that does not answer for longer than the session lasts: membership is kept, and the batch is delivered once', async () => {
  const made = await make('hanging', 3)
  made.kms.hold = true
  const seen: string[] = []
  const consumer = await readBatches(made, seen)
  const upsets: unknown[] = []
  for (const name of [consumer.events.CRASH, consumer.events.REBALANCING]) {
    consumer.on(name, (event) => upsets.push(event))
  }
  await made.kms.waitForHeld(3)
  await new Promise((resolve) => setTimeout(resolve, 7500))
  expect(seen).toEqual([])
  expect(['-1', '0']).toContain(await made.committed())
  made.kms.hold = false
  for (const call of [...made.kms.held]) call.succeed()
  await until('delivery', () => seen.length >= 3)
  expect(seen).toEqual(all(3))
  await until('the commit', async () => (await made.committed()) === '3')
  expect(upsets).toEqual([])
}, 40_000)

it('a rebalance during an outage: the group continues without an eviction, and every record is delivered', async () => {
  const made = await make('rebalance', 3)
  made.kms.failure = down
  const seen: string[] = []
  const first = await readBatches(made, seen)
  const upsets: string[] = []
  first.on(first.events.CRASH, () => upsets.push('crash'))
  first.on(first.events.REBALANCING, () => upsets.push('rebalancing'))
  await until('a wait', () => named(made, 'consumer.waiting').length > 1)
  // Joining waits until the first consumer, which waits for the KMS, takes part.
  const started = Date.now()
  await readBatches(made, seen)
  await until('both', async () => (await first.describeGroup()).members.length === 2)
  expect(Date.now() - started).toBeLessThan(8000)
  made.kms.failure = undefined
  await until('delivery', () => seen.length >= 3)
  expect(new Set(seen)).toEqual(new Set(all(3)))
  expect(upsets).toEqual(['rebalancing'])
  await until('the commit', async () => (await made.committed()) === '3')
}, 40_000)

it('a KMS that denies in the middle of a batch: the consumer delivers up to there, stops, and continues exactly there when run again', async () => {
  const made = await make('denied.middle', 4)
  made.kms.hold = true
  const seen: string[] = []
  const consumer = await readBatches(made, seen)
  await made.kms.waitForHeld(4)
  made.kms.hold = false
  for (const [i, call] of [...made.kms.held].entries()) {
    if (i === 2) call.fail(new EnvelopeError('CMK_DISABLED', 'no'))
    else call.succeed()
  }
  await until('consumer.stopped', () => named(made, 'consumer.stopped').length > 0)
  expect(seen).toEqual(all(2))
  expect(named(made, 'consumer.stopped')).toMatchObject([{ code: 'CMK_DISABLED', offset: '2' }])
  expect(made.encryption.health()).toMatchObject({
    status: 'failed',
    stopped: [{ offset: '2', topic: made.topic }],
  })
  expect(await made.committed()).toBe('2')
  // The same consumer, as a supervisor would start it again.
  await consumer.connect()
  await consumer.subscribe({ topic: made.topic, fromBeginning: true })
  await consumer.run({
    eachMessage: ({ message }) => {
      seen.push(`${message.offset} ${message.value?.toString() ?? 'null'}`)
      return Promise.resolve()
    },
  })
  await until('the rest', () => seen.length >= 4)
  expect(seen).toEqual(all(4))
  expect(made.encryption.health().status).toBe('ok')
})

it('a consumer that was run twice still stops immediately while it waits', async () => {
  const made = await make('twice', 1)
  made.kms.failure = down
  const consumer = await readBatches(made, [])
  await until('a wait', () => named(made, 'consumer.waiting').length > 4)
  // KafkaJS warns and continues with the first.
  await consumer.run({ eachMessage: () => Promise.resolve() })
  const started = Date.now()
  await consumer.stop()
  expect(Date.now() - started).toBeLessThan(5000)
  const waits = named(made, 'consumer.waiting').length
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(named(made, 'consumer.waiting')).toHaveLength(waits)
})

it('a send that loses its KMS at a limit in its middle is not sent at all, even in a transaction', async () => {
  const made = await make('half', 0)
  made.kms.hold = true
  const messages = [{ value: `${CANARY} a` }, { value: `${CANARY} b` }]
  const failed = thrownBy(() => made.producer.send({ topic: made.topic, messages }))
  await made.kms.waitForHeld()
  made.kms.failure = down
  made.kms.held[0]?.succeed()
  expect(await failed).toMatchObject({ code: 'KMS_UNAVAILABLE', kind: 'transient' })
  expect(await made.highWatermark()).toBe('0')
  const transactional = encryptProducer(
    made.kafka.producer({ transactionalId: made.topic, idempotent: true, maxInFlightRequests: 1 }),
    made.encryption,
  )
  await transactional.connect()
  const transaction = await transactional.transaction()
  expect(await thrownBy(() => transaction.send({ topic: made.topic, messages }))).toMatchObject({
    code: 'KMS_UNAVAILABLE',
  })
  expect(transaction.isActive()).toBe(true)
  await transaction.abort()
  await transactional.disconnect()
  expect(await made.highWatermark()).toBe('0')
})
