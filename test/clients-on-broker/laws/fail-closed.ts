import { headersOf, standingOn } from '../../integration/support/letters.js'
import { until } from '../../integration/support/pair.js'
import { EnvelopeError } from '../../../src/index.js'
import { newTopic } from '../../support/broker.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import type { ClientUnderTest, Sent } from '../client-under-test.js'
import type { Law } from '../law.js'
import { named, stage, text } from '../stage.js'

const records = (count: number): Sent[] =>
  Array.from({ length: count }, (_, n) => ({ key: 'k', value: text(n), headers: { a: 'b' } }))

/** No way around a rule, and no plaintext on the broker unless a rule says so. */
export function failClosedLaws(client: ClientUnderTest, law: Law): void {
  law(
    'nothing that a wrapped producer sends is on the broker in the clear, in whatever way it sends',
    [],
    async ({ ends, expect }) => {
      const on = await stage(client, ends, { topics: 2 })
      const [a = '', b = ''] = on.topics
      const writer = await on.writer()
      await writer.send({ topic: a, records: records(3) })
      await writer.send({ topic: a, records: [{ value: Buffer.from(text('bytes')) }] })
      await writer.send({ topic: b, records: records(2) })
      const transactional = await on.writer(on.topic)
      const transaction = await transactional.transaction()
      await transaction.send({ topic: a, records: records(2) })
      await transaction.commit()
      const standing = [...(await standingOn(a, 6)), ...(await standingOn(b, 2))]
      expect(standing).toHaveLength(8)
      for (const record of standing) {
        expect(record.value?.subarray(0, 2)).toEqual(Buffer.of(0xc3, 1))
        expect(record.value?.includes(CANARY)).toBe(false)
      }
      expect(standing[0]?.key).toEqual(Buffer.from('k'))
      expect(headersOf(standing[0] ?? {})).toEqual({ a: ['b'] })
    },
  )

  law('a send leaves the objects of its caller as they were', [], async ({ ends, expect }) => {
    const on = await stage(client, ends)
    const writer = await on.writer()
    const make = (): object[] =>
      [
        { key: 'k', value: text(1), headers: { a: 'b' } },
        { key: Buffer.from('k'), value: Buffer.from(text(2)), headers: { a: Buffer.from('b') } },
        { value: null },
      ].map((record) => client.native(on.topic, record))
    const [mine, before] = [make(), make()]
    const sent = writer.sendNative(on.topic, mine)
    expect(mine).toEqual(before)
    await sent
    expect(mine).toEqual(before)
    expect(await on.count()).toBe(3)
  })

  law(
    'what a caller changes after it has called a send does not change what is sent',
    [],
    async ({ ends, expect }) => {
      const on = await stage(client, ends)
      const writer = await on.writer()
      on.near.hold = true
      const [key, value, header] = [Buffer.from('k'), Buffer.from(text(1)), Buffer.from('b')]
      const mine = [client.native(on.topic, { key, value, headers: { a: header } })]
      const sent = writer.sendNative(on.topic, mine)
      for (const bytes of [key, value, header]) bytes.fill(0)
      for (const member of Object.keys(mine[0] ?? {})) Reflect.deleteProperty(mine[0] ?? {}, member)
      mine.length = 0
      await on.near.waitForHeld()
      on.near.hold = false
      for (const call of [...on.near.held]) call.succeed()
      await sent
      const { reader, seen } = await on.read()
      await until('the record', () => seen.length === 1)
      await reader.close()
      expect(seen).toMatchObject([
        { key: Buffer.from('k'), value: Buffer.from(text(1)), headers: { a: ['b'] } },
      ])
    },
  )

  law(
    'nothing is sent to a topic that no rule matches, or while the KMS fails, and the error has the code',
    [],
    async ({ ends, expect }) => {
      const on = await stage(client, ends)
      const stranger = await newTopic('raw.laws.stranger')
      const writer = await on.writer()
      const codeOf = (topic: string): Promise<unknown> =>
        thrownBy(() => writer.send({ topic, records: records(1) }))
      expect(await codeOf(stranger)).toMatchObject({ code: 'TOPIC_NOT_CONFIGURED' })
      for (const code of ['KMS_UNAVAILABLE', 'KMS_DENIED', 'CMK_DISABLED'] as const) {
        on.near.failure = new EnvelopeError(code, 'no')
        expect(await codeOf(on.topic)).toMatchObject({ code })
      }
      on.near.failure = new Error(`a bug that quotes ${CANARY}`)
      expect(await codeOf(on.topic)).toMatchObject({ code: 'KMS_UNAVAILABLE' })
      expect([await on.count(), await on.count(stranger)]).toEqual([0, 0])
    },
  )

  law(
    'an empty key or bound header, as text or as bytes, is on the broker as it was sealed, so that the record opens',
    [],
    async ({ ends, expect }) => {
      const on = await stage(client, ends, {
        encrypt: { bindHeaders: ['h'] },
        decrypt: { require: { bindHeaders: ['h'] } },
      })
      const writer = await on.writer()
      const empty = ['', Buffer.alloc(0)]
      const sent = empty.map((one, n): Sent => ({ key: one, value: text(n), headers: { h: one } }))
      await writer.send({ topic: on.topic, records: sent })
      const { reader, seen } = await on.read()
      await until('the records', () => seen.length === 2 || named(on, 'consumer.stopped').length > 0)
      await reader.close()
      expect(seen.map(({ key, value }) => [key, String(value)])).toEqual([
        [Buffer.alloc(0), text(0)],
        [Buffer.alloc(0), text(1)],
      ])
    },
  )

  law('a topic that no rule matches cannot be read', [], async ({ ends, expect }) => {
    const on = await stage(client, ends)
    const stranger = await newTopic('raw.laws.stranger')
    await on.putRaw(records(1), stranger)
    expect(await thrownBy(() => on.read({ topics: [stranger] }))).toMatchObject({
      code: 'TOPIC_NOT_CONFIGURED',
    })
  })

  law(
    'a topic whose rule says `passthrough` is written and read as it is; the sealed one beside it is not',
    [],
    async ({ ends, expect }) => {
      const open = await newTopic('raw.laws.open')
      const on = await stage(client, ends, { rules: [{ match: [open], passthrough: true }] })
      const writer = await on.writer()
      await writer.send({ topic: open, records: records(2) })
      await writer.send({ topic: on.topic, records: records(2) })
      await on.putRaw([{ key: 'k', value: text('elsewhere') }], open)
      expect((await standingOn(open)).map(({ value }) => String(value))).toEqual(
        [0, 1, 'elsewhere'].map(text),
      )
      expect((await standingOn(on.topic)).filter(({ value }) => value?.includes(CANARY))).toEqual([])
      const { reader, seen } = await on.read({ topics: [on.topic, open] })
      await until('all', () => seen.length === 5)
      await reader.close()
      expect(seen.filter(({ topic }) => topic === open).map(({ value }) => String(value))).toEqual(
        [0, 1, 'elsewhere'].map(text),
      )
      expect(seen.filter(({ topic }) => topic === on.topic).map(({ value }) => String(value))).toEqual(
        [0, 1].map(text),
      )
      expect(named(on, 'record.rejected')).toEqual([])
    },
  )
}
