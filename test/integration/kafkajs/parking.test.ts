import type { Consumer, ConsumerRunConfig } from 'kafkajs'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { groupsReady } from '../support/groups.js'
import { nearAndFar, type NearAndFar } from '../support/near-and-far.js'
import { until } from '../support/pair.js'

beforeAll(groupsReady)
const open: NearAndFar[] = []
afterEach(async () => {
  for (const made of open.splice(0)) await made.end()
})

/** A topic, and what its consumers get. */
async function make(partitions = 3) {
  const made = await nearAndFar(partitions)
  open.push(made)
  /** The offsets delivered, by partition. */
  const seen: Record<number, number[]> = {}
  const upsets: string[] = []
  const run = async (config: (note: Note) => ConsumerRunConfig): Promise<Consumer> => {
    const consumer = made.consumer()
    for (const name of [consumer.events.CRASH, consumer.events.REBALANCING, consumer.events.GROUP_JOIN])
      consumer.on(name, () => upsets.push(name))
    await consumer.connect()
    await consumer.subscribe({ topic: made.topic, fromBeginning: true })
    await consumer.run(config((partition, offset) => (seen[partition] ??= []).push(Number(offset))))
    await until('an assignment', () => upsets.length > 0)
    upsets.length = 0
    return consumer
  }
  return { made, ...made, seen, upsets, run }
}

type Note = (partition: number, offset: string) => unknown

const KINDS: Record<string, (note: Note) => ConsumerRunConfig> = {
  eachMessage: (note) => ({
    eachMessage: ({ partition, message }) => Promise.resolve(void note(partition, message.offset)),
  }),
  eachBatch: (note) => ({
    eachBatch: ({ batch }) => {
      for (const { offset } of batch.messages) note(batch.partition, offset)
      return Promise.resolve()
    },
  }),
}
const CASES = Object.keys(KINDS).map((kind) => ({ kind, concurrency: 3 }))

const counting = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('while a partition waits for its KMS', () => {
  it.each(CASES)(
    'while a partition waits for its KMS, $kind with $concurrency at a time gets the records of all others; the group does not rebalance, and nothing is skipped or repeated',
    async ({ kind, concurrency }) => {
      const { made, encryption, send, seen, upsets, run, committed } = await make()
      await send('far', 0, 30)
      made.isAway = true
      await run((note) => ({
        ...KINDS[kind]?.(note),
        partitionsConsumedConcurrently: concurrency,
      }))
      await until('a wait', () => encryption.health().waiting.length > 0)
      const end = Date.now() + 1500
      let sent = 0
      while (Date.now() < end) {
        await send('near', 1, 10)
        await send('near', 2, 10)
        sent += 10
        const started = Date.now()
        await until('the other partitions', () => seen[1]?.length === sent && seen[2]?.length === sent)
        expect(Date.now() - started).toBeLessThan(3000)
      }
      expect(seen[0]).toBeUndefined()
      await send('near', 0, 5)
      made.isAway = false
      await until('the partition that waited', () => seen[0]?.length === 35)
      expect([seen[0], seen[1], seen[2]]).toEqual([counting(35), counting(sent), counting(sent)])
      expect(upsets).toEqual([])
      await until('the commits', async () => {
        const offsets = await committed()
        return offsets[0] === '35' && offsets[1] === String(sent) && offsets[2] === String(sent)
      })
    },
    60_000,
  )

  it('while a partition waits for its KMS in the middle of a batch, the records before it are committed', async () => {
    const { made, encryption, send, seen, run, committed } = await make(1)
    await send('near', 0, 5)
    await send('far', 0, 5)
    made.isAway = true
    await run((note) => ({ ...KINDS['eachMessage']?.(note) }))
    await until('a wait', () => encryption.health().waiting.length > 0)
    await until('the commit', async () => (await committed())[0] === '5')
    expect(seen[0]).toEqual(counting(5))
    made.isAway = false
    await until('the rest', () => seen[0]?.length === 10)
    expect(seen[0]).toEqual(counting(10))
  })

  it('while a partition waits for its KMS, the application pauses its whole topic but for one partition: no other is read, before or after', async () => {
    const { made, topic, encryption, send, seen, run } = await make()
    await send('far', 0, 1)
    made.isAway = true
    const consumer = await run((note) => ({ ...KINDS['eachMessage']?.(note) }))
    consumer.pause([{ topic }])
    consumer.resume([{ topic, partitions: [0] }])
    await until('a wait', () => encryption.health().waiting.length > 0)
    expect(consumer.paused()).toEqual([{ topic, partitions: [1, 2] }])
    await send('near', 1, 1)
    made.isAway = false
    await until('the record', () => seen[0]?.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(seen[1]).toBeUndefined()
    consumer.resume([{ topic }])
    await until('the other partition', () => seen[1]?.length === 1)
  })
})
