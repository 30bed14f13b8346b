import { randomBytes } from 'node:crypto'
import type { Consumer, KafkaMessage, ProducerRecord } from 'kafkajs'
import { describe, expect, it, vi } from 'vitest'
import { decodePreamble, DEFAULT_FORMAT } from '../../../src/envelope/formats.js'
import { createEncryption, EnvelopeError, type Encryption, type DecryptRule } from '../../../src/index.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption, watch, type SeenEvent } from '../../support/encryption.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { message, StandIn } from './stand-in.js'
import { sealRecords } from '../../../src/record/index.js'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'

const KINDS = ['eachMessage', 'eachBatch'] as const
const PLAINTEXT = Buffer.from('not sealed')
const later = (ms = 10): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A wrapped consumer on a stand-in, which records its deliveries. */
async function consuming(encryption: Encryption, kind: (typeof KINDS)[number], deadLetters = box()) {
  const kafka = new StandIn()
  const consumer = decryptConsumer(kafka.consumer, encryption, { deadLetters: deadLetters.producer })
  const delivered: string[] = []
  await consumer.run(
    kind === 'eachMessage'
      ? { eachMessage: ({ message: { offset } }) => Promise.resolve(void delivered.push(offset)) }
      : {
          eachBatch: ({ batch }) =>
            Promise.resolve(void delivered.push(...batch.messages.map(({ offset }) => offset))),
        },
  )
  return { kafka, consumer, delivered, letters: deadLetters.letters }
}

/** Takes dead letters, and notes their offsets. */
function box(send: () => Promise<unknown> = () => Promise.resolve()) {
  const letters: string[] = []
  const producer = {
    send: async ({ messages }: ProducerRecord) => {
      await send()
      letters.push(...messages.map(({ headers }) => String(headers?.['kafka-envelope.offset'])))
      return []
    },
  } as never
  return { letters, producer }
}

/** An owner of topic `t` under a CMK that is near, which also reads what another sealed under one that is far. */
async function nearAndFar(decrypt: Omit<DecryptRule, 'cmk'>): Promise<{
  encryption: Encryption
  events: SeenEvent[]
  near: (count: number) => Promise<Buffer[]>
  farOne: Buffer
  far: MemoryKms
}> {
  const near = new MemoryKms({ provider: 'near' })
  const far = new MemoryKms({ provider: 'far' })
  const cmks = { near: [{ kms: 'near', id: 'a' }], far: [{ kms: 'far', id: 'b' }] } as const
  const kms = { near, far }
  const encryption = await createEncryption({
    kms,
    cmks,
    kmsRetries: 0,
    topics: [{ match: ['t'], encrypt: { cmk: 'near' }, decrypt: { cmk: ['near', 'far'], ...decrypt } }],
  })
  const other = await createEncryption({ kms, cmks, topics: [{ match: ['t'], encrypt: { cmk: 'far' } }] })
  const [sealed] = await sealRecords(other, [{ topic: 't', value: CANARY }])
  const values = async (count: number): Promise<Buffer[]> => {
    const records = Array.from({ length: count }, () => ({ topic: 't', value: CANARY }))
    return (await sealRecords(encryption, records)).map(({ value }) => value as Buffer)
  }
  return { encryption, events: watch(encryption), near: values, farOne: sealed?.value as Buffer, far }
}

