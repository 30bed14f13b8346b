import { randomBytes } from 'node:crypto'
import { CompressionTypes, ConfigResourceTypes, type Kafka } from 'kafkajs'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { DecryptRule } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import {
  headersOf,
  lettersFixture,
  lettersOn,
  named,
  noting,
  scripted,
  standingOn,
  writeMixed,
  type Letters,
} from '../support/letters.js'
import { groupsReady } from '../support/groups.js'
import { until } from '../support/pair.js'
import { sealRecords } from '../../../src/record/index.js'
import { decryptConsumer, encryptKafka } from '../../../src/clients/kafkajs/index.js'

const made: Letters[] = []

async function make(decrypt: Partial<DecryptRule> = {}, deadLetterTopic?: string): Promise<Letters> {
  const letters = await lettersFixture(decrypt, deadLetterTopic)
  made.push(letters)
  return letters
}

beforeAll(groupsReady)

afterEach(async () => {
  await Promise.all(made.splice(0).map((letters) => letters.end()))
})

const KINDS = ['eachMessage', 'eachBatch'] as const
const passing = (): Error => Object.assign(new Error(`quotes ${CANARY}`), { retriable: true })

describe.each(KINDS)('%s: an invalid record', (kind) => {
  it('an invalid record is among the dead letters as it arrived, with the reason, and the consumer goes on after it', async () => {
    const letters = await make()
    const { topic, deadLetterTopic, plain, encryption } = letters
    const [sealed] = await sealRecords(encryption, [{ topic, key: 'k1', value: `${CANARY} 1` }])
    const value = Buffer.from(sealed?.value ?? '')
    value.writeUInt8(value.readUInt8(value.length - 1) ^ 1, value.length - 1)
    const key = Buffer.from([0, 255, 7])
    const headers = {
      z: ['1', Buffer.from([255, 0])],
      a: '',
      'kafka-envelope.error': 'forged',
      constructor: 'c',
    }
    await writeMixed(letters, 1, [])
    await plain.send({
      topic,
      messages: [
        { key, value, headers, timestamp: '5' },
        { value: `${CANARY} plain` },
        { key: '', value: Buffer.alloc(0), headers: {} },
      ],
    })
    await writeMixed(letters, 1, [])
    const before = await standingOn(topic)
    const seen: number[] = []
    const consumer = await letters.consumer({}, { deadLetters: plain })
    await consumer.run(noting(kind, seen))
    await until('the end', async () => (await letters.committed()) === '5')
    expect(seen).toEqual([0, 0])

    const dead = await standingOn(deadLetterTopic)
    const bytes = (of: typeof dead) => of.map(({ key, value }) => ({ key, value }))
    expect(bytes(dead)).toEqual(bytes(before.slice(1, 4)))
    const why = (code: string, offset: string, timestamp = before[Number(offset)]?.timestamp ?? '') => ({
      'kafka-envelope.error': [code],
      'kafka-envelope.topic': [topic],
      'kafka-envelope.partition': ['0'],
      'kafka-envelope.offset': [offset],
      'kafka-envelope.timestamp': [timestamp],
      'kafka-envelope.group': [`group.${topic}`],
    })
    const [tampered, ...others] = dead.map(headersOf)
    // KafkaJS reads this name together with the member of every object.
    const { constructor: _, ...rest } = tampered ?? {}
    expect(Object.getOwnPropertyDescriptor(tampered, 'constructor')?.value).toEqual([Object.toString(), 'c'])
    expect(rest).toEqual({ z: ['1', '\ufffd\u0000'], a: [''], ...why('AUTHENTICATION_FAILED', '1', '5') })
    expect(dead[0]?.headers?.['z']).toEqual([Buffer.from('1'), Buffer.from([255, 0])])
    expect(Object.keys(rest).slice(0, 3)).toEqual(['z', 'a', 'kafka-envelope.error'])
    expect(others).toEqual([why('NOT_SEALED', '2'), why('NOT_SEALED', '3')])

    expect(named(letters, 'record.rejected')).toMatchObject(
      ['1', '2', '3'].map((offset) => ({
        action: 'deadLetter',
        kind: 'invalid',
        topic,
        partition: 0,
        offset,
      })),
    )
    expect(encryption.health()).toMatchObject({ status: 'ok', stopped: [] })
  })

  it('an invalid record is not passed before its dead letter is acknowledged, however long that takes', async () => {
    const letters = await make()
    await writeMixed(letters, 3, [1])
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    const { producer, sends } = scripted(letters.plain, async (record, send) => {
      await gate
      return send(record)
    })
    const seen: number[] = []
    const consumer = await letters.consumer(
      { sessionTimeout: 6000, heartbeatInterval: 200 },
      { deadLetters: producer },
    )
    const upsets: unknown[] = []
    for (const name of [consumer.events.CRASH, consumer.events.REBALANCING]) {
      consumer.on(name, (event) => upsets.push(event))
    }
    await consumer.run(noting(kind, seen))
    // Longer than the session would last without heartbeats.
    await new Promise((resolve) => setTimeout(resolve, 8000))
    expect(seen).not.toContain(2)
    expect(Number(await letters.committed())).toBeLessThanOrEqual(1)
    expect(named(letters, 'record.rejected')).toEqual([])
    release()
    await until('the end', async () => (await letters.committed()) === '3')
    expect(seen).toEqual([0, 2])
    expect(sends.map(({ acks }) => acks)).toEqual([-1])
    expect(await lettersOn(letters.deadLetterTopic)).toEqual([1])
    expect(upsets).toEqual([])
  }, 40_000)

  it('an invalid record waits while its topic fails transiently, and costs KafkaJS no retry', async () => {
    const letters = await make()
    await writeMixed(letters, 3, [1])
    const { producer } = scripted(letters.plain, (record, send, count) =>
      count <= 4 ? Promise.reject(passing()) : send(record),
    )
    const seen: number[] = []
    const consumer = await letters.consumer({}, { deadLetters: producer })
    const crashes: unknown[] = []
    consumer.on(consumer.events.CRASH, (event) => crashes.push(event))
    await consumer.run(noting(kind, seen))
    await until('the end', async () => (await letters.committed()) === '3')
    expect(seen).toEqual([0, 2])
    const codes = named(letters, 'consumer.waiting').map(({ code }) => code)
    expect(codes.length).toBeGreaterThanOrEqual(4)
    expect(new Set(codes)).toEqual(new Set(['DEAD_LETTER_FAILED']))
    expect(await lettersOn(letters.deadLetterTopic)).toEqual([1])
    expect(crashes).toEqual([])
  })

  it('an invalid record whose dead-letter topic fails for longer than KafkaJS would retry is neither skipped nor lost, and the consumer does not crash', async () => {
    const letters = await make()
    await writeMixed(letters, 3, [1])
    let down = true
    const { producer } = scripted(letters.plain, (record, send) =>
      down ? Promise.reject(passing()) : send(record),
    )
    const seen: number[] = []
    const consumer = await letters.consumer(
      { retry: { initialRetryTime: 20, retries: 0 } },
      { deadLetters: producer },
    )
    const crashes: unknown[] = []
    consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload))
    await consumer.run(noting(kind, seen))
    await until('many attempts', () => named(letters, 'consumer.waiting').length > 5)
    expect(Number(await letters.committed())).toBeLessThanOrEqual(1)
    down = false
    await until('the end', async () => (await letters.committed()) === '3')
    expect(seen).toEqual([0, 2])
    expect(await lettersOn(letters.deadLetterTopic)).toEqual([1])
    expect(crashes).toEqual([])
  }, 40_000)

  it('an invalid record that is too large for its topic stops the consumer there: those before it are dead letters, nothing is lost', async () => {
    const deadLetterTopic = await smallTopic(1200)
    const letters = await make({}, deadLetterTopic)
    // Incompressible: what fits compressed is taken.
    const big = Buffer.concat([Buffer.from(`${CANARY} 6 `), randomBytes(1150)])
    await writeMixed(letters, 6, [1, 2, 3, 5])
    await letters.plain.send({ topic: letters.topic, messages: [{ value: big }] })
    await writeMixed(letters, 1, [])
    const seen: number[] = []
    const consumer = await letters.consumer({}, { deadLetters: letters.plain })
    await consumer.run(noting(kind, seen))
    await until('consumer.stopped', () => named(letters, 'consumer.stopped').length > 0)
    expect(seen).toEqual([0, 4])
    expect(named(letters, 'consumer.stopped')).toMatchObject([
      { code: 'DEAD_LETTER_REFUSED', topic: letters.topic, partition: 0, offset: '6' },
    ])
    expect(named(letters, 'consumer.stopped')[0]?.message).toContain('MESSAGE_TOO_LARGE')
    expect(named(letters, 'record.rejected').at(-1)).toMatchObject({ action: 'stop', offset: '6' })
    expect(await letters.committed()).toBe('6')
    expect(new Set(await lettersOn(deadLetterTopic))).toEqual(new Set([1, 2, 3, 5]))
    // Once the topic accepts it, the consumer continues exactly there. The broker applies the change a moment after it has
    // confirmed it, and until then refuses the record again.
    await setMaxMessageBytes(deadLetterTopic, 5000)
    let stops = 0
    await until('the end', async () => {
      const { length } = named(letters, 'consumer.stopped')
      if (length > stops) {
        stops = length
        await consumer.connect()
        await consumer.subscribe({ topic: letters.topic })
        await consumer.run(noting(kind, seen))
      }
      return (await letters.committed()) === '8'
    })
    expect(seen).toEqual([0, 4, 0])
    expect((await lettersOn(deadLetterTopic)).filter((n) => n === 6)).toEqual([6])
    expect(letters.encryption.health().status).toBe('ok')
  })

  it('an invalid record is a dead letter at most twice if its consumer dies between acknowledgement and commit', async () => {
    const letters = await make()
    await writeMixed(letters, 4, [1, 2])
    const seen: number[] = []
    const first = await letters.consumer({}, { deadLetters: letters.plain })
    await first.run({ ...noting(kind, seen), autoCommit: false })
    await until('delivery', () => seen.includes(3))
    await first.disconnect()
    expect(await letters.committed()).toBe('-1')
    const second = await letters.consumer({}, { deadLetters: letters.plain })
    await second.run(noting(kind, seen))
    await until('the end', async () => (await letters.committed()) === '4')
    expect(seen).toEqual([0, 3, 0, 3])
    expect((await lettersOn(letters.deadLetterTopic)).sort()).toEqual([1, 1, 2, 2])
  })
})

