import type { Admin, Consumer, Kafka, Producer, RemoveInstrumentationEventListener } from 'kafkajs'
import { expect, it } from 'vitest'
import { CANARY } from '../../support/emissions.js'
import { fixture, until } from '../support/pair.js'
import {
  decryptConsumer,
  encryptKafka,
  encryptProducer,
  envelopeOf,
} from '../../../src/clients/kafkajs/index.js'

/** An application typed against KafkaJS alone: that this compiles with wrapped clients is part of the test. */
class Application {
  readonly admin: Admin
  readonly producer: Producer
  readonly consumer: Consumer
  readonly seen: string[] = []
  readonly members = new Set<string>()
  readonly removers: RemoveInstrumentationEventListener<string>[] = []

  constructor(kafka: Kafka, groupId: string) {
    this.admin = kafka.admin()
    this.producer = kafka.producer({ idempotent: true })
    this.consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50 })
    kafka.logger().debug('made')
  }

  async start(topic: string): Promise<void> {
    const { producer, consumer } = this
    const note = (name: string) => () => void this.seen.push(name)
    this.removers.push(producer.on(producer.events.CONNECT, note('producer connected')))
    this.removers.push(consumer.on(consumer.events.GROUP_JOIN, note('joined')))
    this.removers.push(consumer.on('consumer.end_batch_process', note('batch')))
    await Promise.all([this.admin.connect(), producer.connect(), consumer.connect()])
    producer.logger().debug('connected')
    consumer.logger().debug('connected')
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachBatch: async (payload) => {
        for (const member of Object.keys(payload)) this.members.add(member)
        const {
          batch,
          resolveOffset,
          heartbeat,
          commitOffsetsIfNecessary,
          uncommittedOffsets,
          isRunning,
          isStale,
          pause,
        } = payload
        expect([isRunning(), isStale(), batch.isEmpty(), batch.topic, batch.partition]).toEqual([
          true,
          false,
          false,
          topic,
          0,
        ])
        expect([typeof pause, typeof batch.offsetLagLow(), batch.firstOffset()]).toEqual([
          'function',
          'string',
          batch.messages[0]?.offset,
        ])
        expect(uncommittedOffsets()).toHaveProperty('topics')
        for (const message of batch.messages) {
          this.seen.push(`${message.value?.toString() ?? 'null'} ${envelopeOf(message)?.topic ?? 'open'}`)
          expect([message.attributes, typeof message.timestamp]).toEqual([0, 'string'])
          resolveOffset(message.offset)
        }
        await commitOffsetsIfNecessary()
        await heartbeat()
      },
    })
  }

  async stop(): Promise<void> {
    for (const remove of this.removers) remove()
    await this.consumer.stop()
    await Promise.all([this.consumer.disconnect(), this.producer.disconnect(), this.admin.disconnect()])
  }
}

it('an application typed against KafkaJS runs unchanged with wrapped clients', async () => {
  const made = await fixture('law1')
  const kafka = encryptKafka(made.kafka, made.encryption)
  const app = new Application(kafka, `law1.${made.topic}`)
  await app.start(made.topic)
  expect(app.producer.isIdempotent()).toBe(true)
  await app.producer.send({ topic: made.topic, messages: [{ value: `${CANARY} 1` }, { value: null }] })
  await until('delivery', () => app.seen.includes('null open'))
  expect(app.seen).toContain(`${CANARY} 1 ${made.topic}`)
  expect(app.seen).toEqual(expect.arrayContaining(['producer connected', 'joined']))
  expect((await app.consumer.describeGroup()).state).toBe('Stable')
  app.consumer.pause([{ topic: made.topic }])
  expect(app.consumer.paused()).toEqual([{ topic: made.topic, partitions: [0] }])
  app.consumer.resume([{ topic: made.topic }])
  app.consumer.seek({ topic: made.topic, partition: 0, offset: '0' })
  await until('delivery again', () => app.seen.filter((line) => line === 'null open').length === 2)
  await app.consumer.commitOffsets([{ topic: made.topic, partition: 0, offset: '1' }])
  await app.stop()
  await made.end()
})

