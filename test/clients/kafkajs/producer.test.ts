import {
  Kafka,
  logLevel,
  type Producer,
  type ProducerBatch,
  type ProducerRecord,
  type Transaction,
} from 'kafkajs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { openRecords } from '../../../src/record/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10))
const VALUE = `${CANARY} value`

/** A producer that connects to nothing and accepts messages until it is disconnected. */
class Inner {
  readonly sent: ProducerRecord[] = []
  connected = true
  readonly steps: string[] = []
  /** While set, what is sent is not acknowledged. */
  acknowledged: Promise<void> = Promise.resolve()
  readonly producer: Producer

  constructor() {
    const kafka = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING })
    this.producer = {
      ...kafka.producer(),
      send: (record: ProducerRecord) => this.#take([record]),
      sendBatch: ({ topicMessages = [] }: ProducerBatch) => this.#take(topicMessages),
      disconnect: () => {
        this.steps.push('disconnected')
        this.connected = false
        return Promise.resolve()
      },
      transaction: () => {
        let active = true
        const guarded = (record: ProducerRecord) =>
          active ? this.#take([record]) : Promise.reject(new Error('ended'))
        const ending = (step: string) => () => {
          this.steps.push(step)
          active = false
          return Promise.resolve()
        }
        return Promise.resolve({
          send: guarded,
          sendBatch: ({ topicMessages = [] }: ProducerBatch) =>
            active ? this.#take(topicMessages) : Promise.reject(new Error('ended')),
          isActive: () => active,
          commit: ending('committed'),
          abort: ending('aborted'),
        } as unknown as Transaction)
      },
    }
  }

  async #take(records: readonly ProducerRecord[]): Promise<[]> {
    if (!this.connected) throw new Error('The producer is disconnected')
    this.sent.push(...records)
    await this.acknowledged
    if (records.length > 0) this.steps.push('sent')
    return []
  }
}