/** One owner with a record of topic `t`, whose key has to be asked for. */
async function oneRecord(
  decrypt: Partial<DecryptRule> = {},
  rest: Parameters<typeof memoryEncryption>[1] = {},
) {
  const made = await memoryEncryption(
    [{ match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', ...decrypt } }],
    { kmsRetries: 0, ...rest },
  )
  const [sealed] = await sealRecords(made.encryption, [{ topic: 't', value: CANARY }])
  return { ...made, sealed: sealed?.value as Buffer }
}

const away = (): EnvelopeError => new EnvelopeError('KMS_UNAVAILABLE', 'away')

/** Resolves once a wait is reported, which takes a second, and longer on a busy machine. */
function untilReported(events: readonly SeenEvent[], wait: object): Promise<void> {
  const reported = (): void => {
    expect(events.filter(({ name }) => name === 'consumer.waiting')).toMatchObject([wait])
  }
  return vi.waitFor(reported, { timeout: 10_000, interval: 50 })
}

describe('records before one whose KMS is unavailable', () => {
  it.each(KINDS)(
    'records before one whose KMS is unavailable are delivered and resolved by %s before it is waited for, and their dead letters are written once',
    async (kind) => {
      const { encryption, near, farOne, far } = await nearAndFar({
        onInvalid: { deadLetter: 'dead' },
      })
      const values = [PLAINTEXT, ...(await near(600)), farOne, ...(await near(1))]
      const topic = values.map(message)
      far.failure = away()
      const { kafka, delivered, letters } = await consuming(encryption, kind)
      while (!kafka.isPaused()) await kafka.fetch(topic)
      expect(kafka.position).toBe(601)
      expect(encryption.health().waiting).toMatchObject([{ code: 'KMS_UNAVAILABLE', offset: '601' }])
      far.failure = undefined
      await kafka.resumed()
      while (kafka.position < topic.length) await kafka.fetch(topic)
      expect(delivered).toEqual(Array.from({ length: 602 }, (_, i) => String(i + 1)))
      expect(letters).toEqual(['0'])
      await encryption.close()
    },
  )

  it('records before one whose KMS is unavailable are delivered when its KMS has not answered for a second', async () => {
    const { encryption, near, farOne, far } = await nearAndFar({})
    const topic = [...(await near(3)), farOne].map(message)
    far.hold = true
    const { kafka, delivered } = await consuming(encryption, 'eachBatch')
    const started = performance.now()
    await kafka.fetch(topic)
    expect(performance.now() - started).toBeLessThan(5000)
    expect([delivered, kafka.position]).toEqual([['0', '1', '2'], 3])
    await encryption.close()
  })
})

it('forged records that need more KMS calls than the rate limit allows are passed step by step', async () => {
  const { encryption, kms, sealed } = await oneRecord(
    { onInvalid: 'skip', maxInvalidShare: 1 },
    { kmsTimeout: '200ms', kmsRateLimit: { opening: { perSecond: 40, burst: 1 } } },
  )
  const { wrappedDeks, headerBytes, bytes } = decodePreamble(sealed)
  const forged = (): Buffer =>
    Buffer.concat([
      DEFAULT_FORMAT.encodePreamble(
        wrappedDeks.map((wrapped) => ({ ...wrapped, ciphertextDek: randomBytes(24) })),
        headerBytes,
      ),
      sealed.subarray(bytes.length),
    ])
  const topic = [...Array.from({ length: 40 }, forged), sealed].map(message)
  const { kafka, delivered } = await consuming(encryption, 'eachBatch')
  const positions: number[] = []
  for (let fetches = 0; delivered.length === 0 && fetches < 100; fetches++) {
    await kafka.resumed()
    await kafka.fetch(topic)
    positions.push(kafka.position)
  }
  expect(delivered).toEqual(['40'])
  // It took several fetches, and each one got further than the one before.
  expect(positions.length).toBeGreaterThan(1)
  expect(positions).toEqual([...positions].sort((a, b) => a - b))
  expect(kms.calls.filter(({ operation }) => operation === 'unwrap').length).toBeLessThan(60)
  await encryption.close()
})

describe('dead letters that are not acknowledged', () => {
  it('dead letters that are not acknowledged hold back no record before them, and are written once', async () => {
    const { encryption, near } = await nearAndFar({ onInvalid: { deadLetter: 'dead' } })
    const topic = [...(await near(2)), PLAINTEXT, ...(await near(1)), PLAINTEXT].map(message)
    let missing = true
    const { kafka, delivered, letters } = await consuming(
      encryption,
      'eachBatch',
      box(() => (missing ? Promise.reject(new Error('no such topic')) : Promise.resolve())),
    )
    await kafka.fetch(topic)
    expect([delivered, kafka.position]).toEqual([['0', '1'], 2])
    await kafka.fetch(topic)
    expect([kafka.isPaused(), kafka.position]).toEqual([true, 2])
    expect(encryption.health().waiting).toMatchObject([
      { code: 'DEAD_LETTER_FAILED', offset: '2', deadLetter: { topic: 'dead', code: 'NOT_SEALED' } },
    ])
    await kafka.resumed()
    await kafka.fetch(topic)
    expect([kafka.isPaused(), kafka.position]).toEqual([true, 2])
    missing = false
    await kafka.resumed()
    await kafka.fetch(topic)
    expect([delivered, letters, kafka.position]).toEqual([['0', '1', '3'], ['2', '4'], 5])
    await encryption.close()
  })

  it('dead letters that are acknowledged late, while more bad records arrive, are written once, and the consumer moves on', async () => {
    const { encryption } = await nearAndFar({ onInvalid: { deadLetter: 'dead' }, maxInvalidShare: 1 })
    const topic = Array.from({ length: 8 }, (_, offset) => message(PLAINTEXT, offset))
    const { kafka, letters } = await consuming(
      encryption,
      'eachBatch',
      box(() => later(1500)),
    )
    for (let count = 1; count <= topic.length; count++) {
      await kafka.resumed()
      await kafka.fetch(topic.slice(0, count))
      await later(400)
    }
    while (kafka.position < topic.length) {
      await kafka.resumed()
      await kafka.fetch(topic)
    }
    expect(letters).toEqual(topic.map(({ offset }) => offset))
    await encryption.close()
  })

  it('dead letters that are not acknowledged are sent again at each attempt, also after one that was late', async () => {
    const { encryption } = await nearAndFar({ onInvalid: { deadLetter: 'dead' } })
    const topic = [message(PLAINTEXT, 0)]
    let sends = 0
    const { kafka } = await consuming(
      encryption,
      'eachBatch',
      // The first fails in time, and makes the topic late. The others fail after the consumer gave up.
      box(async () => {
        if (++sends > 1) await later(200)
        throw new Error('no such topic')
      }),
    )
    for (let attempt = 1; attempt <= 4; attempt++) {
      await kafka.resumed()
      await kafka.fetch(topic)
      expect(sends).toBe(attempt)
    }
    await encryption.close()
  })

  it('dead letters that are not acknowledged: a function that asked for them is not asked again', async () => {
    const asked: string[] = []
    const { encryption, near } = await nearAndFar({
      onInvalid: ({ offset }) => {
        asked.push(offset)
        return { deadLetter: 'dead' }
      },
      maxInvalidShare: 1,
    })
    const topic = [...(await near(1)), PLAINTEXT, PLAINTEXT, PLAINTEXT].map(message)
    let missing = true
    const { kafka, letters } = await consuming(
      encryption,
      'eachBatch',
      box(() => (missing ? Promise.reject(new Error('no such topic')) : Promise.resolve())),
    )
    for (let attempt = 0; attempt < 3; attempt++) {
      await kafka.resumed()
      await kafka.fetch(topic)
    }
    missing = false
    await kafka.resumed()
    await kafka.fetch(topic)
    expect([asked, letters]).toEqual([
      ['1', '2', '3'],
      ['1', '2', '3'],
    ])
    await encryption.close()
  })
})

describe('a batch that grows when it is opened', () => {
  it('a batch that grows when it is opened is delivered in parts of bounded size, with heartbeats and turns of the event loop between', async () => {
    const { encryption } = await memoryEncryption([
      { match: ['t'], encrypt: { cmk: 'main', compression: 'gzip' }, decrypt: { cmk: 'main' } },
    ])
    const size = 2 ** 24
    const [sealed] = await sealRecords(encryption, [{ topic: 't', value: Buffer.alloc(size) }])
    // One genuine record, written again and again: a replay is not detected.
    const topic = Array.from({ length: 12 }, (_, i) => message(sealed?.value as Buffer, i))
    const kafka = new StandIn()
    const delivered: string[] = []
    const parts: number[] = []
    await decryptConsumer(kafka.consumer, encryption).run({
      eachBatch: ({ batch }) => {
        parts.push(batch.messages.reduce((bytes, { value }) => bytes + (value?.length ?? 0), 0))
        delivered.push(...batch.messages.map(({ offset }) => offset))
        return Promise.resolve()
      },
    })
    let turns = 0
    let counting = true
    const count = (): void => {
      turns++
      if (counting) setImmediate(count)
    }
    setImmediate(count)
    while (kafka.position < 12) await kafka.fetch(topic)
    counting = false
    expect(delivered).toEqual(topic.map(({ offset }) => offset))
    expect(Math.max(...parts)).toBeLessThan(2 ** 25 + size)
    expect(turns).toBeGreaterThan(5)
    expect(kafka.heartbeats).toBeGreaterThan(5)
    await encryption.close()
  })

  it('a batch that grows when it is opened is not split if it takes no more than it did sealed', async () => {
    const { encryption } = await memoryEncryption([
      { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } },
    ])
    const value = Buffer.alloc(2 ** 22)
    const sealed = await sealRecords(
      encryption,
      Array.from({ length: 12 }, () => ({ topic: 't', value })),
    )
    const { kafka, delivered } = await consuming(encryption, 'eachBatch')
    await kafka.fetch(sealed.map((one, i) => message(one.value, i)))
    expect(delivered).toHaveLength(12)
    expect(kafka.heartbeats).toBeGreaterThan(5)
    await encryption.close()
  })
})

describe('a wait for a KMS that does not answer', () => {
  const ends: readonly (readonly [string, (consumer: Consumer) => unknown])[] = [
    ['stop()', (consumer) => consumer.stop()],
    ['disconnect()', (consumer) => consumer.disconnect()],
    [
      'seek()',
      (consumer) => {
        consumer.seek({ topic: 't', partition: 0, offset: '1' })
      },
    ],
    [
      'pause()',
      (consumer) => {
        consumer.pause([{ topic: 't' }])
      },
    ],
    [
      'pause() of the partition',
      (consumer) => {
        consumer.pause([{ topic: 't', partitions: [0] }])
      },
    ],
  ]
  describe.each(KINDS)('in %s', (kind) => {
    it.each(ends)(
      'a wait for the KMS ends immediately at %s, without an error, and with nothing delivered or resolved',
      async (_, end) => {
        const { encryption, kms, sealed } = await oneRecord()
        kms.hold = true
        const { kafka, consumer, delivered } = await consuming(encryption, kind)
        const fetching = kafka.fetch([message(sealed, 0), message(sealed, 1)])
        await kms.waitForHeld()
        const started = performance.now()
        end(consumer)
        await fetching
        expect(performance.now() - started).toBeLessThan(500)
        expect([delivered, kafka.position, kms.held.length]).toEqual([[], 0, 1])
        expect(encryption.health().waiting).toEqual([])
        kms.hold = false
        kms.held[0]?.succeed()
        await later()
        expect([delivered, kafka.position]).toEqual([[], 0])
        await encryption.close()
      },
    )

    it('a wait for the KMS continues during a seek or pause of another partition or topic', async () => {
      const { encryption, kms, sealed } = await oneRecord()
      kms.hold = true
      const { kafka, consumer, delivered } = await consuming(encryption, kind)
      const fetching = kafka.fetch([message(sealed, 0)])
      await kms.waitForHeld()
      consumer.seek({ topic: 't', partition: 1, offset: '5' })
      consumer.seek({ topic: 'u', partition: 0, offset: '5' })
      consumer.pause([{ topic: 'u' }, { topic: 't', partitions: [1, 2] }])
      kms.hold = false
      kms.held[0]?.succeed()
      await fetching
      if (kind === 'eachMessage') expect(delivered).toEqual(['0'])
      await encryption.close()
    })
  })

  it('after a pause that is resumed immediately, a record that waits for its KMS is delivered once, and none is skipped', async () => {
    const { encryption, kms, sealed } = await oneRecord()
    kms.hold = true
    const { kafka, consumer, delivered } = await consuming(encryption, 'eachMessage')
    const topic = [message(sealed, 0), message(sealed, 1)]
    const fetching = kafka.fetch(topic)
    await kms.waitForHeld()
    consumer.pause([{ topic: 't' }])
    consumer.resume([{ topic: 't' }])
    kms.hold = false
    kms.held[0]?.succeed()
    await fetching
    expect(delivered).toEqual([])
    await kafka.fetch(topic)
    expect([delivered, kafka.position]).toEqual([['0', '1'], 2])
    await encryption.close()
  })

  it('a seek during the wait takes precedence over the position of the wait', async () => {
    const { encryption, kms, sealed } = await oneRecord()
    kms.hold = true
    const { kafka, consumer, delivered } = await consuming(encryption, 'eachMessage')
    const topic = [0, 1, 2].map((offset) => message(sealed, offset))
    const fetching = kafka.fetch(topic)
    await kms.waitForHeld()
    consumer.pause([{ topic: 't' }])
    consumer.seek({ topic: 't', partition: 0, offset: '2' })
    consumer.resume([{ topic: 't' }])
    kms.hold = false
    kms.held[0]?.succeed()
    await fetching
    await kafka.fetch(topic)
    expect([delivered, kafka.position]).toEqual([['2'], 3])
    await encryption.close()
  })

  it('a wait for a KMS that does not answer is reported after a second and listed in health(), until the KMS answers', async () => {
    const { encryption, kms, events, sealed } = await oneRecord()
    kms.hold = true
    const { kafka, delivered } = await consuming(encryption, 'eachMessage')
    const topic = [message(sealed, 7)]
    const fetching = kafka.fetch(topic)
    await kms.waitForHeld()
    expect(encryption.health().status).toBe('ok')
    const wait = { topic: 't', partition: 0, offset: '7', code: 'KMS_TIMEOUT' }
    await untilReported(events, wait)
    await fetching
    expect(encryption.health()).toMatchObject({ status: 'degraded', waiting: [wait] })
    await later(1100)
    expect(encryption.health().waiting[0]?.waitedMs).toBeGreaterThan(1000)
    kms.hold = false
    kms.held[0]?.succeed()
    await kafka.resumed()
    await kafka.fetch(topic)
    expect([delivered, kms.calls.filter(({ operation }) => operation === 'unwrap')]).toEqual([
      ['7'],
      [expect.anything()],
    ])
    expect(encryption.health()).toMatchObject({ status: 'ok', waiting: [] })
    await encryption.close()
  })

  it('a wait for a KMS that does not answer is no longer listed once the application seeks elsewhere between two attempts', async () => {
    const { encryption, kms, sealed } = await oneRecord()
    kms.failure = away()
    const { kafka, consumer } = await consuming(encryption, 'eachMessage')
    await kafka.fetch([message(sealed, 7)])
    consumer.seek({ topic: 't', partition: 1, offset: '8' })
    expect(encryption.health().waiting).toMatchObject([{ offset: '7' }])
    consumer.seek({ topic: 't', partition: 0, offset: '8' })
    expect(encryption.health().waiting).toEqual([])
    await encryption.close()
  })

  it('a wait for a KMS that is over while the consumer stops is not listed again', async () => {
    const { encryption, kms, events, sealed } = await oneRecord()
    kms.failure = away()
    const { kafka, consumer } = await consuming(encryption, 'eachMessage')
    kafka.onHeartbeat = () => consumer.stop()
    await kafka.fetch([message(sealed, 7)])
    expect(kafka.position).toBe(7)
    expect(encryption.health().waiting).toEqual([])
    expect(events.filter(({ name }) => name === 'record.rejected')).toEqual([])
    await encryption.close()
  })

  it('a wait of 16 partitions for a KMS causes no warning about leaked listeners', async () => {
    const warnings: string[] = []
    const onWarning = ({ name }: Error): void => void warnings.push(name)
    process.on('warning', onWarning)
    const { encryption, kms, sealed } = await oneRecord()
    kms.failure = away()
    const { kafka, consumer } = await consuming(encryption, 'eachMessage')
    const fetches = Array.from({ length: 16 }, (_, partition) => kafka.fetch([message(sealed, 0)], partition))
    while (encryption.health().waiting.length < 16) await later()
    await later(300)
    await consumer.stop()
    await Promise.all(fetches)
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
    await encryption.close()
  })
})

describe.each(KINDS)('in %s', (kind) => {
  it.each(Array.from({ length: 10 }, (_, ticks) => ticks))(
    'no record is delivered after a seek (%i turns of the microtask queue after the batch was opened)',
    async (ticks) => {
      const { encryption, sealed } = await oneRecord()
      const { kafka, consumer, delivered } = await consuming(encryption, kind)
      let deliveredAtSeek: number | undefined
      let sought = Promise.resolve()
      encryption.on('batch.opened', () => {
        for (let i = 0; i < ticks; i++) sought = sought.then(() => undefined)
        sought = sought.then(() => {
          consumer.seek({ topic: 't', partition: 0, offset: '5' })
          deliveredAtSeek = delivered.length
        })
      })
      await kafka.fetch([message(sealed, 0)])
      await sought
      expect(delivered.length).toBe(deliveredAtSeek)
      await encryption.close()
    },
  )
})

describe('a dead letter that is not acknowledged', () => {
  it('a dead letter that is not acknowledged is reported after a second with its record, its topic and its reason, and listed in health()', async () => {
    const { encryption, events } = await oneRecord({ onInvalid: { deadLetter: 'dead' } })
    let acknowledge = (): void => undefined
    const { kafka, letters } = await consuming(
      encryption,
      'eachMessage',
      box(() => new Promise<void>((resolve) => (acknowledge = resolve))),
    )
    const topic = [message(PLAINTEXT, 7)]
    const fetching = kafka.fetch(topic)
    const wait = {
      topic: 't',
      partition: 0,
      offset: '7',
      code: 'DEAD_LETTER_FAILED',
      deadLetter: { topic: 'dead', code: 'NOT_SEALED' },
    }
    await untilReported(events, wait)
    expect(encryption.health()).toMatchObject({ status: 'degraded', waiting: [wait] })
    await fetching
    expect([kafka.isPaused(), kafka.position]).toEqual([true, 7])
    acknowledge()
    await kafka.resumed()
    await kafka.fetch(topic)
    expect([letters, kafka.position]).toEqual([['7'], 8])
    expect(encryption.health()).toMatchObject({ status: 'ok', waiting: [] })
    await encryption.close()
  })

  it.each(KINDS)(
    'a dead letter that is not acknowledged does not hold up stop() in %s for more than a second',
    async (kind) => {
      const { encryption } = await oneRecord({ onInvalid: { deadLetter: 'dead' } })
      const { kafka, consumer } = await consuming(
        encryption,
        kind,
        box(() => new Promise(() => undefined)),
      )
      const fetching = kafka.fetch([message(PLAINTEXT, 0)])
      await later()
      const started = performance.now()
      await consumer.stop()
      await fetching
      expect(performance.now() - started).toBeLessThan(1500)
      expect(kafka.position).toBe(0)
      await encryption.close()
    },
  )
})

it('a record counts as waiting since its first attempt, however often KafkaJS restarts the consumer', async () => {
  const { encryption, kms, events, sealed } = await oneRecord()
  kms.failure = away()
  const { kafka } = await consuming(encryption, 'eachMessage')
  const topic: KafkaMessage[] = [message(sealed, 0)]
  for (let attempt = 0; attempt < 3; attempt++) {
    await kafka.fetch(topic)
    expect(kafka.isPaused()).toBe(true)
    kafka.restart()
    expect(encryption.health().waiting).toEqual([])
    await later(100)
  }
  await kafka.fetch(topic)
  expect(encryption.health()).toMatchObject({ status: 'degraded', waiting: [{ offset: '0' }] })
  expect(encryption.health().waiting[0]?.waitedMs).toBeGreaterThan(300)
  const waited = events.flatMap((event) => (event.name === 'consumer.waiting' ? [event.waitedMs] : []))
  expect(waited).toEqual([...waited].sort((a, b) => a - b))
  // The partition went to another consumer.
  kafka.emit('consumer.group_join', { groupId: 'g', memberAssignment: { t: [1] } })
  expect(encryption.health()).toMatchObject({ status: 'ok', waiting: [] })
  await encryption.close()
})