async function smallTopic(maxMessageBytes: number): Promise<string> {
  const topic = await newTopic('raw.letters.small')
  await setMaxMessageBytes(topic, maxMessageBytes)
  return topic
}

async function setMaxMessageBytes(topic: string, bytes: number): Promise<void> {
  const admin = testKafka().admin()
  await admin.connect()
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: ConfigResourceTypes.TOPIC,
        name: topic,
        configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
      },
    ],
  })
  await admin.disconnect()
}

describe('eachBatch: dead letters move offsets as skipped records do', () => {
  it.each([
    { bad: [0, 2, 4], byHand: false },
    { bad: [3, 4], byHand: true },
    { bad: [0, 1, 2, 3, 4], byHand: true },
  ])(
    'dead letters move offsets as skipped records do: $bad of 5, resolved by hand: $byHand',
    async ({ bad, byHand }) => {
      const letters = await make()
      await writeMixed(letters, 5, bad)
      const seen: number[] = []
      const consumer = await letters.consumer({}, { deadLetters: letters.plain })
      await consumer.run({
        eachBatchAutoResolve: !byHand,
        eachBatch: async ({ batch, resolveOffset }) => {
          await noting('eachBatch', seen).eachBatch?.({ batch } as never)
          if (byHand) for (const { offset } of batch.messages) resolveOffset(offset)
        },
      })
      await until('the end', async () => (await letters.committed()) === '5')
      expect(seen).toEqual([0, 1, 2, 3, 4].filter((n) => !bad.includes(n)))
      expect(await lettersOn(letters.deadLetterTopic)).toEqual(bad)
    },
  )
})

