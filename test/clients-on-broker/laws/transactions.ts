import { EnvelopeError } from '../../../src/index.js'
import { until } from '../../integration/support/pair.js'
import { thrownBy } from '../../support/emissions.js'
import type { ClientUnderTest, Sent } from '../client-under-test.js'
import type { Law } from '../law.js'
import { deliveries, onBoth, stage, text } from '../stage.js'

const records = (count: number, from = 0): Sent[] =>
  Array.from({ length: count }, (_, n) => ({ partition: 0, key: 'k', value: text(from + n) }))

/** Exactly once, as far as the client has it. */
export function transactionLaws(client: ClientUnderTest, law: Law): void {
  law(
    'a transaction that commits shows its records, one that aborts hides them, as with the plain client',
    [],
    async ({ ends, expect }) => {
      const { plain, wrapped } = await onBoth(client, ends, {}, async (on) => {
        const writer = await on.writer(on.topic)
        const first = await writer.transaction()
        await first.send({ topic: on.topic, records: records(3) })
        await first.send({ topic: on.topic, records: records(2, 3) })
        await first.commit()
        const lost = await writer.transaction()
        await lost.send({ topic: on.topic, records: records(4, 100) })
        await lost.abort()
        const last = await writer.transaction()
        await last.send({ topic: on.topic, records: records(2, 5) })
        await last.commit()
        const { reader, seen } = await on.read()
        await until('all', () => seen.length >= 7)
        await reader.close()
        return seen.map(({ offset, value }) => `${offset} ${String(value)}`)
      })
      // The ends of transactions have offsets, too.
      expect(plain).toEqual([0, 1, 2, 3, 4, 11, 12].map((offset, n) => `${String(offset)} ${text(n)}`))
      expect(wrapped).toEqual(plain)
    },
  )

  law(
    'what a transaction reads, writes and commits is there once, as with the plain client: an abort leaves neither records nor offsets',
    [],
    async ({ ends, expect }) => {
      const { plain, wrapped } = await onBoth(client, ends, { topics: 2 }, async (on) => {
        const [from = '', to = ''] = on.topics
        await (await on.writer()).send({ topic: from, records: records(6) })
        const writer = await on.writer(on.topic)
        const { reader, seen } = await on.read({ topics: [from], commits: 'never' })
        await until('all', () => seen.length === 6)
        const [third, last] = [seen.slice(2, 3), seen.slice(5)]
        const answers = (some: typeof seen): Sent[] =>
          some.map(({ key, value }) => ({ partition: 0, key, value: `${String(value)} done` }))
        const first = await writer.transaction()
        await first.send({ topic: to, records: answers(seen.slice(0, 3)) })
        await first.sendOffsets(reader, third)
        await first.commit()
        const afterCommit = await on.committed()
        const lost = await writer.transaction()
        await lost.send({ topic: to, records: answers(seen.slice(3)) })
        await lost.sendOffsets(reader, last)
        await lost.abort()
        const afterAbort = await on.committed()
        await reader.close()
        const done = await on.read({ topics: [to], group: `${on.group}.done` })
        await until('the answers', () => done.seen.length >= 3)
        await done.reader.close()
        return { afterCommit, afterAbort, done: deliveries(on, done.seen) }
      })
      expect(plain).toMatchObject({ afterCommit: { '0/0': '3' }, afterAbort: { '0/0': '3' } })
      expect(wrapped).toEqual(plain)
    },
  )

  law(
    'a send of a transaction that loses its KMS in its middle writes nothing, and the transaction can be aborted',
    [],
    async ({ ends, expect }) => {
      const on = await stage(client, ends, {
        encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true } },
      })
      const writer = await on.writer(on.topic)
      const transaction = await writer.transaction()
      await transaction.send({ topic: on.topic, records: records(1, 100) })
      on.near.failure = new EnvelopeError('KMS_UNAVAILABLE', 'away')
      expect(
        await thrownBy(() => transaction.send({ topic: on.topic, records: records(5, 101) })),
      ).toMatchObject({ code: 'KMS_UNAVAILABLE' })
      await transaction.abort()
      on.near.failure = undefined
      const next = await writer.transaction()
      await next.send({ topic: on.topic, records: records(2) })
      await next.commit()
      const { reader, seen } = await on.read()
      await until('the records', () => seen.length === 2)
      await reader.close()
      // Before them are the first send, and the end of its transaction.
      expect(seen.map(({ offset, value }) => `${offset} ${String(value)}`)).toEqual([
        `2 ${text(0)}`,
        `3 ${text(1)}`,
      ])
    },
  )
}
