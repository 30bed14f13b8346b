import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer, Message } from '@platformatic/kafka'
import { expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { newTopic } from '../../support/broker.js'
import { decryptConsumer, encryptProducer } from '../../../src/clients/platformatic/index.js'
import { close, fixture, fromStart, plainConsumer, plainProducer, take, valuesOf } from './support.js'

type Made = Awaited<ReturnType<typeof fixture>>

const of = ({ topic }: Made, ...values: string[]) => ({
  messages: values.map((value) => ({ topic, partition: 0, value: Buffer.from(value) })),
})

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; !what() && i < 2000; i++) await sleep(10)
  expect(what()).toBe(true)
}

async function committed(made: Made, group: string): Promise<bigint | undefined> {
  const consumer = plainConsumer(group)
  const topics = [{ topic: made.topic, partitions: [0] }]
  const offsets = await consumer.listCommittedOffsets({ topics })
  await consumer.close()
  return offsets.get(made.topic)?.[0]
}

it('Platformatic: commits resume where the application was, and what was only read comes again', async () => {
  for (const autocommit of [false, true, 200]) {
    const made = await fixture('plt.resume')
    await made.producer().send(of(made, ...Array.from({ length: 20 }, (_, i) => String(i))))
    const first = made.consumer('plt.resume')
    const stream = await first.consume(fromStart(made.topic, { autocommit }))
    const got = await take(stream, 8)
    if (autocommit === false) await got[6]?.commit()
    await close(first)
    expect(await committed(made, 'plt.resume')).toBe(7n)
    const second = await made.consumer('plt.resume').consume(fromStart(made.topic))
    expect(valuesOf(await take(second, 13))).toEqual(Array.from({ length: 13 }, (_, i) => String(i + 7)))
    await made.end()
  }
})

it('Platformatic: a record that may not pass ends the stream; after a skip rule it goes on', async () => {
  const made = await fixture('plt.stop')
  const producer = made.producer()
  await producer.send(of(made, 'a'))
  await made.plain().producer.send(of(made, `${CANARY} plain`))
  await producer.send(of(made, 'b'))
  const got: string[] = []
  const first = await made.consumer('plt.stop').consume(fromStart(made.topic, { autocommit: true }))
  const error = await thrownBy(async () => {
    for await (const { value } of first) got.push(value.toString())
  })
  expect([got, error]).toMatchObject([['a'], { code: 'NOT_SEALED', position: { offset: '1' } }])
  expect(made.events.some(({ name }) => name === 'consumer.stopped')).toBe(true)
  expect(made.encryption.health().status).toBe('failed')
  expect(await committed(made, 'plt.stop')).toBe(1n)
  const skipping = await memoryEncryption(
    [{ match: [made.topic], decrypt: { cmk: 'main', onInvalid: 'skip' } }],
    { kms: made.kms },
  )
  await made.end()
  const consumer = decryptConsumer(plainConsumer('plt.stop'), skipping.encryption)
  const second = await consumer.consume(fromStart(made.topic))
  expect(valuesOf(await take(second, 1))).toEqual(['b'])
  await close(consumer)
})

it('Platformatic: dead letters hold the record, and the stream goes on', async () => {
  const dead = await newTopic('raw.plt.dlq')
  const made = await fixture('plt.dead', { onInvalid: { deadLetter: dead } })
  await made.producer().send(of(made, 'a'))
  const { producer, consumer } = made.plain()
  await producer.send({
    messages: [
      {
        topic: made.topic,
        key: Buffer.from('k'),
        value: Buffer.from('forged'),
        headers: new Map([[Buffer.from('h'), Buffer.from('1')]]),
      },
    ],
  })
  await made.producer().send(of(made, 'b'))
  const stream = await made.consumer(undefined, { deadLetters: producer }).consume(fromStart(made.topic))
  expect(valuesOf(await take(stream, 2))).toEqual(['a', 'b'])
  const [letter] = await take(await consumer.consume(fromStart(dead)), 1)
  const headers = Object.fromEntries(
    [...(letter as Message).headers].map(([n, v]) => [n.toString(), v.toString()]),
  )
  expect(letter).toMatchObject({ key: Buffer.from('k'), value: Buffer.from('forged') })
  expect(headers).toMatchObject({
    h: '1',
    'kafka-envelope.error': 'NOT_SEALED',
    'kafka-envelope.offset': '1',
  })
  await made.end()
})