it('the dead letters of a batch are sent in as few sends as the topic accepts, in order', async () => {
  const letters = await make({ maxInvalidShare: 1 })
  const { topic, plain } = letters
  const small = Array.from({ length: 1200 }, (_, i) => ({ value: `${CANARY} ${String(i)}` }))
  await plain.send({ topic, messages: small })
  for (let i = 0; i < 6; i++) {
    await plain.send({ topic, messages: [{ value: `${CANARY} ${String(1200 + i)} `.padEnd(400_000) }] })
  }
  const { producer, sends } = scripted(plain, (record, send) => send(record))
  const consumer = await letters.consumer({ maxBytesPerPartition: 8_000_000 }, { deadLetters: producer })
  await consumer.run(noting('eachBatch', []))
  await until('the end', async () => (await letters.committed()) === '1206')
  expect(await lettersOn(letters.deadLetterTopic)).toEqual(Array.from({ length: 1206 }, (_, i) => i))
  const counts = sends.map(({ messages }) => messages.length)
  // All small ones with the first large one, then as many large ones as fit.
  expect(counts).toEqual([1201, 2, 2, 1])
})

it('a record from a compressed batch that is larger than its topic accepts uncompressed becomes a dead letter too', async () => {
  const letters = await make({}, await smallTopic(1200))
  const messages = [{ value: `${CANARY} 0 `.padEnd(50_000) }]
  await letters.plain.send({ topic: letters.topic, messages, compression: CompressionTypes.GZIP })
  const consumer = await letters.consumer({}, { deadLetters: letters.plain })
  await consumer.run(noting('eachMessage', []))
  await until('the end', async () => (await letters.committed()) === '1')
  expect((await standingOn(letters.deadLetterTopic)).map(({ value }) => value?.length)).toEqual([50_000])
})

