import { until } from '../../integration/support/pair.js'
import { KINDS, type Ability, type ClientUnderTest, type Sent } from '../client-under-test.js'
import type { Law } from '../law.js'
import { deliveries, offsets, onBoth, text, type Stage } from '../stage.js'

/** Records of every shape that all clients can send. */
function shapes(count: number, partition: number, can: (ability: Ability) => boolean): Sent[] {
  return Array.from({ length: count }, (_, n) => ({
    partition,
    key: n % 5 === 4 ? null : n % 7 === 6 ? Buffer.from([0xc3, 0x28, n]) : `key ${String(n % 3)}`,
    value: n % 11 === 10 ? null : n % 13 === 12 && can('empty values') ? '' : text(`${String(n)} é漢🦄`),
    headers:
      n % 2 === 0
        ? {
            one: `h${String(n)}`,
            empty: '',
            é: 'ü',
            ...(can('several values of a header') && { many: ['a', 'b', 'a'] }),
          }
        : {},
  }))
}

const plainly = (count: number, partition = 0, from = 0): Sent[] =>
  Array.from({ length: count }, (_, n) => ({ partition, key: 'k', value: text(from + n) }))

/** Reads until `count` records have arrived, and closes. */
async function readAll(on: Stage, count: number, options: Parameters<Stage['read']>[0] = {}) {
  const { reader, seen } = await on.read(options)
  await until(`${String(count)} records`, () => seen.length >= count)
  await reader.close()
  return { seen: deliveries(on, seen), committed: await on.committed() }
}

