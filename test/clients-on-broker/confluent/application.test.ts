import { describe, expect, it } from 'vitest'
import { envelopeOf } from '../../../src/clients/confluent/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { newTopic } from '../../support/broker.js'
import { whyNoConfluent } from '../../support/confluent.js'
import { standingOn } from '../../integration/support/letters.js'
import { collecting, names, pause, rig, until } from './rig.js'

const suite = describe.skipIf(whyNoConfluent !== undefined)

suite(`what an application does with Confluent's client ${whyNoConfluent ?? ''}`, () => {
  it('a transaction commits what it read with the wrapped consumer, and what it sent, together', async () => {
    const made = await rig()
    const out = await newTopic('raw.confluent.out')
    await made.write(0, 0, 10)
    const producer = await made.transactional()
    const consumer = await made.consumer({ kafkaJS: { autoCommit: false } })
    let aborts = 1
    await consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        const transaction = await producer.transaction()
        const messages = batch.messages.map(({ value, key }) => ({ key, value }))
        await transaction.send({ topic: out, messages })
        const offset = String(Number(batch.lastOffset()) + 1)
        const topics = [{ topic: batch.topic, partitions: [{ partition: 0, offset }] }]
        await transaction.sendOffsets({ consumer, topics })
        if (aborts-- > 0) {
          await transaction.abort()
          return
        }
        await transaction.commit()
        resolveOffset(batch.lastOffset())
      },
    })
    await until(async () => (await made.committed()).join() === '10')
    await producer.disconnect()
    const { got, eachMessage } = collecting()
    const reader = await made.consumer({ kafkaJS: { groupId: `${made.group}.out` } }, out)
    await reader.run({ eachMessage })
    await until(() => got.length === 10)
    expect(got).toEqual(names(0, 0, 10))
    await made.end()
  })

  it('pauses, resumptions and seeks of the application are those of the plain client', async () => {
    const made = await rig(2)
    await made.write(0, 0, 50)
    await made.write(1, 0, 5)
    const consumer = await made.consumer()
    const place = { topic: made.topic, partition: 0 }
    const { got, eachMessage } = collecting((name) => {
      if (got.filter((one) => one === '0/10').length === 1 && name === '0/10') {
        consumer.pause([{ topic: made.topic, partitions: [0] }])
      }
      if (name === '0/20' && !got.includes('0/30')) consumer.seek({ ...place, offset: '30' })
    })
    await consumer.run({ eachMessage })
    await until(() => got.length === 16)
    await pause(500)
    expect(got.filter((name) => name.startsWith('0/'))).toEqual(names(0, 0, 11))
    expect(consumer.paused()).toEqual([{ topic: made.topic, partitions: [0] }])
    consumer.resume([{ topic: made.topic }])
    await until(() => got.length === 46)
    expect(got.filter((name) => name.startsWith('0/'))).toEqual([...names(0, 0, 21), ...names(0, 30, 50)])
    expect(consumer.paused()).toEqual([])
    await until(async () => (await made.committed()).join() === '50,5')
    await made.end()
  })

  it('a pause of the application ends a wait, and its resumption reads the record', async () => {
    const made = await rig()
    await made.write(0, 0, 3)
    made.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'down')
    const consumer = await made.consumer()
    const { got, eachMessage } = collecting()
    await consumer.run({ eachMessage })
    await until(() => made.encryption.health().waiting.length === 1)
    consumer.resume([{ topic: made.topic }])
    await pause(300)
    expect(made.encryption.health().waiting).toHaveLength(1)
    expect(consumer.paused()).toEqual([])
    consumer.pause([{ topic: made.topic }])
    expect(made.encryption.health().waiting).toEqual([])
    expect(consumer.paused()).toEqual([{ topic: made.topic, partitions: [0] }])
    made.kms.failure = undefined
    await pause(1500)
    expect(got).toEqual([])
    consumer.resume([{ topic: made.topic }])
    await until(() => got.length === 3)
    await made.end()
  })

  it('a batch that is resolved in part is read again from there, and a handler that throws reads its message again', async () => {
    const made = await rig()
    await made.write(0, 0, 20)
    const consumer = await made.consumer()
    const batches: string[] = []
    await consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
        batches.push(`${String(batch.firstOffset())}-${batch.lastOffset()}`)
        expect(batch.messages.every((message) => envelopeOf(message)?.topic === made.topic)).toBe(true)
        const [first, second] = batch.messages
        resolveOffset(second?.offset ?? first?.offset ?? '')
        await commitOffsetsIfNecessary()
        if (batches.length === 3) throw new Error('of the application')
      },
    })
    await until(async () => (await made.committed()).join() === '20')
    expect(batches.map((one) => Number(one.split('-')[0])).slice(-3)).toEqual([14, 16, 18])
    await made.end()
  })

  it('several partitions of several topics are handled at the same time, each in order', async () => {
    const made = await rig(4)
    const other = await newTopic('raw.confluent.other')
    for (const partition of [0, 1, 2, 3]) await made.write(partition, 0, 60)
    await made.write(0, 0, 60, [], other)
    const consumer = await made.consumer()
    await consumer.subscribe({ topics: [other] })
    let running = 0
    let most = 0
    const got = new Map<string, number[]>()
    await consumer.run({
      partitionsConsumedConcurrently: 3,
      eachMessage: async ({ topic, partition, message }) => {
        most = Math.max(most, ++running)
        await pause(2)
        const name = `${topic} ${String(partition)}`
        got.set(name, [...(got.get(name) ?? []), Number(message.value?.toString().split(' ')[1])])
        running--
      },
    })
    await until(() => [...got.values()].flat().length === 300)
    for (const numbers of got.values()) expect(numbers).toEqual(Array.from({ length: 60 }, (_, i) => i))
    expect(got.size).toBe(5)
    expect(most).toBe(3)
    await made.end()
  })

  it('dead letters are written as they were, by a producer of the consumer, before their offsets are committed', async () => {
    const dead = await newTopic('raw.letters.confluent')
    const made = await rig(1, { onInvalid: { deadLetter: dead } }, dead)
    await made.write(0, 0, 10, [2, 3, 9])
    const consumer = await made.consumer()
    const { got, eachMessage } = collecting()
    await consumer.run({ eachMessage })
    await until(() => got.length === 7)
    await until(async () => (await made.committed()).join() === '10')
    const letters = await standingOn(dead)
    expect(letters.map(({ headers }) => String(headers?.['kafka-envelope.offset']))).toEqual(['2', '3', '9'])
    expect(letters.map(({ headers }) => String(headers?.['kafka-envelope.group']))).toEqual(
      Array.from({ length: 3 }, () => made.group),
    )
    await made.end()
  })
})