describe('a record that is not invalid is not a dead letter', () => {
  it('a record that only this reader cannot open stops the consumer', async () => {
    const letters = await make()
    const future = Buffer.concat([Buffer.from('c3010102030405060708', 'hex'), Buffer.from('x')])
    await letters.plain.send({ topic: letters.topic, messages: [{ value: future }] })
    const consumer = await letters.consumer({}, { deadLetters: letters.plain })
    await consumer.run(noting('eachMessage', []))
    await until('consumer.stopped', () => named(letters, 'consumer.stopped').length > 0)
    expect(named(letters, 'consumer.stopped')).toMatchObject([{ code: 'UNKNOWN_FORMAT', offset: '0' }])
    expect(await standingOn(letters.deadLetterTopic)).toEqual([])
  })

  it('a record that waits for its KMS is delivered when the KMS answers, and a dead letter before it does not wait', async () => {
    const letters = await make()
    await writeMixed(letters, 2, [0])
    letters.encryption.evict('cmk')
    letters.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'down')
    const seen: number[] = []
    const consumer = await letters.consumer({}, { deadLetters: letters.plain })
    await consumer.run(noting('eachBatch', seen))
    await until('a wait', () => named(letters, 'consumer.waiting').length > 1)
    expect(await lettersOn(letters.deadLetterTopic)).toEqual([0])
    letters.kms.failure = undefined
    await until('the end', async () => (await letters.committed()) === '2')
    expect(seen).toEqual([1])
    expect(await lettersOn(letters.deadLetterTopic)).toEqual([0])
  })
})