it('wrapped clients and payloads have every member that the inner ones have', async () => {
  const made = await fixture('law1.members')
  const inner = { producer: made.kafka.producer(), consumer: made.kafka.consumer({ groupId: 'g' }) }
  const members = (object: object): string[] => Object.keys(object).sort()
  expect(members(encryptProducer(inner.producer, made.encryption))).toEqual(members(inner.producer))
  expect(members(decryptConsumer(inner.consumer, made.encryption))).toEqual(members(inner.consumer))
  const kafka = encryptKafka(made.kafka, made.encryption)
  expect(kafka).toBeInstanceOf(made.kafka.constructor)
  for (const member of ['producer', 'consumer', 'admin', 'logger'] as const)
    expect(typeof kafka[member]).toBe('function')
  const transactional = made.kafka.producer({ transactionalId: 'law1', idempotent: true })
  const wrapped = encryptProducer(transactional, made.encryption)
  await wrapped.connect()
  const plainTransaction = await transactional.transaction()
  const expected = members(plainTransaction)
  await plainTransaction.abort()
  const transaction = await wrapped.transaction()
  expect(members(transaction)).toEqual(expected)
  await transaction.abort()
  await wrapped.disconnect()
  await made.end()
})

it('a bound header named like a member of every object is bound and opened like any other', async () => {
  const made = await fixture('law1.names', { encrypt: { bindHeaders: ['__proto__', 'constructor'] } })
  const headers = Object.fromEntries<string | string[]>([
    ['constructor', 'c'],
    ['__proto__', ['p', 'q']],
  ])
  await made.producer.send({ topic: made.topic, messages: [{ value: `${CANARY} v`, headers }] })
  const consumer = await made.consumer()
  const seen: unknown[] = []
  await consumer.run({
    eachMessage: ({ message }) => {
      seen.push(message.value?.toString())
      return Promise.resolve()
    },
  })
  await until(
    'delivery',
    () => seen.length > 0 || made.events.some(({ name }) => name === 'consumer.stopped'),
  )
  expect(seen).toEqual([`${CANARY} v`])
  await made.end()
})

it('a delivered message keeps every member of the message that KafkaJS read', async () => {
  const made = await fixture('law1.message')
  await made.producer.send({
    topic: made.topic,
    messages: [{ key: 'k', value: `${CANARY} v`, headers: { a: 'b' } }],
  })
  const read = async (wrapped: boolean): Promise<{ message: object; payload: string[]; batch: string[] }> => {
    const consumer = wrapped
      ? await made.consumer({ groupId: `wrapped.${made.topic}` })
      : made.kafka.consumer({ groupId: `plain.${made.topic}`, maxWaitTimeInMs: 50 })
    if (!wrapped) {
      await consumer.connect()
      await consumer.subscribe({ topic: made.topic, fromBeginning: true })
    }
    return new Promise((resolve, reject) => {
      consumer
        .run({
          eachBatch: (payload) => {
            const [message] = payload.batch.messages
            const batch: string[] = []
            for (const member in payload.batch) batch.push(member)
            resolve({ message: message ?? {}, payload: Object.keys(payload).sort(), batch: batch.sort() })
            setImmediate(() => void consumer.disconnect())
            return Promise.resolve()
          },
        })
        .catch(reject)
    })
  }
  const [plain, wrapped] = [await read(false), await read(true)]
  expect(Object.keys(wrapped.message).sort()).toEqual(Object.keys(plain.message).sort())
  expect(wrapped.payload).toEqual(plain.payload)
  expect(wrapped.batch).toEqual(plain.batch)
  expect({ ...wrapped.message, value: null }).toMatchObject({ ...plain.message, value: null })
  await made.end()
})