it('Platformatic: while a KMS is away, the stream keeps its membership and loses nothing', async () => {
  const made = await fixture('plt.wait', {}, 2)
  await made.producer().send(of(made, 'a', 'b'))
  const reader = await memoryEncryption([{ match: [made.topic], decrypt: { cmk: 'main' } }], {
    kms: made.kms,
  })
  const inner = plainConsumer('plt.wait')
  let joins = 0
  inner.on('consumer:group:join', () => joins++)
  const consumer = decryptConsumer(inner, reader.encryption)
  made.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'away')
  const stream = await consumer.consume(fromStart(made.topic, { autocommit: true }))
  const got: string[] = []
  stream.on('data', ({ value }) => got.push(value.toString()))
  await until(() => reader.encryption.health().waiting.length > 0)
  // Longer than the session.
  await sleep(7000)
  expect([got, joins, inner.isActive()]).toEqual([[], 1, true])
  made.kms.failure = undefined
  await until(() => got.length === 2)
  await stream.close()
  expect(got).toEqual(['a', 'b'])
  await consumer.close()
  expect(await committed(made, 'plt.wait')).toBe(2n)
  await made.end()
})

it('Platformatic: when a second consumer joins, while one waits, every record is delivered once by one of them', async () => {
  const made = await fixture('plt.rebalance', {}, 2)
  const producer = made.producer()
  for (const partition of [0, 1])
    await producer.send({
      messages: Array.from({ length: 50 }, (_, i) => ({
        ...{ topic: made.topic, partition },
        value: Buffer.from(`${String(partition)}/${String(i)}`),
      })),
    })
  const reader = await memoryEncryption([{ match: [made.topic], decrypt: { cmk: 'main' } }], {
    kms: made.kms,
  })
  made.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'away')
  const got: string[][] = [[], []]
  const consumers: Consumer[] = []
  for (const mine of got) {
    const consumer = decryptConsumer(plainConsumer('plt.rebalance'), reader.encryption)
    consumers.push(consumer)
    const stream = await consumer.consume(fromStart(made.topic, { autocommit: 100 }))
    stream.on('data', ({ value }) => mine.push(value.toString()))
    await sleep(1500)
  }
  await until(() => consumers.every(({ assignments }) => assignments?.[0]?.partitions.length === 1))
  made.kms.failure = undefined
  await until(() => got.flat().length >= 100)
  for (const consumer of consumers) await close(consumer)
  expect(new Set(got.flat()).size).toBe(100)
  expect(got.flat()).toHaveLength(100)
  for (const mine of got) expect(new Set(mine.map((value) => value[0])).size).toBe(1)
  await made.end()
})

it('Platformatic: close in the middle of a stream ends it, and the rest comes to the next', async () => {
  const made = await fixture('plt.close')
  const producer = encryptProducer(plainProducer(), made.encryption)
  await producer.send(of(made, ...Array.from({ length: 300 }, (_, i) => String(i))))
  await producer.close()
  const consumer = made.consumer('plt.close')
  const stream = await consumer.consume(fromStart(made.topic, { autocommit: true }))
  const got: string[] = []
  for await (const { value } of stream) {
    got.push(value.toString())
    if (got.length === 100) void stream.close()
  }
  expect(got.length).toBeLessThan(105)
  await consumer.close()
  const next = await made.consumer('plt.close').consume(fromStart(made.topic))
  const [first] = await take(next, 1)
  expect(Number(first?.offset)).toBeLessThanOrEqual(got.length)
  expect(Number(first?.offset)).toBeGreaterThanOrEqual(got.length - 3)
  await made.end()
})