describe('a topic that does not exist, or a producer that is not connected', () => {
  it('a topic that does not exist, or a producer that is not connected, makes the consumer wait until they are ready', async () => {
    const later = `raw.letters.later.${String(Date.now())}`
    const letters = await make({}, later)
    await writeMixed(letters, 2, [0])
    const producer = testKafka({ retry: { retries: 0 } }).producer()
    const seen: number[] = []
    const consumer = await letters.consumer({}, { deadLetters: producer })
    await consumer.run(noting('eachMessage', seen))
    const waits = (): number => named(letters, 'consumer.waiting').length
    await until('a wait for the producer', () => waits() > 1)
    await producer.connect()
    const before = waits()
    await until('a wait for the topic', () => waits() > before + 1)
    expect(seen).toEqual([])
    const admin = testKafka().admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: later, numPartitions: 1 }], waitForLeaders: true })
    await admin.disconnect()
    await until('the end', async () => (await letters.committed()) === '2')
    expect(seen).toEqual([1])
    expect(await lettersOn(later)).toEqual([0])
    await producer.disconnect()
  }, 40_000)

  it('a topic that does not exist, or a producer that is not connected, does not delay stopping the consumer, even while a send hangs', async () => {
    const letters = await make()
    await writeMixed(letters, 1, [0])
    const { producer, sends } = scripted(letters.plain, () => new Promise(() => undefined))
    const consumer = await letters.consumer({}, { deadLetters: producer })
    await consumer.run(noting('eachMessage', []))
    await until('the send', () => sends.length > 0)
    const started = Date.now()
    await consumer.disconnect()
    expect(Date.now() - started).toBeLessThan(5000)
    expect(await letters.committed()).toBe('-1')
  })
})

describe('a consumer without a producer for dead letters', () => {
  it('a consumer without a producer for dead letters is refused when it subscribes to a topic that needs one, by name or by pattern', async () => {
    const letters = await make()
    const wrapped = decryptConsumer(
      testKafka().consumer({ groupId: `x.${letters.topic}` }),
      letters.encryption,
    )
    await wrapped.connect()
    const refused = { code: 'CONFIG_INVALID', issues: [{ path: 'decryptConsumer(…, { deadLetters })' }] }
    for (const subscription of [
      { topic: letters.topic },
      { topics: [letters.topic] },
      { topics: [/^nothing$/] },
      { topic: /^nothing$/ },
    ]) {
      expect(await thrownBy(() => wrapped.subscribe(subscription))).toMatchObject(refused)
    }
    await wrapped.disconnect()
  })

  it('a consumer without a producer for dead letters reads other topics of the same owner', async () => {
    const dead = await newTopic('raw.letters.dead')
    const [strict, plain] = [await newTopic('raw.letters.strict'), await newTopic('raw.letters.plain')]
    const { encryption } = await memoryEncryption([
      { match: [strict], decrypt: { cmk: 'main', onInvalid: { deadLetter: dead } } },
      { match: [plain], passthrough: true },
    ])
    const consumer = decryptConsumer(testKafka().consumer({ groupId: `x.${plain}` }), encryption)
    await consumer.connect()
    await consumer.subscribe({ topics: [plain] })
    await consumer.disconnect()
    await encryption.close()
  })

  it('a consumer without a producer for dead letters that was subscribed before it was wrapped delivers and commits nothing', async () => {
    const letters = await make()
    await writeMixed(letters, 2, [1])
    const inner = testKafka().consumer({ groupId: `group.${letters.topic}`, maxWaitTimeInMs: 50 })
    await inner.connect()
    await inner.subscribe({ topic: letters.topic, fromBeginning: true })
    const seen: number[] = []
    const consumer = decryptConsumer(inner, letters.encryption)
    await consumer.run(noting('eachMessage', seen))
    await until('consumer.stopped', () => named(letters, 'consumer.stopped').length > 0)
    expect(named(letters, 'consumer.stopped')).toMatchObject([
      { code: 'CONFIG_INVALID', topic: letters.topic },
    ])
    expect(seen).toEqual([])
    expect(Number(await letters.committed())).toBeLessThanOrEqual(0)
    await consumer.disconnect()
  })

  it('a consumer without a producer for dead letters cannot be made with a producer that seals, a copy of one, or a value that is not a producer', async () => {
    const letters = await make()
    const inner = testKafka().consumer({ groupId: 'x' })
    for (const deadLetters of [
      letters.producer,
      { ...letters.producer },
      encryptKafka(testKafka(), letters.encryption).producer(),
      {},
      null,
    ]) {
      expect(
        await thrownBy(() =>
          decryptConsumer(inner, letters.encryption, { deadLetters: deadLetters as never }),
        ),
      ).toMatchObject({ code: 'CONFIG_INVALID', issues: [{ path: 'decryptConsumer(…, { deadLetters })' }] })
    }
  })
})

