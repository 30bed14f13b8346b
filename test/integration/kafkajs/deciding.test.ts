import { randomBytes } from 'node:crypto'
import type { Consumer, KafkaMessage } from 'kafkajs'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { envelopeOf } from '../../../src/clients/kafkajs/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import type { RejectionAnswer, RejectionHandler } from '../../../src/index.js'
import { sealRecords } from '../../../src/record/index.js'
import { newTopic } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { groupsReady } from '../support/groups.js'
import { lettersOn, named } from '../support/letters.js'
import { fixture, until, type Fixture } from '../support/pair.js'

const made: Fixture[] = []

beforeAll(groupsReady)
afterEach(async () => {
  await Promise.all(made.splice(0).map((each) => each.end()))
})

type Content = 'good' | 'invalid' | 'unreadable'

/** Records numbered from 0, in one batch. */
async function write({ plain, encryption, topic }: Fixture, contents: readonly Content[]): Promise<void> {
  const values = contents.map((_, i) => `${CANARY} ${String(i)}`)
  const sealed = await sealRecords(
    encryption,
    values.map((value) => ({ topic, key: 'k', value })),
  )
  // The envelope of a format that this release does not know.
  const foreign = (value: string): Buffer =>
    Buffer.concat([Buffer.of(0xc3, 1), randomBytes(8), Buffer.from(value)])
  const bytes = {
    good: (i: number) => sealed[i]?.value ?? null,
    invalid: (i: number) => values[i] ?? '',
    unreadable: (i: number) => foreign(values[i] ?? ''),
  }
  await plain.send({
    topic,
    messages: contents.map((content, i) => ({ key: 'k', value: bytes[content](i) })),
  })
}

/** A topic whose rule asks a function about every record that does not open. */
async function deciding(
  answer: (offset: string) => RejectionAnswer,
): Promise<{ on: Fixture; asked: string[] }> {
  const asked: string[] = []
  const decide: RejectionHandler = async ({ offset, value }, { code }) => {
    asked.push(`${offset} ${code} ${String(value?.includes(CANARY))}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
    return answer(offset)
  }
  const on = await fixture('raw.deciding', {
    encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true } },
    decrypt: { onInvalid: decide, onUnreadable: decide },
  })
  made.push(on)
  return { on, asked }
}

interface Seen {
  readonly offset: string
  readonly value: string | null
  readonly key: string | undefined
  readonly replaced: string | undefined
}

const seenOf = (message: KafkaMessage): Seen => ({
  offset: message.offset,
  value: message.value?.toString() ?? null,
  key: message.key?.toString(),
  replaced: envelopeOf(message)?.replaced,
})

async function run(consumer: Consumer, kind: 'eachMessage' | 'eachBatch', seen: Seen[]): Promise<void> {
  await consumer.run(
    kind === 'eachMessage'
      ? { eachMessage: ({ message }) => Promise.resolve(void seen.push(seenOf(message))) }
      : { eachBatch: ({ batch }) => Promise.resolve(void seen.push(...batch.messages.map(seenOf))) },
  )
}

describe.each(['eachMessage', 'eachBatch'] as const)('%s: a function that decides', (kind) => {
  it('a function that decides about each record skips, replaces, writes a dead letter and stops; nothing else is passed or lost', async () => {
    const dead = await newTopic('raw.deciding.dead')
    const answers: Readonly<Record<string, RejectionAnswer>> = {
      1: 'skip',
      2: { value: Buffer.from('mended') },
      3: { deadLetter: dead },
      5: { value: null },
    }
    const { on, asked } = await deciding((offset) => answers[offset] ?? 'stop')
    await write(on, [
      'good',
      'invalid',
      'unreadable',
      'invalid',
      'good',
      'unreadable',
      'good',
      'invalid',
      'good',
    ])
    const seen: Seen[] = []
    await run(await on.consumer({}, { deadLetters: on.plain }), kind, seen)
    await until('the stop', () => on.encryption.health().stopped.length > 0)

    const good = (n: number): Seen => ({
      offset: String(n),
      value: `${CANARY} ${String(n)}`,
      key: 'k',
      replaced: undefined,
    })
    expect(seen).toEqual([
      good(0),
      { offset: '2', value: 'mended', key: 'k', replaced: 'UNKNOWN_FORMAT' },
      good(4),
      { offset: '5', value: null, key: 'k', replaced: 'UNKNOWN_FORMAT' },
      good(6),
    ])
    expect(asked).toEqual([
      '1 NOT_SEALED true',
      '2 UNKNOWN_FORMAT true',
      '3 NOT_SEALED true',
      '5 UNKNOWN_FORMAT true',
      '7 NOT_SEALED true',
    ])
    expect(await lettersOn(dead)).toEqual([3])
    expect(named(on, 'record.rejected').map(({ offset, action }) => [offset, action])).toEqual([
      ['1', 'skip'],
      ['2', 'replace'],
      ['3', 'deadLetter'],
      ['5', 'replace'],
      ['7', 'stop'],
    ])
    expect(on.encryption.health().stopped).toMatchObject([{ partition: 0, offset: '7', code: 'NOT_SEALED' }])
    expect(await on.committed()).toBe('7')
  })

  it('a function that decides is not asked about a record that waits for its KMS, and cannot pass it', async () => {
    const { on, asked } = await deciding(() => 'skip')
    await write(on, ['invalid', 'good', 'invalid', 'good'])
    on.encryption.evict('cmk')
    on.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'down')
    const seen: Seen[] = []
    await run(await on.consumer(), kind, seen)
    await until('the wait', () => on.encryption.health().waiting.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    // Only about the record before it, if at all.
    expect(asked.filter((one) => one !== '0 NOT_SEALED true')).toEqual([])
    expect(seen).toEqual([])
    expect(Number(await on.committed())).toBeLessThanOrEqual(1)

    on.kms.failure = undefined
    await until('delivery', async () => (await on.committed()) === '4')
    expect(seen.map(({ offset }) => offset)).toEqual(['1', '3'])
    expect(new Set(asked)).toEqual(new Set(['0 NOT_SEALED true', '2 NOT_SEALED true']))
  })
})
