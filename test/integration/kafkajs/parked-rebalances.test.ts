import type { Consumer, ConsumerRunConfig } from 'kafkajs'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { groupsReady } from '../support/groups.js'
import { nearAndFar, type NearAndFar } from '../support/near-and-far.js'
import { until } from '../support/pair.js'

beforeAll(groupsReady)
const open: NearAndFar[] = []
afterEach(async () => {
  for (const made of open.splice(0)) await made.end()
})

async function make(partitions: number): Promise<NearAndFar> {
  const made = await nearAndFar(partitions)
  open.push(made)
  return made
}

/** Runs a consumer. KafkaJS gives the first partitions to the consumer whose client id comes first. */
async function start(
  made: NearAndFar,
  clientId: string,
  config: ConsumerRunConfig,
  fromBeginning = true,
): Promise<{ consumer: Consumer; joins: number[][]; fetches: () => number }> {
  const consumer = made.consumer({ clientId })
  const joins: number[][] = []
  let fetches = 0
  consumer.on(consumer.events.FETCH, () => {
    fetches++
  })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) =>
    joins.push([...(memberAssignment[made.topic] ?? [])].sort()),
  )
  await consumer.connect()
  await consumer.subscribe({ topic: made.topic, fromBeginning })
  await consumer.run(config)
  return { consumer, joins, fetches: () => fetches }
}

/** Keeps a handler busy until the group rebalances, which its heartbeat reports. */
async function busyUntilRebalance(heartbeat: () => Promise<void>): Promise<never> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    await heartbeat()
  }
}

it('a partition that was parked, went to another consumer and came back is not read again from where it was parked', async () => {
  const made = await make(2)
  await made.send('near', 0, 5)
  await made.send('far', 0, 5)
  await made.send('near', 1, 1)
  made.isAway = true
  const seen: string[] = []
  let [isBusy, mayBeBusy] = [false, true]
  const a = await start(made, 'z', {
    partitionsConsumedConcurrently: 2,
    eachMessage: async ({ partition, message, heartbeat }) => {
      if (partition === 1 && mayBeBusy) {
        isBusy = true
        await busyUntilRebalance(heartbeat)
      }
      seen.push(`a ${String(partition)}/${message.offset}`)
    },
  })
  await until('a wait beside a busy handler', () => isBusy && made.encryption.health().waiting.length > 0)
  const b = await start(made, 'a', {
    eachMessage: ({ partition, message }) =>
      Promise.resolve(void seen.push(`b ${String(partition)}/${message.offset}`)),
  })
  await until('a rebalance', () => b.joins.length > 0 && a.joins.length > 1)
  mayBeBusy = false
  made.isAway = false
  await until('the commit', async () => (await made.committed())[0] === '10')
  await b.consumer.disconnect()
  await until('another rebalance', () => a.joins.at(-1)?.length === 2)
  await made.send('near', 0, 1)
  await until('the last record', () => seen.includes('a 0/10'))
  expect(seen.filter((one) => one.endsWith('0/5'))).toEqual(['b 0/5'])
}, 60_000)

it('an application that commits itself gets a parked partition from its committed offset again after a rebalance', async () => {
  const made = await make(2)
  await made.send('near', 0, 5)
  await made.send('far', 0, 5)
  await made.send('near', 1, 1)
  made.isAway = true
  // It collects ten records and stores them together. A rebalance discards what it has collected.
  let collected: string[] = []
  const stored: string[] = []
  let [isBusy, mayBeBusy] = [false, true]
  const a = await start(made, 'a', {
    autoCommit: false,
    partitionsConsumedConcurrently: 2,
    eachMessage: async ({ partition, message, heartbeat }) => {
      if (partition === 1) {
        if (!mayBeBusy) return
        isBusy = true
        await busyUntilRebalance(heartbeat)
      }
      collected.push(message.offset)
      if (collected.length === 10) stored.push(...collected.splice(0))
    },
  })
  a.consumer.on(a.consumer.events.GROUP_JOIN, () => {
    collected = []
  })
  await until('a wait beside a busy handler', () => isBusy && made.encryption.health().waiting.length > 0)
  const b = await start(made, 'z', { autoCommit: false, eachMessage: () => Promise.resolve() })
  await until('a rebalance', () => b.joins.length > 0 && a.joins.length > 1)
  mayBeBusy = false
  made.isAway = false
  await until('ten records', () => stored.length === 10)
  expect(stored).toEqual(Array.from({ length: 10 }, (_, i) => String(i)))
}, 60_000)

it.each(['eachMessage', 'eachBatch'] as const)(
  'a group that has committed nothing yet, and starts at the end of its topic, loses no record if it starts again during an outage (%s)',
  async (kind) => {
    const made = await make(1)
    const seen: string[] = []
    const config: ConsumerRunConfig =
      kind === 'eachBatch'
        ? {
            eachBatch: ({ batch }) =>
              Promise.resolve(void seen.push(...batch.messages.map(({ offset }) => offset))),
          }
        : { eachMessage: ({ message }) => Promise.resolve(void seen.push(message.offset)) }
    const first = await start(made, 'a', config, false)
    await until('an assignment', () => first.joins.length > 0)
    const before = first.fetches()
    await until('its position', () => first.fetches() > before + 3)
    made.isAway = true
    await made.send('far', 0, 5)
    await until('a wait', () => made.encryption.health().waiting.length > 0)
    await until('the commit', async () => (await made.committed())[0] === '0')
    await first.consumer.disconnect()
    made.isAway = false
    await start(made, 'b', config, false)
    await until('all records', () => seen.length >= 5)
    expect(seen).toEqual(['0', '1', '2', '3', '4'])
  },
  60_000,
)

it('a topic that is paused as a whole, but for a partition that waits, stays paused for partitions that a rebalance brings', async () => {
  const made = await make(4)
  const seen: string[] = []
  const handler = (name: string): ConsumerRunConfig => ({
    eachMessage: ({ partition }) => Promise.resolve(void seen.push(`${name}${String(partition)}`)),
  })
  const a = await start(made, 'a', handler('a'))
  const b = await start(made, 'z', handler('b'))
  await until('two partitions each', () => a.joins.at(-1)?.length === 2 && b.joins.at(-1)?.length === 2)
  const [mine = -1] = a.joins.at(-1) ?? []
  const [others = -1] = b.joins.at(-1) ?? []
  a.consumer.pause([{ topic: made.topic }])
  a.consumer.resume([{ topic: made.topic, partitions: [mine] }])
  await made.send('far', mine, 1)
  await until('a record', () => seen.includes(`a${String(mine)}`))
  made.encryption.evict('b')
  made.isAway = true
  await made.send('far', mine, 1)
  await until('a wait', () => made.encryption.health().waiting.length > 0)
  made.isAway = false
  await until('the record that waited', () => seen.length === 2)
  await b.consumer.disconnect()
  await until('all partitions', () => a.joins.at(-1)?.length === 4)
  await made.send('near', others, 1)
  await made.send('near', mine, 1)
  await until('a record of the partition that is read', () => seen.length === 3)
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(seen).toEqual(Array(3).fill(`a${String(mine)}`))
}, 60_000)