/** Records the calls of the producers that a client makes from now on. */
function livesOfProducers(kafka: Kafka): string[] {
  const lives: string[] = []
  const makeProducer = kafka.producer.bind(kafka)
  kafka.producer = (config) => {
    const producer = makeProducer(config)
    producer.on('producer.connect', () => lives.push('connected'))
    producer.on('producer.disconnect', () => lives.push('disconnected'))
    lives.push('made')
    return producer
  }
  return lives
}

describe('a wrapped client', () => {
  it('a wrapped client has a producer for each consumer that needs one, which connects and disconnects with it', async () => {
    const letters = await make()
    await writeMixed(letters, 3, [1])
    const lives = livesOfProducers(letters.kafka)
    const consumer = encryptKafka(letters.kafka, letters.encryption).consumer({
      groupId: `group.${letters.topic}`,
      maxWaitTimeInMs: 50,
    })
    expect(lives).toEqual(['made'])
    await consumer.connect()
    expect(lives).toEqual(['made', 'connected'])
    await consumer.subscribe({ topics: [new RegExp(`^${letters.topic}$`)], fromBeginning: true })
    const seen: number[] = []
    await consumer.run(noting('eachMessage', seen))
    await until('the end', async () => (await letters.committed()) === '3')
    expect(seen).toEqual([0, 2])
    expect(await lettersOn(letters.deadLetterTopic)).toEqual([1])
    expect(lives).toEqual(['made', 'connected'])
    await consumer.disconnect()
    expect(lives).toEqual(['made', 'connected', 'disconnected'])
  })

  it('a wrapped client ends that producer with a consumer that stops permanently, and connects it for the next run', async () => {
    const letters = await make()
    await writeMixed(letters, 3, [1])
    const lives = livesOfProducers(letters.kafka)
    letters.encryption.evict('cmk')
    letters.kms.failure = new EnvelopeError('KMS_DENIED', 'no')
    const consumer = encryptKafka(letters.kafka, letters.encryption).consumer({
      groupId: `group.${letters.topic}`,
      maxWaitTimeInMs: 50,
    })
    await consumer.connect()
    await consumer.subscribe({ topic: letters.topic, fromBeginning: true })
    const seen: number[] = []
    await consumer.run(noting('eachMessage', seen))
    await until('consumer.stopped', () => named(letters, 'consumer.stopped').length > 0)
    await until('the end of the producer', () => lives.length === 3)
    expect(lives).toEqual(['made', 'connected', 'disconnected'])
    letters.kms.failure = undefined
    // It keeps its subscriptions. KafkaJS's `subscribe` would write to a connection that is closed.
    await consumer.run(noting('eachMessage', seen))
    await until('the end', async () => (await letters.committed()) === '3')
    expect(await lettersOn(letters.deadLetterTopic)).toEqual([1])
    await consumer.disconnect()
    expect(lives).toEqual(['made', 'connected', 'disconnected', 'connected', 'disconnected'])
  })

  it('a wrapped client makes no such producer if no rule has dead letters', async () => {
    const { encryption } = await memoryEncryption([{ match: ['a'], decrypt: { cmk: 'main' } }])
    const inner = testKafka()
    let producers = 0
    inner.producer = () => {
      producers++
      throw new Error('not needed')
    }
    encryptKafka(inner, encryption).consumer({ groupId: 'g' })
    expect(producers).toBe(0)
    await encryption.close()
  })
})