/** What an application gets, and what its group has committed, is the same with the plain client and the wrapped one. */
export function deliveryLaws(client: ClientUnderTest, law: Law): void {
  const can = (ability: Ability): boolean => client.cannot[ability] === undefined

  for (const kind of KINDS) {
    const needs = kind === 'batch' ? (['batches'] as const) : []

    law(
      `${kind}: records of every shape arrive as with the plain client`,
      needs,
      async ({ ends, expect }) => {
        const { plain, wrapped } = await onBoth(client, ends, { partitions: 2 }, async (on) => {
          const writer = await on.writer()
          await writer.send({ topic: on.topic, records: shapes(40, 0, can) })
          await writer.send({ topic: on.topic, records: shapes(25, 1, can) })
          return readAll(on, 65, { kind })
        })
        expect(plain.committed).toEqual({ '0/0': '40', '0/1': '25' })
        expect(wrapped).toEqual(plain)
      },
    )

    law(
      `${kind}: a group that comes back goes on where it was, as with the plain client`,
      needs,
      async ({ ends, expect }) => {
        const { plain, wrapped } = await onBoth(client, ends, {}, async (on) => {
          const writer = await on.writer()
          await writer.send({ topic: on.topic, records: plainly(5) })
          const first = await readAll(on, 5, { kind })
          await writer.send({ topic: on.topic, records: plainly(4, 0, 5) })
          return { first, second: await readAll(on, 4, { kind }) }
        })
        expect(plain.second.committed).toEqual({ '0/0': '9' })
        expect(wrapped).toEqual(plain)
      },
    )

    law(
      `${kind}: a handler that fails once gets its records again, as with the plain client`,
      needs,
      async ({ ends, expect }) => {
        const { plain, wrapped } = await onBoth(client, ends, {}, async (on) => {
          await (await on.writer()).send({ topic: on.topic, records: plainly(8) })
          let failed = false
          return readAll(on, 8, {
            kind,
            handle(records) {
              if (failed || !records.some(({ offset }) => offset === '3')) return
              failed = true
              throw new Error('once')
            },
          })
        })
        expect(plain.committed).toEqual({ '0/0': '8' })
        expect(wrapped).toEqual(plain)
      },
    )

    law(
      `${kind}: an application that commits itself commits only what it names`,
      needs,
      async ({ ends, expect }) => {
        const { plain, wrapped } = await onBoth(client, ends, {}, async (on) => {
          await (await on.writer()).send({ topic: on.topic, records: plainly(10) })
          const { reader, seen } = await on.read({ kind, commits: 'never' })
          await until('all', () => seen.length === 10)
          await reader.commit({ topic: on.topic, partition: 0, offset: '6' })
          await reader.close()
          return { committed: await on.committed(), again: await readAll(on, 4, { kind }) }
        })
        expect(plain.committed).toEqual({ '0/0': '6' })
        expect(wrapped).toEqual(plain)
      },
    )

    law(
      `${kind}: several partitions at the same time keep their order, as with the plain client`,
      [...needs, 'concurrency'],
      async ({ ends, expect }) => {
        const { plain, wrapped } = await onBoth(client, ends, { partitions: 3 }, async (on) => {
          const records = [0, 1, 2].flatMap((partition) => plainly(40, partition, partition * 100))
          await (await on.writer()).send({ topic: on.topic, records })
          return readAll(on, 120, { kind, concurrency: 3 })
        })
        expect(plain.committed).toEqual({ '0/0': '40', '0/1': '40', '0/2': '40' })
        expect(wrapped).toEqual(plain)
      },
    )

    law(
      `${kind}: after a seek, delivery goes on there, as with the plain client`,
      [...needs, 'seek'],
      async ({ ends, expect }) => {
        const { plain, wrapped } = await onBoth(client, ends, {}, async (on) => {
          await (await on.writer()).send({ topic: on.topic, records: plainly(6) })
          const { reader, seen } = await on.read({ kind })
          await until('all', () => seen.length === 6)
          reader.seek({ topic: on.topic, partition: 0, offset: '2' })
          await until('the rest', () => seen.length === 10)
          await reader.close()
          return { seen: offsets(seen), committed: await on.committed() }
        })
        expect(plain).toEqual({ seen: [0, 1, 2, 3, 4, 5, 2, 3, 4, 5], committed: { '0/0': '6' } })
        expect(wrapped).toEqual(plain)
      },
    )

    law(
      `${kind}: a partition that the application pauses is not read until it is resumed, as with the plain client`,
      [...needs, 'pause'],
      async ({ ends, expect }) => {
        const { plain, wrapped } = await onBoth(client, ends, { partitions: 2 }, async (on) => {
          const writer = await on.writer()
          await writer.send({ topic: on.topic, records: [...plainly(2), ...plainly(2, 1)] })
          const { reader, seen } = await on.read({ kind })
          await until('all', () => seen.length === 4)
          reader.pause({ topic: on.topic, partition: 0 })
          await new Promise((resolve) => setTimeout(resolve, 300))
          await writer.send({ topic: on.topic, records: [...plainly(2, 0, 2), ...plainly(2, 1, 2)] })
          await until('the other partition', () => offsets(seen, 1).length === 4)
          const paused = offsets(seen)
          reader.resume({ topic: on.topic, partition: 0 })
          await until('the rest', () => seen.length === 8)
          await reader.close()
          return { paused, seen: deliveries(on, seen), committed: await on.committed() }
        })
        expect(plain.paused).toEqual([0, 1])
        expect(wrapped).toEqual(plain)
      },
    )
  }

  law(
    'a send to several topics arrives as with the plain client',
    ['send to several topics'],
    async ({ ends, expect }) => {
      const { plain, wrapped } = await onBoth(client, ends, { topics: 2 }, async (on) => {
        const [a = '', b = ''] = on.topics
        await (
          await on.writer()
        ).send(
          { topic: a, records: plainly(10) },
          { topic: b, records: plainly(7, 0, 10) },
          { topic: a, records: plainly(5, 0, 17) },
        )
        return readAll(on, 22)
      })
      expect(plain.committed).toEqual({ '0/0': '15', '1/0': '7' })
      expect(wrapped).toEqual(plain)
    },
  )

  law(
    'a second reader that joins in the middle: each record arrives, at the offset that the plain client has',
    [],
    async ({ ends, expect }) => {
      const { plain, wrapped } = await onBoth(client, ends, { partitions: 4 }, async (on) => {
        const writer = await on.writer()
        const send = async (from: number): Promise<void> => {
          for (const partition of [0, 1, 2, 3])
            await writer.send({ topic: on.topic, records: plainly(20, partition, from) })
        }
        await send(0)
        const slowly = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))
        const first = await on.read({ handle: slowly })
        await until('a start', () => first.seen.length > 10)
        const second = await on.read({ handle: slowly })
        await send(20)
        const found = (): Map<string, string> =>
          new Map(
            [...first.seen, ...second.seen].map(({ partition, offset, value }) => [
              `${String(partition)} ${offset}`,
              String(value),
            ]),
          )
        await until('all', () => found().size === 160)
        await until('both', async () => {
          await send(20)
          return second.seen.length > 0
        })
        return [...found()].filter(([at]) => Number(at.split(' ')[1]) < 40).sort()
      })
      expect(plain).toHaveLength(160)
      expect(wrapped).toEqual(plain)
    },
  )
}
