import { randomUUID } from 'node:crypto'
import { until } from '../../integration/support/pair.js'
import { headersOf, standingOn } from '../../integration/support/letters.js'
import type { RejectionAnswer } from '../../../src/index.js'
import { createTopic, newTopic } from '../../support/broker.js'
import { KINDS, type ClientUnderTest } from '../client-under-test.js'
import type { Law } from '../law.js'
import { poisoned, POISONS, type Poison } from '../poison.js'
import { named, offsets, stage, text, theStop } from '../stage.js'

const KINDS_OF_POISON = Object.keys(POISONS) as Poison[]

/** Whatever the position and the poison: what does not open is never delivered, and never passed unless the rule says so. */
export function invalidLaws(client: ClientUnderTest, law: Law): void {
  for (const kind of KINDS) {
    const needs = kind === 'batch' ? (['batches'] as const) : []

    for (const [poison, position] of [
      ['forged', 0],
      ['moved', 2],
      ['truncated', 4],
      ['plaintext', 2],
    ] as const) {
      law(
        `${kind}: under \`stop\`, a ${poison} record at offset ${String(position)} of 5 stops its partition there: those before it are delivered and committed, it and those after it are not`,
        needs,
        async ({ ends, expect }) => {
          const on = await stage(client, ends, { raw: true })
          await on.putRaw(await poisoned(on, 5, { [position]: poison }))
          const { reader, seen } = await on.read({ kind })
          expect(await theStop(on)).toMatchObject({ topic: on.topic, partition: 0, offset: String(position) })
          expect(on.encryption?.health()).toMatchObject({
            status: 'failed',
            stopped: [{ topic: on.topic, partition: 0, offset: String(position) }],
          })
          expect(named(on, 'record.rejected').at(-1)).toMatchObject({ action: 'stop', kind: 'invalid' })
          // Time for a client that goes on by mistake.
          await new Promise((resolve) => setTimeout(resolve, 300))
          await reader.close()
          expect(offsets(seen)).toEqual([0, 1, 2, 3, 4].slice(0, position))
          expect(seen.map(({ value }) => String(value))).toEqual([0, 1, 2, 3].slice(0, position).map(text))
          expect((await on.committed())['0/0'] ?? '0').toBe(String(position))
          expect(on.encryption?.health()).toMatchObject({ status: 'ok', stopped: [] })
        },
      )
    }

    for (const poison of KINDS_OF_POISON) {
      law(
        `${kind}: under \`skip\`, a ${poison} record is skipped at the beginning, in the middle and at the end; all others are delivered, and the group is committed past all`,
        needs,
        async ({ ends, expect }) => {
          const on = await stage(client, ends, {
            raw: true,
            partitions: 4,
            decrypt: { onInvalid: 'skip', maxInvalidShare: 1 },
          })
          const bad = [[0], [2], [4], [0, 1, 2, 3, 4]]
          for (const [partition, positions] of bad.entries())
            await on.putRaw(
              await poisoned(on, 5, Object.fromEntries(positions.map((n) => [n, poison])), partition),
            )
          const { reader, seen } = await on.read({ kind })
          await until('all', () => seen.length >= 12 && named(on, 'record.rejected').length >= 8)
          await until('the commits', async () => {
            const found = await on.committed()
            return [0, 1, 2, 3].every((n) => found[`0/${String(n)}`] === '5')
          })
          await reader.close()
          for (const [partition, positions] of bad.entries())
            expect(offsets(seen, partition)).toEqual([0, 1, 2, 3, 4].filter((n) => !positions.includes(n)))
          for (const { offset, value } of seen) expect(String(value)).toBe(text(offset))
          expect(named(on, 'consumer.stopped')).toEqual([])
        },
      )
    }

    law(
      `${kind}: an invalid record becomes a dead letter with its bytes and the reason, before the group is committed past it`,
      needs,
      async ({ ends, expect }) => {
        const dead = await newTopic('raw.laws.dead')
        const on = await stage(client, ends, { raw: true, decrypt: { onInvalid: { deadLetter: dead } } })
        const records = await poisoned(on, 5, { 1: 'forged', 3: 'plaintext' })
        const headers = { z: ['1', Buffer.from([255, 0])], a: '' }
        await on.putRaw(records.map((record) => ({ ...record, headers })))
        const { reader, seen } = await on.read({ kind })
        await until('the commit', async () => (await on.committed())['0/0'] === '5')
        await reader.close()
        expect(offsets(seen)).toEqual([0, 2, 4])
        const letters = await standingOn(dead)
        expect(letters.map(({ key, value }) => ({ key, value }))).toEqual(
          [records[1], records[3]].map((record) => ({
            key: Buffer.from(String(record?.key)),
            value: record?.value,
          })),
        )
        expect(letters[0]?.headers?.['z']).toEqual([Buffer.from('1'), Buffer.from([255, 0])])
        expect(letters.map(headersOf)).toMatchObject(
          (['AUTHENTICATION_FAILED', 'NOT_SEALED'] as const).map((code, i) => ({
            a: [''],
            'kafka-envelope.error': [code],
            'kafka-envelope.topic': [on.topic],
            'kafka-envelope.partition': ['0'],
            'kafka-envelope.offset': [String(2 * i + 1)],
            'kafka-envelope.group': [on.group],
          })),
        )
      },
    )

    law(
      `${kind}: a record waits until its dead-letter topic exists: it is neither lost nor passed meanwhile`,
      needs,
      async ({ ends, expect }) => {
        const dead = `raw.laws.later.${randomUUID().slice(0, 8)}`
        const on = await stage(client, ends, { raw: true, decrypt: { onInvalid: { deadLetter: dead } } })
        await on.putRaw(await poisoned(on, 3, { 1: 'plaintext' }))
        const { reader, seen } = await on.read({ kind })
        await until('a wait', () => named(on, 'consumer.waiting').length > 0)
        expect(on.encryption?.health()).toMatchObject({
          status: 'degraded',
          waiting: [{ offset: '1', deadLetter: { topic: dead, code: 'NOT_SEALED' } }],
        })
        expect(Number((await on.committed())['0/0'] ?? 0)).toBeLessThanOrEqual(1)
        await createTopic(dead)
        await until('the commit', async () => (await on.committed())['0/0'] === '3')
        await reader.close()
        expect(offsets(seen)).toEqual([0, 2])
        expect((await standingOn(dead)).map(({ value }) => String(value))).toEqual([text(1)])
      },
    )

    law(
      `${kind}: a function decides about each record that does not open: it skips, replaces, writes a dead letter, and stops`,
      needs,
      async ({ ends, expect }) => {
        const dead = await newTopic('raw.laws.dead')
        const answers: Readonly<Record<string, RejectionAnswer>> = {
          1: 'skip',
          2: { value: Buffer.from('mended') },
          3: { deadLetter: dead },
          5: { value: null },
        }
        const asked: string[] = []
        const on = await stage(client, ends, {
          raw: true,
          decrypt: {
            onInvalid: ({ offset }, { code }) => (asked.push(`${offset} ${code}`), answers[offset] ?? 'stop'),
            onUnreadable: ({ offset }, { code }) => (
              asked.push(`${offset} ${code}`),
              answers[offset] ?? 'stop'
            ),
          },
        })
        await on.putRaw(
          await poisoned(on, 9, { 1: 'plaintext', 2: 'foreign', 3: 'forged', 5: 'foreign', 7: 'moved' }),
        )
        const { reader, seen } = await on.read({ kind })
        expect(await theStop(on)).toMatchObject({ code: 'AUTHENTICATION_FAILED', offset: '7' })
        await reader.close()
        expect(
          seen.map(({ offset, value, replaced = 'opened' }) => `${offset} ${String(value)} ${replaced}`),
        ).toEqual([
          `0 ${text(0)} opened`,
          '2 mended UNKNOWN_FORMAT',
          `4 ${text(4)} opened`,
          '5 null UNKNOWN_FORMAT',
          `6 ${text(6)} opened`,
        ])
        expect(asked).toEqual([
          '1 NOT_SEALED',
          '2 UNKNOWN_FORMAT',
          '3 AUTHENTICATION_FAILED',
          '5 UNKNOWN_FORMAT',
          '7 AUTHENTICATION_FAILED',
        ])
        expect(await standingOn(dead)).toHaveLength(1)
        expect(await on.committed()).toEqual({ '0/0': '7' })
      },
    )

    law(
      `${kind}: a flood of invalid records beyond \`maxInvalidShare\` stops the consumer, whatever the rule says`,
      needs,
      async ({ ends, expect }) => {
        const on = await stage(client, ends, {
          raw: true,
          decrypt: { onInvalid: 'skip', maxInvalidShare: 0.003 },
        })
        await on.putRaw(await poisoned(on, 8, { 1: 'forged', 3: 'plaintext', 5: 'moved', 6: 'truncated' }))
        const { reader, seen } = await on.read({ kind })
        expect(await theStop(on)).toMatchObject({ code: 'TOO_MANY_BAD_RECORDS', offset: '6' })
        await reader.close()
        expect(offsets(seen)).toEqual([0, 2, 4])
        expect(await on.committed()).toEqual({ '0/0': '6' })
      },
    )
  }
}
