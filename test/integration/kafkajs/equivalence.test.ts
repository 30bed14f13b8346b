import type { EachBatchPayload, Message } from 'kafkajs'
import { expect, it } from 'vitest'
import { CANARY } from '../../support/emissions.js'
import { groupsReady } from '../support/groups.js'
import { delivered, onBoth, until, type Delivered, type Side } from '../support/pair.js'

/** Messages of every shape that KafkaJS admits. */
function shapes(count: number, from = 0): Message[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i
    return {
      key: n % 5 === 4 ? null : n % 7 === 6 ? '' : `key-${String(n % 3)}`,
      value: n % 11 === 10 ? null : n % 13 === 12 ? '' : `${CANARY} ${String(n)} é漢🦄`,
      headers: n % 2 === 0 ? { one: `h${String(n)}`, many: ['a', Buffer.from('b'), 'a'] } : {},
    }
  })
}

async function produce(side: Side, count: number): Promise<void> {
  const producer = await side.producer()
  await producer.send({ topic: side.topics[0], messages: shapes(count) })
}

/** Reads with `eachMessage` until `count` messages have arrived. */
async function readAll(side: Side, topics: readonly string[], count: number): Promise<Delivered[]> {
  const consumer = await side.consumer()
  const seen: Delivered[] = []
  await consumer.subscribe({ topics: [...topics], fromBeginning: true })
  await consumer.run({
    eachMessage: ({ topic, partition, message }) => {
      seen.push(delivered(side, topic, partition, message))
      return Promise.resolve()
    },
  })
  await until(`${String(count)} messages`, () => seen.length >= count)
  await consumer.disconnect()
  return seen
}

function expectEqual<T>({ plain, wrapped }: { plain: T; wrapped: T }): void {
  expect(wrapped).toEqual(plain)
}

it('sendBatch over several topics, and with one topic twice, has the same deliveries as plain KafkaJS', async () => {
  expectEqual(
    await onBoth(async (side) => {
      const producer = await side.producer()
      const [a, b] = side.topics
      const metadata = await producer.sendBatch({
        topicMessages: [
          { topic: a, messages: shapes(10) },
          { topic: b, messages: shapes(7, 10) },
          { topic: a, messages: shapes(5, 17) },
        ],
      })
      const seen = await readAll(side, [a, b], 22)
      return {
        // KafkaJS answers in the order in which the cluster names the topics.
        acknowledged: metadata
          .map(({ topicName, ...rest }) => ({ topic: side.topics.indexOf(topicName), ...rest }))
          .sort((x, y) => x.topic - y.topic),
        a: seen.filter(({ topic }) => topic === 0),
        b: seen.filter(({ topic }) => topic === 1),
      }
    }),
  )
})

