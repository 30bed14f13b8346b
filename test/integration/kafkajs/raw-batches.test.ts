import type { ConsumerRunConfig } from 'kafkajs'
import { afterEach, expect, it } from 'vitest'
import type { DecryptRule } from '../../../src/index.js'
import { CANARY } from '../../support/emissions.js'
import { fixture, until, type Fixture } from '../support/pair.js'
import { sealRecords } from '../../../src/record/index.js'

const fixtures: Fixture[] = []

afterEach(async () => {
  await Promise.all(fixtures.splice(0).map((made) => made.end()))
})

const numberOf = (value: Buffer | null): number => Number(value?.toString().split(' ')[1])
const named = (made: Fixture, name: string) => made.events.filter((event) => event.name === name)

/** Five records, some of them invalid, in one batch of the broker and of KafkaJS. */
async function mixed(bad: readonly number[], decrypt: Partial<DecryptRule> = {}): Promise<Fixture> {
  const made = await fixture('raw.batch', { decrypt })
  fixtures.push(made)
  const values = Array.from({ length: 5 }, (_, i) => `${CANARY} ${String(i)}`)
  const sealed = await sealRecords(
    made.encryption,
    values.map((value) => ({ topic: made.topic, value })),
  )
  const messages = values.map((value, i) => ({ value: bad.includes(i) ? value : (sealed[i]?.value ?? null) }))
  await made.plain.send({ topic: made.topic, messages })
  return made
}

/** How a handler resolves its messages. */
const HANDLERS = {
  'nothing by hand': () => [],
  'each message': (offsets: readonly string[]) => offsets,
  'batch.lastOffset()': (_: readonly string[], last: string) => [last],
  'what it was not given': () => ['4'],
} satisfies Record<string, (offsets: readonly string[], last: string) => readonly string[]>

/** The end of the batch according to `batch`, to compare with `seen`. */
const lasts = (seen: readonly number[], last: string, lag: string): string =>
  `${String(seen.length)} until ${last} lag ${lag}`

function collect(
  seen: number[],
  ends: string[],
  resolves: keyof typeof HANDLERS,
  autoResolve: boolean,
): ConsumerRunConfig {
  return {
    eachBatchAutoResolve: autoResolve,
    eachBatch: ({ batch, resolveOffset }) => {
      seen.push(...batch.messages.map(({ value }) => numberOf(value)))
      ends.push(lasts(seen, batch.lastOffset(), batch.offsetLag()))
      const offsets = batch.messages.map(({ offset }) => offset)
      for (const offset of HANDLERS[resolves](offsets, batch.lastOffset())) resolveOffset(offset)
      return Promise.resolve()
    },
  }
}

const BAD = [[0], [2], [4], [1, 3], [0, 1, 2, 3, 4]]
const matrix = BAD.flatMap((bad) =>
  (Object.keys(HANDLERS) as (keyof typeof HANDLERS)[]).flatMap((resolves) =>
    [true, false].map((autoResolve) => ({ bad, resolves, autoResolve })),
  ),
)

it.each(matrix)(
  'under `stop`, with $bad invalid, resolving $resolves, auto-resolve $autoResolve: nothing from the first bad record on is delivered or committed',
  async ({ bad, resolves, autoResolve }) => {
    const made = await mixed(bad)
    const [first = 0] = bad
    const seen: number[] = []
    const ends: string[] = []
    const consumer = await made.consumer()
    await consumer.run(collect(seen, ends, resolves, autoResolve))
    await until('consumer.stopped', () => named(made, 'consumer.stopped').length > 0)
    expect(seen).toEqual([0, 1, 2, 3, 4].slice(0, first))
    // The batch ends before the bad record, also for a handler that asks for its end.
    expect(ends).toEqual(first === 0 ? [] : [lasts(seen, String(first - 1), String(5 - first))])
    expect(named(made, 'consumer.stopped')).toMatchObject([{ code: 'NOT_SEALED', offset: String(first) }])
    const moved = first > 0 && (autoResolve || resolves !== 'nothing by hand')
    const committed = Number(await made.committed())
    if (moved) expect(committed).toBe(first)
    else expect(committed).toBeLessThanOrEqual(0)
  },
)

it.each(matrix)(
  'under `skip`, with $bad invalid, resolving $resolves, auto-resolve $autoResolve: the others are delivered, and the offset moves as far as with plain KafkaJS',
  async ({ bad, resolves, autoResolve }) => {
    const made = await mixed(bad, { onInvalid: 'skip' })
    const seen: number[] = []
    const consumer = await made.consumer()
    await consumer.run(collect(seen, [], resolves, autoResolve))
    const good = [0, 1, 2, 3, 4].filter((n) => !bad.includes(n))
    // A handler that resolves nothing keeps its position and gets the batch again, as with plain KafkaJS.
    if (good.length === 0 || autoResolve || resolves !== 'nothing by hand') {
      await until('the end', async () => (await made.committed()) === '5')
      expect(seen).toEqual(good)
      // Each once: what was skipped is not read again to get past it.
      expect(named(made, 'record.rejected').map((event) => 'offset' in event && event.offset)).toEqual(
        bad.map(String),
      )
    } else {
      await until('the batch again', () => seen.length > good.length)
      expect(seen.slice(0, good.length * 2)).toEqual([...good, ...good])
      await consumer.disconnect()
      expect(Number(await made.committed())).toBeLessThanOrEqual(0)
    }
    expect(named(made, 'consumer.stopped')).toEqual([])
  },
)

it('a handler that throws after it resolved a prefix, before a bad record: the prefix is not delivered again', async () => {
  const made = await mixed([3])
  const seen: number[] = []
  let thrown = false
  const consumer = await made.consumer({ retry: { initialRetryTime: 20 } })
  await consumer.run({
    eachBatch: ({ batch, resolveOffset }) => {
      for (const { value, offset } of batch.messages) {
        if (!thrown && offset === '2') {
          thrown = true
          throw new Error('once')
        }
        seen.push(numberOf(value))
        resolveOffset(offset)
      }
      return Promise.resolve()
    },
  })
  await until('consumer.stopped', () => named(made, 'consumer.stopped').length > 0)
  expect(seen).toEqual([0, 1, 2])
  expect(await made.committed()).toBe('3')
})