describe('dead letters that were invalid only by the rule of their reader', () => {
  it.each<{ why: string; code: string; strict: Partial<DecryptRule> }>([
    { why: 'a mirror without `originalTopics`', code: 'WRONG_TOPIC', strict: {} },
    {
      why: 'a header that no producer binds',
      code: 'REQUIREMENT_UNMET',
      strict: { originalTopics: ['raw.*'], require: { bindHeaders: ['tenant'] } },
    },
  ])(
    'dead letters that were invalid only by the rule of their reader open with the right rule: $why',
    async ({ code, strict }) => {
      const origin = await newTopic('raw.letters.origin')
      const dead = await newTopic('raw.letters.dead')
      const copy = await newTopic('raw.letters.copy')
      const { encryption, events } = await memoryEncryption([
        { match: [origin], encrypt: { cmk: 'main', bindHeaders: ['type', 'none'] } },
        {
          match: [copy],
          decrypt: { cmk: 'main', onInvalid: { deadLetter: dead }, ...strict },
        },
        {
          match: [dead],
          decrypt: { cmk: 'main', originalTopics: [origin], require: { bindHeaders: ['type'] } },
        },
      ])
      const kafka = testKafka()
      const plain = kafka.producer()
      await plain.connect()
      const record = {
        key: Buffer.from([1, 2]),
        headers: { type: ['a', 'b'], trace: 't' },
        value: `${CANARY} 7`,
      }
      const [sealed] = await sealRecords(encryption, [{ topic: origin, ...record }])
      await plain.send({ topic: copy, messages: [{ ...record, value: sealed?.value ?? null }] })
      const consumer = decryptConsumer(kafka.consumer({ groupId: copy, maxWaitTimeInMs: 50 }), encryption, {
        deadLetters: plain,
      })
      await consumer.connect()
      await consumer.subscribe({ topic: copy, fromBeginning: true })
      await consumer.run(noting('eachBatch', []))
      await until('the dead letter', () => events.some(({ name }) => name === 'record.rejected'))
      const opener = decryptConsumer(kafka.consumer({ groupId: dead, maxWaitTimeInMs: 50 }), encryption)
      await opener.connect()
      await opener.subscribe({ topic: dead, fromBeginning: true })
      const opened: unknown[] = []
      await opener.run({
        eachMessage: ({ message }) => {
          const { 'kafka-envelope.error': error, type } = headersOf(message)
          opened.push({ value: message.value?.toString(), key: message.key, type, error })
          return Promise.resolve()
        },
      })
      await until('the record', () => opened.length > 0)
      expect(opened).toEqual([{ value: record.value, key: record.key, type: ['a', 'b'], error: [code] }])
      await Promise.all([consumer.disconnect(), opener.disconnect(), plain.disconnect()])
      await encryption.close()
    },
  )
})

it('a dead letter that is invalid again describes the last failure, and has the same bytes', async () => {
  const parked = await newTopic('raw.letters.parked')
  const dead = await newTopic('raw.letters.dead')
  const topic = await newTopic('raw.letters.first')
  const { encryption } = await memoryEncryption([
    { match: [topic], decrypt: { cmk: 'main', onInvalid: { deadLetter: dead }, tombstones: 'reject' } },
    {
      match: [dead],
      decrypt: {
        cmk: 'main',
        onInvalid: { deadLetter: parked },
        tombstones: 'reject',
        originalTopics: [topic],
      },
    },
  ])
  const kafka = encryptKafka(testKafka(), encryption)
  const plain = testKafka().producer()
  await plain.connect()
  await plain.send({ topic, messages: [{ key: 'k', value: null, headers: { h: ['1', '2'] } }] })
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic, dead], fromBeginning: true })
  await consumer.run(noting('eachMessage', []))
  await until('the second letter', async () => (await standingOn(parked)).length > 0)
  const [letter] = await standingOn(parked)
  expect(letter).toMatchObject({ key: Buffer.from('k'), value: null })
  expect(headersOf(letter ?? {})).toMatchObject({
    h: ['1', '2'],
    'kafka-envelope.error': ['TOMBSTONE_REJECTED'],
    'kafka-envelope.topic': [dead],
    'kafka-envelope.offset': ['0'],
  })
  await Promise.all([consumer.disconnect(), plain.disconnect()])
  await encryption.close()
})
