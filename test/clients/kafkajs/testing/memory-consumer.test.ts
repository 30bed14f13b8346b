import {
  logLevel,
  type ConsumerRunConfig,
  type EachBatchHandler,
  type EachMessagePayload,
  type KafkaMessage,
} from 'kafkajs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decryptConsumer, envelopeOf } from '../../../../src/clients/kafkajs/index.js'
import { memoryConsumer, sealedMessages } from '../../../../src/clients/kafkajs/testing/index.js'
import { createEncryption, type Encryption } from '../../../../src/index.js'
import { memoryKms, type MemoryKms } from '../../../../src/kms/memory/index.js'

let kms: MemoryKms
let encryption: Encryption

beforeEach(async () => {
  kms = memoryKms({ cmks: ['orders'] })
  encryption = await createEncryption({
    kms: { dev: kms },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [
      {
        match: ['orders'],
        encrypt: { cmk: 'orders', bindHeaders: ['type'] },
        decrypt: { cmk: 'orders', onInvalid: 'skip', maxInvalidShare: 1 },
      },
    ],
    kmsRetries: 0,
  })
})
afterEach(() => encryption.close())

async function running(config: ConsumerRunConfig) {
  const inner = memoryConsumer()
  const consumer = decryptConsumer(inner, encryption)
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders' })
  await consumer.run(config)
  return { ...inner, consumer }
}

const values = ['a', 'b', 'c', 'd']
const sealed = (): Promise<KafkaMessage[]> =>
  sealedMessages(
    encryption,
    'orders',
    values.map((value) => ({
      key: '42',
      value,
      headers: { type: 'created', list: ['x', Buffer.from('y')] },
    })),
    { firstOffset: 7 },
  )

describe('messages that a test seals', () => {
  it('messages that a test seals look like those of a broker, and show no plaintext', async () => {
    const [message] = await sealed()
    expect(message).toMatchObject({
      key: Buffer.from('42'),
      offset: '7',
      headers: { type: Buffer.from('created'), list: [Buffer.from('x'), Buffer.from('y')] },
    })
    expect(message?.value?.subarray(0, 2).toString('hex')).toBe('c301')
    const [bare, tombstone] = await sealedMessages(encryption, 'orders', [
      { value: 'a' },
      { value: null, timestamp: '5' },
    ])
    expect(bare).toMatchObject({ key: null, headers: {}, offset: '0' })
    expect(tombstone).toMatchObject({ value: null, timestamp: '5', offset: '1' })
  })
})