it('transactions work as with plain KafkaJS: commit shows, abort hides, sendOffsets commits', async () => {
  await groupsReady()
  const result = await onBoth(async (side) => {
    const producer = await side.producer({
      transactionalId: side.group,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    const topic = side.topics[0]
    const first = await producer.transaction()
    await first.send({ topic, messages: shapes(3) })
    await first.sendBatch({ topicMessages: [{ topic, messages: shapes(2, 3) }] })
    const active = first.isActive()
    await first.commit()
    const lost = await producer.transaction()
    await lost.send({ topic, messages: shapes(4, 100) })
    await lost.abort()
    const last = await producer.transaction()
    await last.send({ topic, messages: shapes(2, 5) })
    await last.sendOffsets({
      consumerGroupId: side.group,
      topics: [{ topic: side.topics[1], partitions: [{ partition: 0, offset: '7' }] }],
    })
    await last.commit()
    const ended = await last
      .send({ topic, messages: shapes(1) })
      .catch((error: unknown) => (error as Error).message)
    const seen = await readAll(side, [topic], 7)
    return {
      active,
      ended,
      seen: seen.map(({ offset, value }) => ({ offset, value })),
      committed: await side.committed(),
    }
  })
  expect(result.plain.seen).toHaveLength(7)
  expectEqual(result)
})

/** Runs an `eachBatch` script and records what it saw. */
function batchScript(
  options: { autoResolve?: boolean; autoCommit?: boolean; enough: number },
  handle: (payload: EachBatchPayload, see: (offset: string) => void, round: number) => Promise<void>,
) {
  return async (side: Side): Promise<{ seen: string[]; committed: string[] }> => {
    await produce(side, 30)
    const consumer = await side.consumer({ retry: { initialRetryTime: 20, retries: 8 } })
    const seen: string[] = []
    let round = 0
    await consumer.subscribe({ topic: side.topics[0], fromBeginning: true })
    await consumer.run({
      eachBatchAutoResolve: options.autoResolve ?? true,
      autoCommit: options.autoCommit ?? true,
      eachBatch: async (payload) => {
        const { batch } = payload
        seen.push(
          `batch ${String(round)}: ${String(batch.messages.length)} to ${batch.lastOffset()} lag ${batch.offsetLag()}`,
        )
        await handle(payload, (offset) => seen.push(offset), round++)
      },
    })
    await until('all rounds', () => seen.length >= options.enough)
    await new Promise((resolve) => setTimeout(resolve, 200))
    await consumer.disconnect()
    return { seen, committed: await side.committed() }
  }
}

it('eachBatch with auto-resolve gets whole batches, and an early return resolves them', async () => {
  expectEqual(
    await onBoth(
      batchScript({ enough: 6 }, ({ batch }, see) => {
        for (const { offset } of batch.messages.slice(0, 5)) see(offset)
        return Promise.resolve()
      }),
    ),
  )
})

it('eachBatch without auto-resolve gets unresolved records again', async () => {
  expectEqual(
    await onBoth(
      batchScript(
        { autoResolve: false, enough: 31 },
        async ({ batch, resolveOffset, heartbeat, uncommittedOffsets, commitOffsetsIfNecessary }, see) => {
          for (const { offset } of batch.messages.slice(0, 12)) {
            see(offset)
            resolveOffset(offset)
            await heartbeat()
          }
          see(String(uncommittedOffsets().topics.length))
          await commitOffsetsIfNecessary()
        },
      ),
    ),
  )
})

it('an eachBatch that throws in the middle continues exactly after the resolved records', async () => {
  const result = await onBoth(
    batchScript({ enough: 32 }, ({ batch, resolveOffset }, see, round) => {
      for (const [i, { offset }] of batch.messages.entries()) {
        if (round === 0 && i === 9) throw new Error('in the middle')
        see(offset)
        resolveOffset(offset)
      }
      return Promise.resolve()
    }),
  )
  expect(result.plain.seen[10]).toContain('batch 1: 21')
  expectEqual(result)
})

it('a seek inside eachBatch makes the batch stale, and delivery continues there', async () => {
  expectEqual(
    await onBoth(async (side) => {
      await produce(side, 20)
      const consumer = await side.consumer()
      const seen: string[] = []
      let sought = false
      await consumer.subscribe({ topic: side.topics[0], fromBeginning: true })
      await consumer.run({
        eachBatch: ({ batch: { topic, messages }, isStale, isRunning }) => {
          for (const { offset } of messages) {
            if (isStale()) break
            seen.push(`${offset} ${String(isRunning())}`)
            if (!sought && offset === '5') {
              sought = true
              consumer.seek({ topic, partition: 0, offset: '2' })
            }
          }
          return Promise.resolve()
        },
      })
      await until('the rest', () => seen.length >= 24)
      await consumer.disconnect()
      return { seen, committed: await side.committed() }
    }),
  )
})

it('an eachMessage that sometimes fails, and pause and resume, have the same deliveries as plain KafkaJS', async () => {
  expectEqual(
    await onBoth(async (side) => {
      await produce(side, 12)
      const consumer = await side.consumer({ retry: { initialRetryTime: 20 } })
      const seen: string[] = []
      let failed = false
      let paused = false
      await consumer.subscribe({ topic: side.topics[0], fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ topic, partition, message: { offset, value }, pause, heartbeat }) => {
          seen.push(`${offset} ${value?.toString() ?? 'null'}`)
          await heartbeat()
          if (offset === '3' && !failed) {
            failed = true
            throw new Error('once')
          }
          if (offset === '6' && !paused) {
            paused = true
            const resume = pause()
            seen.push(JSON.stringify(consumer.paused().map(({ partitions }) => partitions)))
            setTimeout(resume, 100)
          }
          if (offset === '9') {
            consumer.pause([{ topic, partitions: [partition] }])
            setTimeout(() => {
              consumer.resume([{ topic, partitions: [partition] }])
            }, 100)
          }
        },
      })
      await until('all', () => seen.filter((line) => line.startsWith('11 ')).length >= 1)
      await consumer.disconnect()
      return { seen, committed: await side.committed() }
    }),
  )
})
