import { EnvelopeError } from '../../../src/index.js'
import { until } from '../../integration/support/pair.js'
import { thrownBy } from '../../support/emissions.js'
import { KINDS, type ClientUnderTest, type Sent } from '../client-under-test.js'
import type { Law } from '../law.js'
import { named, offsets, stage, text, theStop } from '../stage.js'

const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')
const counting = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const records = (count: number): Sent[] => counting(count).map((n) => ({ key: 'k', value: text(n) }))
/** Well below what clients wait by default for anything. */
const SOON_MS = 5000

/** An end at any moment loses nothing, and comes soon. */
export function closingLaws(client: ClientUnderTest, law: Law): void {
  for (const kind of KINDS) {
    const needs = kind === 'batch' ? (['batches'] as const) : []

    law(
      `${kind}: a reader that is closed in the middle of its handler loses nothing: the group goes on with the first record that was not handled`,
      needs,
      async ({ ends, expect }) => {
        const on = await stage(client, ends)
        await on.put(records(10))
        let release = (): void => undefined
        const held = new Promise<void>((resolve) => (release = resolve))
        let busy = false
        const first = await on.read({
          kind,
          async handle() {
            busy = true
            await held
          },
        })
        await until('the handler', () => busy)
        const closed = first.reader.close()
        release()
        await closed
        const committed = Number((await on.committed())['0/0'] ?? 0)
        expect(committed).toBeLessThanOrEqual(first.seen.length)
        const second = await on.read({ kind })
        await until('the commit', async () => (await on.committed())['0/0'] === '10')
        await second.reader.close()
        expect(offsets(second.seen)).toEqual(counting(10).slice(committed))
      },
    )

    law(
      `${kind}: a reader that is closed while it waits for a KMS ends soon; the record that waited is neither delivered nor committed, and the next reader gets it`,
      needs,
      async ({ ends, expect }) => {
        const on = await stage(client, ends)
        await on.put(records(3), 'far')
        on.far.failure = away
        const first = await on.read({ kind })
        await until('a wait', () => named(on, 'consumer.waiting').length > 0)
        const started = performance.now()
        await first.reader.close()
        expect(performance.now() - started).toBeLessThan(SOON_MS)
        expect(on.encryption?.health()).toMatchObject({ status: 'ok', waiting: [], stopped: [] })
        const asked = on.far.calls.length
        on.far.failure = undefined
        expect(Number((await on.committed())['0/0'] ?? 0)).toBe(0)
        const second = await on.read({ kind })
        await until('the commit', async () => (await on.committed())['0/0'] === '3')
        await second.reader.close()
        expect([offsets(first.seen), offsets(second.seen)]).toEqual([[], counting(3)])
        // The first reader has asked no more, and the second once.
        expect(on.far.calls.length - asked).toBe(1)
      },
    )

    law(
      `${kind}: a reader that is closed during a call to the KMS that does not end ends soon, too`,
      needs,
      async ({ ends, expect }) => {
        const on = await stage(client, ends)
        await on.put(records(1), 'far')
        on.far.hold = true
        const { reader, seen } = await on.read({ kind })
        await on.far.waitForHeld()
        const started = performance.now()
        await reader.close()
        expect(performance.now() - started).toBeLessThan(SOON_MS)
        expect(seen).toEqual([])
        expect(Number((await on.committed())['0/0'] ?? 0)).toBe(0)
      },
    )

    law(
      `${kind}: \`encryption.close()\` while a reader waits stops it with ENCRYPTION_CLOSED: it delivers and commits nothing more`,
      needs,
      async ({ ends, expect }) => {
        const on = await stage(client, ends)
        await on.put(records(2))
        await on.put(records(3), 'far')
        on.far.failure = away
        const { reader, seen } = await on.read({ kind })
        await until('a wait', () => named(on, 'consumer.waiting').length > 0)
        await on.encryption?.close()
        expect(await theStop(on)).toMatchObject({ code: 'ENCRYPTION_CLOSED', topic: on.topic })
        expect(on.encryption?.health().status).toBe('closed')
        on.far.failure = undefined
        await new Promise((resolve) => setTimeout(resolve, 300))
        await reader.close()
        expect(offsets(seen)).toEqual([0, 1])
        expect(Number((await on.committed())['0/0'] ?? 0)).toBeLessThanOrEqual(2)
      },
    )
  }

  law(
    'a producer that is closed waits for the sends before it, also for those that still wait for a key',
    [],
    async ({ ends, expect }) => {
      const on = await stage(client, ends)
      const writer = await on.writer()
      on.near.hold = true
      const sent = writer.send({ topic: on.topic, records: records(3) })
      await on.near.waitForHeld()
      const closed = writer.close()
      on.near.hold = false
      for (const call of [...on.near.held]) call.succeed()
      await Promise.all([sent, closed])
      expect(await on.count()).toBe(3)
    },
  )

  law(
    '`encryption.close()` rejects sends that wait for a key, and later ones, with ENCRYPTION_CLOSED; nothing of them is on the broker',
    [],
    async ({ ends, expect }) => {
      const on = await stage(client, ends)
      const writer = await on.writer()
      on.near.hold = true
      const waiting = thrownBy(() => writer.send({ topic: on.topic, records: records(3) }))
      await on.near.waitForHeld()
      await on.encryption?.close()
      expect(await waiting).toMatchObject({ code: 'ENCRYPTION_CLOSED' })
      expect(await thrownBy(() => writer.send({ topic: on.topic, records: records(1) }))).toMatchObject({
        code: 'ENCRYPTION_CLOSED',
      })
      on.near.hold = false
      for (const call of [...on.near.held]) call.succeed()
      await writer.close()
      expect(await on.count()).toBe(0)
    },
  )
}