describe('a handler under test', () => {
  it('a handler under test gets each message opened, with what was authenticated', async () => {
    const seen: EachMessagePayload[] = []
    const { deliver } = await running({
      eachMessage: (payload) => {
        seen.push(payload)
        return Promise.resolve()
      },
    })
    expect(await deliver('orders', await sealed(), 3)).toBe('11')
    expect(seen.map(({ message }) => message.value?.toString())).toEqual(values)
    expect(seen[0]).toMatchObject({ topic: 'orders', partition: 3, message: { offset: '7' } })
    expect(envelopeOf(seen[0]?.message as KafkaMessage)?.boundHeaders).toEqual(['type'])
  })

  it('a handler under test gets whole batches opened, and returns the offset that it reached', async () => {
    const batches: string[][] = []
    const eachBatch: EachBatchHandler = ({ batch }) => {
      batches.push(batch.messages.map(({ value }) => String(value)))
      return Promise.resolve()
    }
    const all = await running({ eachBatch })
    expect(await all.deliver('orders', await sealed())).toBe('11')
    expect(batches).toEqual([values])

    const one = await running({
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => {
        await eachBatch(payload)
        payload.resolveOffset(payload.batch.firstOffset() ?? '')
      },
    })
    batches.length = 0
    expect(await one.deliver('orders', await sealed())).toBe('11')
    // It resolves one at a time, so it gets the rest again, as from KafkaJS.
    expect(batches).toEqual([values, ['b', 'c', 'd'], ['c', 'd'], ['d']])

    const none = await running({ eachBatchAutoResolve: false, eachBatch })
    batches.length = 0
    expect(await none.deliver('orders', await sealed())).toBe('7')
    expect(batches).toEqual([values])
  })

  it.each(['eachMessage', 'eachBatch'] as const)(
    'a handler under test does not get a message that was changed or is plaintext, as the rule of the topic says: %s',
    async (member) => {
      const seen: unknown[] = []
      const { deliver } = await running(
        member === 'eachMessage'
          ? {
              eachMessage: ({ message }) => {
                seen.push(String(message.value))
                return Promise.resolve()
              },
            }
          : {
              eachBatch: ({ batch }) => {
                seen.push(...batch.messages.map(({ value }) => String(value)))
                return Promise.resolve()
              },
            },
      )
      const [first, second, third, fourth] = (await sealed()) as [
        KafkaMessage,
        KafkaMessage,
        KafkaMessage,
        KafkaMessage,
      ]
      const changed = { ...second, headers: { type: Buffer.from('deleted') } } as KafkaMessage
      const plain = { ...third, value: Buffer.from('c') } as KafkaMessage
      expect(await deliver('orders', [first, changed, plain, fourth])).toBe('11')
      expect(seen).toEqual(['a', 'd'])
    },
  )

  it('a handler under test that fails makes the delivery fail with its error', async () => {
    const { deliver } = await running({
      eachMessage: () => Promise.reject(new Error('the database is away')),
    })
    await expect(deliver('orders', await sealed())).rejects.toThrow('the database is away')
  })

  it('a handler under test gets nothing while the KMS is unavailable, and all of it afterwards', async () => {
    const messages = await sealed()
    encryption.evict('orders')
    kms.setAvailable(false)
    const seen: unknown[] = []
    const { deliver } = await running({
      eachMessage: ({ message }) => {
        seen.push(String(message.value))
        return Promise.resolve()
      },
    })
    expect(await deliver('orders', messages)).toBe('7')
    expect(seen).toEqual([])
    expect(encryption.health().waiting).toMatchObject([{ code: 'KMS_UNAVAILABLE', offset: '7' }])
    kms.setAvailable(true)
    expect(await deliver('orders', messages)).toBe('11')
    expect(seen).toEqual(values)
  })

  it('a handler under test that is stopped during a wait for its KMS and run again gets its messages', async () => {
    const messages = await sealed()
    encryption.evict('orders')
    kms.setAvailable(false)
    const seen: unknown[] = []
    const config: ConsumerRunConfig = {
      eachMessage: ({ message }) => Promise.resolve(void seen.push(String(message.value))),
    }
    const { deliver, consumer } = await running(config)
    expect(await deliver('orders', messages)).toBe('7')
    await consumer.stop()
    kms.setAvailable(true)
    await consumer.run(config)
    expect(await deliver('orders', messages)).toBe('11')
    expect(seen).toEqual(values)
  })

  it('a handler under test gets messages of a partition that was resumed alone, while its topic is paused', async () => {
    const { deliver, consumer } = await running({ eachMessage: () => Promise.resolve() })
    consumer.pause([{ topic: 'orders' }])
    consumer.resume([{ topic: 'orders', partitions: [1] }])
    expect(await deliver('orders', await sealed(), 1)).toBe('11')
    const waiting = deliver('orders', await sealed(), 0)
    consumer.resume([{ topic: 'orders' }])
    expect(await waiting).toBe('11')
  })

  it('a handler under test has to run before a message can be delivered', async () => {
    const inner = memoryConsumer()
    const consumer = decryptConsumer(inner, encryption)
    const messages = await sealed()
    await expect((async () => inner.deliver('orders', messages))()).rejects.toThrow('did not call run()')
    await consumer.run()
    expect(await inner.deliver('orders', messages)).toBe('11')
    await consumer.disconnect()
    await expect((async () => inner.deliver('orders', messages))()).rejects.toThrow('did not call run()')
  })
})

it('a consumer without a broker has the other members of a KafkaJS consumer: they do nothing, or say that they cannot', async () => {
  const consumer = memoryConsumer()
  const { info, error, warn, debug, namespace, setLogLevel } = consumer.logger()
  for (const log of [info, error, warn, debug]) log('text')
  setLogLevel(logLevel.NOTHING)
  expect(() => namespace('a')).toThrow()
  await consumer.commitOffsets([])
  consumer.seek({ topic: 'orders', partition: 0, offset: '1' })
  expect(() => consumer.describeGroup()).toThrow()
  consumer.pause([{ topic: 'orders', partitions: [1] }])
  expect(consumer.paused()).toEqual([{ topic: 'orders', partitions: [1] }])
  consumer.resume([{ topic: 'orders', partitions: [1] }])
  expect(consumer.paused()).toEqual([])
  await consumer.stop()
  await consumer.disconnect()
})
