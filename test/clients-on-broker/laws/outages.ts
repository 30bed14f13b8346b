import { EnvelopeError } from '../../../src/index.js'
import { until } from '../../integration/support/pair.js'
import { KINDS, type ClientUnderTest, type Sent } from '../client-under-test.js'
import type { Law } from '../law.js'
import { named, offsets, stage, text, theStop } from '../stage.js'

const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')
const denied = new EnvelopeError('KMS_DENIED', 'no')
const counting = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const records = (count: number, partition = 0): Sent[] =>
  counting(count).map((n) => ({ partition, key: 'k', value: text(n) }))

/** What a KMS that fails does to readers: they wait or stop, and lose nothing. */
export function outageLaws(client: ClientUnderTest, law: Law): void {
  for (const kind of KINDS) {
    const needs = kind === 'batch' ? (['batches'] as const) : []

    law(
      `${kind}: while its KMS is away a record waits; it and those after it are neither delivered nor committed, and then each arrives once, in order`,
      needs,
      async ({ ends, expect }) => {
        const on = await stage(client, ends)
        await on.put(records(3))
        await on.put(records(4), 'far')
        await on.put(records(2))
        on.far.failure = away
        const { reader, seen } = await on.read({ kind })
        await until('a wait', () => named(on, 'consumer.waiting').length > 1)
        expect(on.encryption?.health()).toMatchObject({
          status: 'degraded',
          waiting: [{ topic: on.topic, partition: 0, offset: '3', code: 'KMS_UNAVAILABLE' }],
        })
        expect(offsets(seen)).toEqual([0, 1, 2])
        expect(Number((await on.committed())['0/0'] ?? 0)).toBeLessThanOrEqual(3)
        on.far.failure = undefined
        await until('the commit', async () => (await on.committed())['0/0'] === '9')
        await reader.close()
        expect(offsets(seen)).toEqual(counting(9))
        expect(seen.map(({ value }) => String(value))).toEqual([0, 1, 2, 0, 1, 2, 3, 0, 1].map(text))
        expect(named(on, 'record.rejected')).toEqual([])
        expect(on.encryption?.health().waiting).toEqual([])
      },
    )

    law(
      `${kind}: while a partition waits for its KMS, the others go on`,
      [...needs, 'other partitions'],
      async ({ ends, expect }) => {
        const on = await stage(client, ends, { partitions: 3 })
        await on.put(records(5), 'far')
        on.far.failure = away
        const { reader, seen } = await on.read({ kind })
        await until('a wait', () => named(on, 'consumer.waiting').length > 0)
        for (const count of [5, 10]) {
          await on.put([...records(5, 1), ...records(5, 2)])
          await until('the others', () => [1, 2].every((n) => offsets(seen, n).length === count))
        }
        expect(offsets(seen)).toEqual([])
        on.far.failure = undefined
        await until('the commits', async () => {
          const found = await on.committed()
          return found['0/0'] === '5' && found['0/1'] === '10' && found['0/2'] === '10'
        })
        await reader.close()
        for (const [partition, count] of [5, 10, 10].entries())
          expect(offsets(seen, partition)).toEqual(counting(count))
      },
    )

    law(
      `${kind}: a record that the KMS denies stops its partition there; once the cause is removed, the reader goes on with that record`,
      needs,
      async ({ ends, expect }) => {
        const on = await stage(client, ends, { decrypt: { onInvalid: 'skip' } })
        await on.put(records(2))
        await on.put(records(3), 'far')
        on.far.failure = denied
        const { reader, seen } = await on.read({ kind })
        expect(await theStop(on)).toMatchObject({ code: 'KMS_DENIED', topic: on.topic, offset: '2' })
        expect(named(on, 'record.rejected').at(-1)).toMatchObject({ kind: 'unreadable', action: 'stop' })
        expect(on.encryption?.health()).toMatchObject({ status: 'failed', stopped: [{ offset: '2' }] })
        expect(offsets(seen)).toEqual([0, 1])
        expect(Number((await on.committed())['0/0'] ?? 0)).toBeLessThanOrEqual(2)
        on.far.failure = undefined
        await reader.again({ topic: on.topic, partition: 0 })
        await until('the commit', async () => (await on.committed())['0/0'] === '5')
        await reader.close()
        expect(offsets(seen)).toEqual(counting(5))
        expect(on.encryption?.health()).toMatchObject({ status: 'ok', stopped: [] })
      },
    )
  }

  law(
    'a second reader that joins while partitions wait for a KMS: each record arrives, in order, and nothing is passed',
    [],
    async ({ ends, expect }) => {
      const on = await stage(client, ends, { partitions: 4 })
      for (const partition of [0, 1, 2, 3]) await on.put(records(10, partition), 'far')
      on.far.failure = away
      const first = await on.read()
      await until('a wait', () => named(on, 'consumer.waiting').length > 0)
      const second = await on.read()
      await until('both', async () => (await on.members()) === 2)
      expect(await on.committed()).not.toMatchObject({ '0/0': '1' })
      on.far.failure = undefined
      await until('the commits', async () => {
        const found = Object.values(await on.committed())
        return found.length === 4 && found.every((offset) => offset === '10')
      })
      await Promise.all([first.reader.close(), second.reader.close()])
      for (const partition of [0, 1, 2, 3]) {
        const [one, other] = [offsets(first.seen, partition), offsets(second.seen, partition)]
        // Who has a partition changes only between records, and no record is skipped.
        expect(one).toEqual([...one].sort((a, b) => a - b))
        expect(other).toEqual([...other].sort((a, b) => a - b))
        expect(new Set([...one, ...other])).toEqual(new Set(counting(10)))
      }
      expect(named(on, 'consumer.stopped')).toEqual([])
    },
  )
}
