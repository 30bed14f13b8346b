import type { Consumer, ConsumerConfig, ConsumerRunConfig } from 'kafkajs'
import { afterEach, describe, expect, it } from 'vitest'
import type { DecryptRule } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/index.js'
import { testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { named } from '../support/letters.js'
import { fixture, until, type Fixture } from '../support/pair.js'

const KINDS = ['eachMessage', 'eachBatch'] as const
type Kind = (typeof KINDS)[number]

const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

let open: Fixture[] = []
afterEach(async () => {
  await Promise.all(open.map((made) => made.end()))
  open = []
})

/** Records 0 to `count` - 1, each under a DEK of its own that has to be asked for. */
async function make(name: string, count: number, decrypt: Partial<DecryptRule> = {}): Promise<Fixture> {
  // Without retries a call ends immediately, so none continues after a consumer was stopped.
  const made = await fixture(`interrupted.${name}`, { decrypt, kmsRetries: 0 })
  open.push(made)
  const messages = Array.from({ length: count }, (_, i) => ({ value: `${CANARY} ${String(i)}` }))
  for (const message of messages) {
    await made.encryption.rotate()
    await made.producer.send({ topic: made.topic, messages: [message] })
  }
  made.encryption.evict('cmk')
  return made
}

function noting(kind: Kind, seen: string[]): ConsumerRunConfig {
  return kind === 'eachMessage'
    ? { eachMessage: ({ message }) => Promise.resolve(void seen.push(message.offset)) }
    : {
        eachBatch: ({ batch }) =>
          Promise.resolve(void seen.push(...batch.messages.map(({ offset }) => offset))),
      }
}

/** A running consumer, with its deliveries and its end. */
async function reading(
  made: Fixture,
  kind: Kind,
  config: Partial<ConsumerConfig> = {},
): Promise<{ consumer: Consumer; seen: string[]; happened: string[] }> {
  const consumer = await made.consumer(config, { deadLetters: made.plain })
  const seen: string[] = []
  const happened: string[] = []
  for (const name of [consumer.events.CRASH, consumer.events.GROUP_JOIN])
    consumer.on(name, () => happened.push(name))
  await consumer.run(noting(kind, seen))
  return { consumer, seen, happened }
}

async function members(made: Fixture): Promise<number | undefined> {
  const admin = testKafka().admin()
  await admin.connect()
  const { groups } = await admin.describeGroups([`group.${made.topic}`])
  await admin.disconnect()
  return groups[0]?.members.length
}

describe.each(KINDS)('a consumer that was stopped during an outage (%s)', (kind) => {
  describe.each(['stop', 'disconnect'] as const)('by %s()', (end) => {
    it.each([0, 5])(
      'a consumer that was told to stop does not join again, deliver, or ask the KMS, with %i retries',
      async (retries) => {
        const made = await make('stopped', 1)
        made.kms.failure = away
        const { consumer, seen, happened } = await reading(made, kind, { retry: { retries } })
        await until('a wait', () => named(made, 'consumer.waiting').length > 1)
        happened.length = 0
        await consumer[end]()
        const asked = made.kms.calls.length
        await later(1500)
        expect(made.kms.calls.length).toBe(asked)
        made.kms.failure = undefined
        await later(500)
        expect(happened).toEqual([])
        expect(await members(made)).toBe(0)
        expect(['-1', '0']).toContain(await made.committed())
        expect(made.encryption.health()).toMatchObject({ status: 'ok', stopped: [], waiting: [] })
        const again = await reading(made, kind)
        await until('the record', () => again.seen.length > 0)
        expect([seen, again.seen]).toEqual([[], ['0']])
      },
    )
  })

  it('a consumer that was stopped during an outage does not restart after a wait for a dead-letter topic', async () => {
    const made = await fixture('interrupted.letters', {
      decrypt: { onInvalid: { deadLetter: 'interrupted.no-such-topic' } },
    })
    open.push(made)
    await made.plain.send({ topic: made.topic, messages: [{ value: CANARY }] })
    const { consumer, happened } = await reading(made, kind, { retry: { retries: 0 } })
    await until('a wait', () => named(made, 'consumer.waiting').length > 0, 30_000)
    expect(made.encryption.health()).toMatchObject({
      status: 'degraded',
      waiting: [{ offset: '0', deadLetter: { topic: 'interrupted.no-such-topic', code: 'NOT_SEALED' } }],
    })
    happened.length = 0
    await consumer.stop()
    await later(1500)
    expect(happened).toEqual([])
    expect([await members(made), await made.committed()]).toEqual([0, expect.stringMatching(/^(-1|0)$/)])
  })
})

it('a consumer whose handler fails while it is stopped does not restart', async () => {
  const made = await make('handler', 1)
  const consumer = await made.consumer({ retry: { retries: 0, initialRetryTime: 100 } })
  const joins: unknown[] = []
  consumer.on(consumer.events.GROUP_JOIN, (event) => joins.push(event))
  let busy = false
  await consumer.run({
    eachMessage: async () => {
      busy = true
      await later(500)
      throw new Error('database is away')
    },
  })
  await until('the handler', () => busy)
  const before = joins.length
  await consumer.stop()
  await later(1500)
  expect(joins).toHaveLength(before)
  expect([await members(made), made.encryption.health().status]).toEqual([0, 'ok'])
})

describe.each(KINDS)('during a wait for a KMS (%s)', (kind) => {
  it('a seek ends the wait for a KMS, and delivery starts there', async () => {
    const made = await make('seek', 8)
    made.kms.hold = true
    const { consumer, seen, happened } = await reading(made, kind)
    await made.kms.waitForHeld()
    consumer.seek({ topic: made.topic, partition: 0, offset: '5' })
    made.kms.hold = false
    for (const call of [...made.kms.held]) call.succeed()
    await until('the end', async () => (await made.committed()) === '8')
    expect(seen).toEqual(['5', '6', '7'])
    expect(happened).toEqual(['consumer.group_join'])
  })

  it('a pause ends the wait for a KMS; nothing is delivered until it is resumed, and then everything once', async () => {
    const made = await make('pause', 3)
    made.kms.failure = away
    const { consumer, seen, happened } = await reading(made, kind)
    await until('a wait', () => named(made, 'consumer.waiting').length > 0)
    consumer.pause([{ topic: made.topic }])
    made.kms.failure = undefined
    await later(1500)
    expect(seen).toEqual([])
    expect(made.encryption.health().waiting).toEqual([])
    consumer.resume([{ topic: made.topic }])
    await until('the end', async () => (await made.committed()) === '3')
    expect(seen).toEqual(['0', '1', '2'])
    expect(happened).toEqual(['consumer.group_join'])
  })
})

it('in eachBatch, records before one whose KMS call hangs are delivered and committed meanwhile', async () => {
  const made = await make('prefix', 4)
  made.kms.hold = true
  const { seen, happened } = await reading(made, 'eachBatch')
  await made.kms.waitForHeld(4)
  // The order of the calls is that of the records.
  for (const call of made.kms.held.slice(0, 2)) call.succeed()
  await until('the first two', async () => (await made.committed()) === '2')
  expect(seen).toEqual(['0', '1'])
  made.kms.hold = false
  for (const call of [...made.kms.held]) call.succeed()
  await until('the end', async () => (await made.committed()) === '4')
  expect(seen).toEqual(['0', '1', '2', '3'])
  expect(happened).toEqual(['consumer.group_join'])
})
