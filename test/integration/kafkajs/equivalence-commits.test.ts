import type { ConsumerRunConfig, EachBatchPayload, Message } from 'kafkajs'
import { expect, it } from 'vitest'
import { CANARY } from '../../support/emissions.js'
import { delivered, onBoth, until, type Side } from '../support/pair.js'

const messages = (count: number, rest: Partial<Message> = {}, from = 0): Message[] =>
  Array.from({ length: count }, (_, i) => ({ value: `${CANARY} ${String(from + i)}`, ...rest }))

/** Law 2: what one script saw and committed on plain KafkaJS and on wrapped clients is equal. */
async function same<T>(script: (side: Side) => Promise<T>, partitions = 1): Promise<T> {
  const { plain, wrapped } = await onBoth(script, partitions)
  expect(wrapped).toEqual(plain)
  return plain
}

type EachBatch = (
  payload: EachBatchPayload,
  see: (what: string) => void,
  round: number,
) => Promise<void> | void

/** Runs `eachBatch` over the first topic until `enough` was seen. */
async function runBatches(
  side: Side,
  enough: number,
  each: EachBatch,
  options: Omit<ConsumerRunConfig, 'eachBatch'> = {},
): Promise<{ seen: string[]; committed: string[] }> {
  const consumer = await side.consumer({ retry: { initialRetryTime: 20 } })
  const seen: string[] = []
  let round = 0
  await consumer.subscribe({ topic: side.topics[0], fromBeginning: true })
  await consumer.run({
    ...options,
    eachBatch: async (payload) => {
      await each(payload, (what) => seen.push(what), round++)
    },
  })
  await until('all rounds', () => seen.length >= enough)
  await new Promise((resolve) => setTimeout(resolve, 150))
  await consumer.disconnect()
  return { seen, committed: await side.committed() }
}

async function send(side: Side, list: Message[]): Promise<void> {
  const producer = await side.producer()
  await producer.send({ topic: side.topics[0], messages: list })
}

it('an eachBatch that throws before it resolved anything: the prefix is delivered again', async () => {
  const { seen } = await same(async (side) => {
    await send(side, messages(10))
    return runBatches(side, 14, ({ batch }, see, round) => {
      for (const { offset } of batch.messages) {
        if (round === 0 && offset === '4') throw new Error('in the middle')
        see(offset)
      }
    })
  })
  expect(seen).toEqual([...'0123', ...'0123456789'])
})

it('with autoCommit off in eachBatch, only offsets that the handler names are committed', async () => {
  const { committed } = await same(async (side) => {
    await send(side, messages(10))
    const each: EachBatch = async ({ batch: { topic, messages }, commitOffsetsIfNecessary }, see) => {
      await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition: 0, offset: '6' }] }] })
      for (const { offset } of messages) see(offset)
    }
    return runBatches(side, 10, each, { autoCommit: false })
  })
  expect(committed).toContain('0 0 6')
})

it('a batch that ends in a control record is resolved past it, auto-resolve off', async () => {
  const { committed } = await same(async (side) => {
    const producer = await side.producer({
      transactionalId: side.group,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    const transaction = await producer.transaction()
    await transaction.send({ topic: side.topics[0], messages: messages(3) })
    await transaction.commit()
    const each: EachBatch = ({ batch, resolveOffset }, see) => {
      see(`${batch.lastOffset()} ${batch.offsetLag()} ${batch.offsetLagLow()} ${String(batch.firstOffset())}`)
      resolveOffset(batch.messages.at(-1)?.offset ?? '')
    }
    return runBatches(side, 1, each, { eachBatchAutoResolve: false })
  })
  expect(committed).toContain('0 0 4')
})

it('several partitions at the same time have the same order and offsets as with plain KafkaJS', async () => {
  await same(async (side) => {
    await send(
      side,
      [0, 1, 2].flatMap((partition) => messages(40, { partition }, partition * 100)),
    )
    const options = { partitionsConsumedConcurrently: 3, autoCommitThreshold: 7, eachBatchAutoResolve: false }
    const each: EachBatch = async (
      { batch: { partition, messages }, resolveOffset, commitOffsetsIfNecessary },
      see,
    ) => {
      for (const { offset, value } of messages) {
        see(`${String(partition)} ${offset} ${value?.toString() ?? ''}`)
        resolveOffset(offset)
        await commitOffsetsIfNecessary()
      }
    }
    const { seen, committed } = await runBatches(side, 120, each, options)
    return { committed, seen: [0, 1, 2].map((n) => seen.filter((line) => line.startsWith(`${String(n)} `))) }
  }, 3)
})

it('headers and keys of every form arrive unchanged', async () => {
  const shapes: Message[] = [
    {
      value: CANARY,
      key: '',
      headers: { empty: '', bytes: Buffer.from([0xff, 0]), many: ['', 'b', Buffer.from('')] },
    },
    { value: CANARY, key: Buffer.from([0xc3, 0x28]), headers: { é: 'ü' } },
    { value: Buffer.alloc(0), key: null, headers: {} },
    { value: null, key: 'tombstone', headers: { h: 'x' } },
    { value: Buffer.from([0xc3]) },
  ]
  const seen = await same(async (side) => {
    await send(side, shapes)
    const consumer = await side.consumer()
    const all: unknown[] = []
    await consumer.subscribe({ topic: side.topics[0], fromBeginning: true })
    await consumer.run({
      eachMessage: ({ topic, partition, message }) => {
        const { key, value, headers } = message
        all.push({ ...delivered(side, topic, partition, message), key, value, headers })
        return Promise.resolve()
      },
    })
    await until('all', () => all.length === shapes.length)
    await consumer.disconnect()
    return all
  })
  expect(seen).toHaveLength(5)
})

it('after seek and pause from outside, before and during a run, delivery continues there', async () => {
  const { seen } = await same(async (side) => {
    await send(side, messages(6))
    const topic = side.topics[0]
    const consumer = await side.consumer()
    const seen: string[] = []
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: ({ message }) => {
        seen.push(message.offset)
        return Promise.resolve()
      },
    })
    consumer.seek({ topic, partition: 0, offset: '4' })
    await until('the end', () => seen.length === 2)
    consumer.pause([{ topic }])
    consumer.seek({ topic, partition: 0, offset: '1' })
    await new Promise((resolve) => setTimeout(resolve, 300))
    seen.push('paused')
    consumer.resume([{ topic }])
    await until('the rest', () => seen.length === 8)
    await consumer.disconnect()
    return { seen, committed: await side.committed() }
  })
  expect(seen).toEqual(['4', '5', 'paused', '1', '2', '3', '4', '5'])
})