async function owner(encrypt: object = {}) {
  const rule = (topic: string) => ({
    match: [topic],
    encrypt: { cmk: 'main', dekScope: 'topic' as const, ...encrypt },
    decrypt: { cmk: 'main' },
  })
  const made = await memoryEncryption([rule('a'), rule('b'), { match: ['plain*'], passthrough: true }])
  const inner = new Inner()
  const producer = encryptProducer(inner.producer, made.encryption)
  const send = (topic = 'a') => producer.send({ topic, messages: [{ value: VALUE }] })
  return { ...made, inner, producer, send }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('a send contains the values of the call', () => {
  it('a send contains the values of the call, even if the caller reuses buffers and lists before KafkaJS encodes', async () => {
    const { producer, inner, encryption } = await owner({ bindHeaders: ['h'] })
    await producer.send({ topic: 'a', messages: [{ value: 'warm' }] })
    const [value, key, header] = [VALUE, 'key', 'one'].map((text) => Buffer.from(text)) as [
      Buffer,
      Buffer,
      Buffer,
    ]
    const list = [header, 'two']
    const sending = producer.send({ topic: 'a', messages: [{ key, value, headers: { h: list } }] })
    for (const bytes of [value, key, header]) bytes.fill(0)
    list.push('three')
    await sending
    const message = inner.sent[1]?.messages[0]
    expect(message).toMatchObject({ key: Buffer.from('key'), headers: { h: [Buffer.from('one'), 'two'] } })
    const [opened] = await openRecords(encryption, [{ ...message, topic: 'a' } as never])
    expect(opened?.value?.toString()).toBe(VALUE)
  })

  it('a send contains the values of the call, even on a passthrough topic that waits for the key of another topic', async () => {
    const { producer, inner, kms } = await owner()
    const value = Buffer.from(VALUE)
    kms.hold = true
    const sending = producer.sendBatch({
      topicMessages: [
        { topic: 'plain', messages: [{ value }] },
        { topic: 'a', messages: [{ value }] },
      ],
    })
    await kms.waitForHeld()
    value.fill(0)
    kms.held[0]?.succeed()
    await sending
    expect(inner.sent[0]?.messages[0]?.value?.toString()).toBe(VALUE)
  })
})

describe('an invalid record is refused with its place, before a key is made', () => {
  const place = (message: object) => ({ messages: [{ value: VALUE }, message] })
  it.each([
    [
      'a missing value',
      { topic: 'a', ...place({}) },
      'at topic a, messages[1]: the value is undefined. Pass values',
    ],
    [
      'a message that is null',
      { topic: 'a', messages: [null] },
      ': messages[0] is null. Pass a list of records',
    ],
    [
      'a key of another type',
      { topic: 'a', ...place({ value: VALUE, key: 7 }) },
      'at topic a, messages[1]: a key is a number. Pass values',
    ],
    ['a missing topic', { messages: [] }, ': topic is undefined. Pass a topic name'],
    ['an empty topic', { topic: '', messages: [] }, ': topic is empty. Pass a topic name'],
    [
      'an illegal topic',
      { topic: 'a b', messages: [{ value: VALUE }] },
      ': "a b" is not a topic name. Pass a topic name',
    ],
    ['a missing list', { topic: 'a' }, 'at topic a: messages is undefined. Pass a list of messages'],
    ['nothing', undefined, ': topic is undefined. Pass a topic name'],
    [
      'a null header',
      { topic: 'a', ...place({ value: VALUE, headers: { h: null } }) },
      'at topic a, messages[1]: header "h" is null. Leave the header out',
    ],
    [
      'a null header among others',
      { topic: 'a', ...place({ value: VALUE, headers: { h: ['x', null] } }) },
      'header "h" is null. Leave the header out',
    ],
    [
      'a header of another type',
      { topic: 'a', ...place({ value: VALUE, headers: { h: 7 } }) },
      'header "h" is a number. Pass headers as',
    ],
    [
      'a list of headers',
      { topic: 'a', ...place({ value: VALUE, headers: [{ h: 'x' }] }) },
      'headers is a list. Pass headers as',
    ],
    [
      'a Map of headers',
      { topic: 'plain', ...place({ value: VALUE, headers: new Map([['h', 'x']]) }) },
      'at topic plain, messages[1]: headers is a Map. Pass headers as',
    ],
    [
      'headers like a list',
      { topic: 'a', ...place({ value: VALUE, headers: { 0: { h: 'x' } } }) },
      'header "0" is an object. Pass headers as',
    ],
  ])(
    'an invalid record is refused with its place, before a key is made, by `send`: %s',
    async (_, record, message) => {
      const { producer, inner, kms } = await owner({ bindHeaders: ['h'] })
      const error = await thrownBy(() => producer.send(record as never))
      expect(error).toMatchObject({ code: 'INVALID_RECORD' })
      expect((error as Error).message).toContain(message)
      expect([inner.sent, kms.calls]).toEqual([[], []])
    },
  )

  it.each([
    [
      'a missing value',
      [
        { topic: 'a', messages: [{ value: VALUE }] },
        { topic: 'a', messages: [{ value: VALUE }, {}] },
      ],
      'at topic a, topicMessages[1].messages[1]: the value is undefined',
    ],
    [
      'a missing topic',
      [{ topic: 'a', messages: [] }, { messages: [] }],
      ': topicMessages[1].topic is undefined',
    ],
    ['a missing list', [{ topic: 'a' }], 'at topic a: topicMessages[0].messages is undefined'],
    ['an entry that is null', [null], ': topicMessages[0].topic is undefined'],
    ['a list that is null', null, ': topicMessages is null. Pass a list of { topic, messages }'],
  ])(
    'an invalid record is refused with its place, before a key is made, by `sendBatch`: %s',
    async (_, topicMessages, message) => {
      const { producer, inner, kms } = await owner()
      const error = await thrownBy(() => producer.sendBatch({ topicMessages } as never))
      expect((error as Error).message).toContain(message)
      expect([inner.sent, kms.calls]).toEqual([[], []])
    },
  )

  it('an invalid topic name is left for the broker to refuse if the topic is passthrough', async () => {
    const { producer, inner } = await owner()
    await producer.send({ topic: 'plain text', messages: [{ value: 'x' }] })
    expect(inner.sent).toMatchObject([{ topic: 'plain text' }])
  })

  it('the error about a record that is too large says where it is', async () => {
    const { producer } = await owner({ maxBatchBytes: 1500 })
    const messages = [{ value: VALUE }, { value: 'x'.repeat(2000) }]
    expect(await thrownBy(() => producer.send({ topic: 'a', messages }))).toMatchObject({
      code: 'RECORD_TOO_LARGE',
      position: { topic: 'a', path: 'messages[1]' },
    })
  })
})

it('what is between the wrapper and KafkaJS, a tracer say, can add headers to each message', async () => {
  const { encryption, inner, producer } = await owner()
  const messages = [
    { value: VALUE, headers: {} },
    { value: VALUE, headers: {} },
  ]
  await producer.send({ topic: 'a', messages })
  const sent = inner.sent.flatMap(({ messages }) => messages)
  for (const [i, message] of sent.entries()) Object.assign(message.headers ?? {}, { traceparent: String(i) })
  expect(sent.map(({ headers }) => headers)).toEqual([{ traceparent: '0' }, { traceparent: '1' }])
  expect(messages.map(({ headers }) => headers)).toEqual([{}, {}])
  await encryption.close()
})

it('headers that are null or absent count as no headers', async () => {
  const { producer, inner } = await owner()
  for (const message of [
    { value: VALUE },
    { value: VALUE, headers: null },
    { value: VALUE, headers: undefined },
  ])
    await producer.send({ topic: 'a', messages: [message as never] })
  expect(inner.sent.map(({ messages }) => messages[0]?.headers)).toEqual([undefined, undefined, undefined])
})

describe('a transaction', () => {
  it('a transaction that has ended says so, whatever is sent', async () => {
    const { producer, kms } = await owner()
    const transaction = await producer.transaction()
    await transaction.abort()
    for (const call of [
      () => transaction.send({ topic: 'a' } as never),
      () => transaction.send({ topic: 'a', messages: [{ value: VALUE }] }),
      () => transaction.sendBatch({ topicMessages: null } as never),
    ])
      await expect(call()).rejects.toThrow('ended')
    expect(kms.calls).toEqual([])
  })

  it('a transaction commits after the sends made before the commit, even if they wait for a key', async () => {
    const { producer, inner, kms } = await owner()
    const transaction = await producer.transaction()
    kms.hold = true
    const sending = transaction.send({ topic: 'a', messages: [{ value: VALUE }] })
    const committing = transaction.commit()
    await kms.waitForHeld()
    expect(inner.steps).toEqual([])
    kms.held[0]?.succeed()
    await Promise.all([sending, committing])
    expect(inner.steps).toEqual(['sent', 'committed'])
  })
})

describe('disconnecting', () => {
  it('disconnecting waits for every earlier send of the producer and its transactions, even if they wait for a key', async () => {
    const { producer, inner, kms, send } = await owner()
    const transaction = await producer.transaction()
    kms.hold = true
    const sends = [
      send(),
      producer.sendBatch({ topicMessages: [{ topic: 'b', messages: [{ value: VALUE }] }] }),
      transaction.send({ topic: 'a', messages: [{ value: VALUE }] }),
      send(),
    ]
    const disconnecting = [producer.disconnect(), producer.disconnect()]
    await kms.waitForHeld(2)
    await settle()
    expect(inner.steps).toEqual([])
    kms.hold = false
    for (const call of [...kms.held]) call.succeed()
    await Promise.all([...sends, ...disconnecting])
    expect(inner.steps).toEqual(['sent', 'sent', 'sent', 'sent', 'disconnected'])
  })

  it('disconnecting waits for sends that KafkaJS has not acknowledged yet', async () => {
    const { producer, inner, send } = await owner()
    let acknowledge = (): void => undefined
    inner.acknowledged = new Promise((resolve) => (acknowledge = resolve))
    const sending = send()
    const disconnecting = producer.disconnect()
    await settle()
    expect(inner.steps).toEqual([])
    acknowledge()
    await Promise.all([sending, disconnecting])
    expect(inner.steps).toEqual(['sent', 'disconnected'])
  })

  it('disconnecting continues if a send fails', async () => {
    const { producer, inner, kms, send } = await owner()
    kms.hold = true
    const failing = thrownBy(() => send())
    const disconnecting = producer.disconnect()
    await kms.waitForHeld()
    kms.held[0]?.fail(new EnvelopeError('KMS_DENIED', 'no'))
    expect(await failing).toMatchObject({ code: 'KMS_DENIED' })
    await disconnecting
    expect(inner.steps).toEqual(['disconnected'])
  })

  it('disconnecting waits no longer than `dekTimeout` and 30 seconds', async () => {
    const { producer, inner, send } = await owner({ dekTimeout: '5s' })
    await send()
    inner.acknowledged = new Promise(() => undefined)
    vi.useFakeTimers()
    void send()
    const disconnecting = producer.disconnect()
    await vi.advanceTimersByTimeAsync(34_900)
    expect(inner.steps).toEqual(['sent'])
    await vi.advanceTimersByTimeAsync(200)
    await disconnecting
    expect(inner.steps).toEqual(['sent', 'disconnected'])
  })

  it('a send made after disconnecting is refused by KafkaJS, without a key, unless the producer is connected again', async () => {
    const { producer, inner, kms, send } = await owner()
    kms.hold = true
    const before = send()
    const disconnecting = producer.disconnect()
    const after = thrownBy(() => send('b'))
    await kms.waitForHeld()
    kms.hold = false
    kms.held[0]?.succeed()
    await Promise.all([before, disconnecting])
    expect(await after).toMatchObject({ message: 'The producer is disconnected' })
    expect(kms.calls).toHaveLength(1)
    inner.connected = true
    await send('b')
    expect(inner.sent.map(({ topic }) => topic)).toEqual(['a', 'b'])
  })
})

describe('the time that a send waits for its key', () => {
  it('the time that a send waits for its key does not begin while it waits for a send before it', async () => {
    const { producer, inner, kms } = await owner({
      dekTimeout: '1s',
      rotate: { maxMessages: 1, allowFrequentRotation: true, prefetch: 0 },
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    kms.hold = true
    const sends = ['1', '2', '3'].map((value) => producer.send({ topic: 'a', messages: [{ value }] }))
    for (let i = 0; i < 3; i++) {
      await kms.waitForHeld()
      await vi.advanceTimersByTimeAsync(700)
      kms.held[0]?.succeed()
    }
    await Promise.all(sends)
    expect(inner.sent).toHaveLength(3)
  })

  it('the time that a send waits for its key for one topic is separate from that for another topic in the same batch', async () => {
    const { producer, inner, kms } = await owner({ dekTimeout: '5s' })
    kms.hold = true
    const messages = [{ value: VALUE }]
    const sending = producer.sendBatch({
      topicMessages: [
        { topic: 'a', messages },
        { topic: 'b', messages },
      ],
    })
    // Both are asked for at once.
    await kms.waitForHeld(2)
    for (const call of [...kms.held]) call.succeed()
    await sending
    expect(inner.sent.map(({ topic }) => topic)).toEqual(['a', 'b'])
  })

  it('the time that a send waits for its key ends exactly, and no timer is set for a negative time', async () => {
    const warned: unknown[] = []
    const listen = (warning: Error): void => void warned.push(warning.name)
    process.on('warning', listen)
    const { producer, kms } = await owner({
      dekTimeout: '50ms',
      rotate: { maxMessages: 1, allowFrequentRotation: true },
    })
    kms.hold = true
    const failing = thrownBy(() =>
      producer.send({ topic: 'a', messages: Array.from({ length: 5 }, () => ({ value: VALUE })) }),
    )
    await kms.waitForHeld()
    // The key arrives at the very moment when the time is over.
    const end = performance.now() + 60
    while (performance.now() < end);
    kms.held[0]?.succeed()
    expect(await failing).toMatchObject({ code: 'KEY_WAIT_TIMEOUT' })
    await settle()
    process.off('warning', listen)
    expect(warned).toEqual([])
  })
})

it('a send after one that is being compressed is passed to KafkaJS after it', async () => {
  const { producer, inner, send } = await owner({ compression: 'gzip', maxBatchBytes: '100MiB' })
  await send()
  const large = producer.send({
    topic: 'a',
    messages: Array.from({ length: 1000 }, () => ({ value: VALUE })),
  })
  await Promise.all([large, send()])
  expect(inner.sent.map(({ messages }) => messages.length)).toEqual([1, 1000, 1])
})
