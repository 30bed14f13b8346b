import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, expectTypeOf, it, vi } from 'vitest'
import type { DecryptRule, RejectionAnswer, RejectionHandler, SealedMessage } from '../../../src/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption, type SeenEvent } from '../../support/encryption.js'
import { envelopeOf } from '../../../src/clients/kafkajs/index.js'
import { consume, message } from './consuming.js'
import { sealRecords } from '../../../src/record/index.js'

const PLAINTEXT = Buffer.from('not sealed')
const foreign = (): Buffer => Buffer.concat([Buffer.of(0xc3, 1), randomBytes(8)])

/** A wrapped consumer under a rule, a record that it opens, and the results of the batches that it was given. */
async function consuming(
  decrypt: Omit<DecryptRule, 'cmk'>,
  handle?: () => Promise<void>,
  takesDeadLetters?: boolean,
): Promise<Awaited<ReturnType<typeof consume>> & { good: Buffer; events: SeenEvent[] }> {
  const { encryption, events } = await memoryEncryption([
    { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', ...decrypt } },
  ])
  const [sealed] = await sealRecords(encryption, [{ topic: 't', value: CANARY }])
  return { ...(await consume(encryption, handle, takesDeadLetters)), good: sealed?.value as Buffer, events }
}

describe('an unreadable record', () => {
  it('an unreadable record stops the consumer by default, even if invalid records are skipped', async () => {
    const { batch, good, delivered } = await consuming({ onInvalid: 'skip' })
    const error = await thrownBy(() => batch([message(good, 0), message(foreign(), 1), message(good, 2)]))
    expect(error).toMatchObject({ code: 'UNKNOWN_FORMAT', retriable: false, position: { offset: '1' } })
    expect(delivered).toEqual(['0'])
  })

  it('an unreadable record goes to its dead-letter topic if the rule names one, and the consumer goes on', async () => {
    const { batch, good, delivered, letters, events } = await consuming({
      onInvalid: { deadLetter: 'invalid' },
      onUnreadable: { deadLetter: 'unreadable' },
    })
    const values = [foreign(), PLAINTEXT, good, foreign()]
    await batch(values.map(message))
    expect(delivered).toEqual(['2'])
    expect(letters).toEqual([
      { topic: 'unreadable', offset: '0' },
      { topic: 'invalid', offset: '1' },
      { topic: 'unreadable', offset: '3' },
    ])
    expect(events.filter(({ name }) => name === 'record.rejected')).toMatchObject([
      { kind: 'unreadable', action: 'deadLetter', offset: '0' },
      { kind: 'invalid', action: 'deadLetter', offset: '1' },
      { kind: 'unreadable', action: 'deadLetter', offset: '3' },
    ])
  })
})

describe('the share of rejected records', () => {
  it('the share of rejected records counts unreadable records too: a flood of them stops a consumer that writes them to dead letters', async () => {
    const { batch, letters } = await consuming({ onUnreadable: { deadLetter: 'dead' } })
    const flood = Array.from({ length: 501 }, (_, i) => message(foreign(), i))
    expect(await thrownBy(() => batch(flood))).toMatchObject({
      code: 'TOO_MANY_BAD_RECORDS',
      retriable: false,
      position: { offset: '500' },
    })
    expect(letters).toHaveLength(500)
  })

  it('the share of rejected records does not grow while a handler fails over and over on the same batch', async () => {
    let away = false
    const { batch, good } = await consuming({ onInvalid: 'skip' }, () =>
      away ? Promise.reject(new Error('database is away')) : Promise.resolve(),
    )
    await batch(Array.from({ length: 900 }, (_, i) => message(good, i)))
    away = true
    const failing = [message(PLAINTEXT, 900), message(PLAINTEXT, 901), message(good, 902)]
    for (let redelivery = 0; redelivery < 600; redelivery++) {
      expect(await thrownBy(() => batch(failing))).toMatchObject({ message: 'database is away' })
    }
  })

  it('the share of rejected records is one of all records: those of a batch that opens count too', async () => {
    const { batch, good } = await consuming({ onInvalid: 'skip', maxInvalidShare: 0.001 })
    await batch([message(PLAINTEXT, 0)])
    await batch(Array.from({ length: 1000 }, (_, i) => message(good, i + 1)))
    await batch([message(PLAINTEXT, 1001)])
    expect(await thrownBy(() => batch([message(PLAINTEXT, 1002)]))).toMatchObject({
      code: 'TOO_MANY_BAD_RECORDS',
    })
  })

  it('the share of rejected records counts the records of each partition', async () => {
    const { batch } = await consuming({ onInvalid: 'skip', maxInvalidShare: 0.002 })
    await batch([message(PLAINTEXT, 7)], 0)
    await batch([message(PLAINTEXT, 7)], 1)
    expect(await thrownBy(() => batch([message(PLAINTEXT, 7)], 2))).toMatchObject({
      code: 'TOO_MANY_BAD_RECORDS',
    })
  })
})

describe('a handler', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('a handler decides about each record: skip, a dead letter on a topic of its choice, another value, or stop', async () => {
    const answers: Record<string, RejectionAnswer> = {
      0: 'skip',
      1: { deadLetter: 'mine' },
      3: { value: Buffer.from('mended') },
      4: { value: null },
      5: 'stop',
    }
    const asked: string[] = []
    const decide: RejectionHandler = ({ offset }, { code }) => {
      asked.push(`${offset} ${code}`)
      return answers[offset] ?? 'stop'
    }
    const { batch, good, messages, letters, events } = await consuming({
      onInvalid: decide,
      onUnreadable: async (record, error) => Promise.resolve(decide(record, error)),
    })
    const values = [PLAINTEXT, foreign(), good, foreign(), PLAINTEXT, foreign(), PLAINTEXT]
    expect(await thrownBy(() => batch(values.map(message)))).toMatchObject({
      code: 'UNKNOWN_FORMAT',
      position: { offset: '5' },
    })
    expect(asked).toEqual([
      '0 NOT_SEALED',
      '1 UNKNOWN_FORMAT',
      '3 UNKNOWN_FORMAT',
      '4 NOT_SEALED',
      '5 UNKNOWN_FORMAT',
    ])
    expect(messages.map(({ offset, value }) => [offset, value?.toString()])).toEqual([
      ['2', CANARY],
      ['3', 'mended'],
      ['4', undefined],
    ])
    expect(messages.map((one) => envelopeOf(one)?.replaced)).toEqual([
      undefined,
      'UNKNOWN_FORMAT',
      'NOT_SEALED',
    ])
    expect(messages[0] && envelopeOf(messages[0])).toMatchObject({ cmkId: 'cmk' })
    expect(letters).toEqual([{ topic: 'mine', offset: '1' }])
    expect(
      events.flatMap((event) =>
        event.name === 'record.rejected' ? [`${event.offset ?? ''} ${event.action}`] : [],
      ),
    ).toEqual(['0 skip', '1 deadLetter', '3 replace', '4 replace', '5 stop'])
    expect(events.filter(({ name }) => name === 'batch.opened')).toMatchObject([{ messages: 1 }])
  })

  it('a handler gets the record as stored on the broker, and the error', async () => {
    const given: [SealedMessage, string][] = []
    const { batch } = await consuming({
      onInvalid: (record, { code }) => {
        given.push([record, code])
        return 'skip'
      },
    })
    const [key, value, headers] = [Buffer.from('k'), PLAINTEXT, { h: [Buffer.from('1')] }]
    await batch([{ key, value, headers, offset: '7', timestamp: '0', attributes: 0 }], 3)
    expect(given).toEqual([
      [{ topic: 't', partition: 3, offset: '7', timestamp: '0', key, value, headers }, 'NOT_SEALED'],
    ])
  })

  it('a handler may change the record that it gets: the dead letter still has the original bytes', async () => {
    const { batch, published } = await consuming({
      onInvalid: ({ key, value, headers }) => {
        const many = headers['many'] as Buffer[]
        for (const bytes of [key, value, headers['one'] as Buffer, ...many]) bytes?.fill(0)
        many.pop()
        return { deadLetter: 'mine' }
      },
    })
    const headers = { one: Buffer.from('1'), many: [Buffer.from('2'), Buffer.from('3')], text: 'x' }
    const [key, value] = [Buffer.from('key'), Buffer.from('value')]
    await batch([{ key, value, headers, offset: '7', timestamp: '0', attributes: 0 }])
    expect(published).toMatchObject([
      {
        key: Buffer.from('key'),
        value: Buffer.from('value'),
        headers: { one: [Buffer.from('1')], many: [Buffer.from('2'), Buffer.from('3')] },
      },
    ])
  })

  it.each<[string, () => unknown]>([
    [
      'threw TypeError',
      () => {
        throw new TypeError(CANARY)
      },
    ],
    ['threw an object', () => Promise.reject(Object.assign(new Error(CANARY), { name: undefined }))],
    [
      'threw EnvelopeError',
      () => Promise.reject(Object.assign(new Error(CANARY), { name: 'EnvelopeError' })),
    ],
    ['threw null', () => Promise.reject(JSON.parse('null') as Error)],
    ['returned undefined', () => undefined],
    ['returned null', () => null],
    ['returned another text', () => 'retry'],
    ['returned an object', () => ({})],
    ['returned an object', () => ({ value: CANARY })],
    ['returned an object', () => ({ deadLetter: 7 })],
    ['returned an object', () => ({ value: null, deadLetter: 'mine' })],
    ['returned an object', () => Object.create({ value: null }) as unknown],
    ['returned a list', () => ['skip']],
    ['returned a dead-letter topic that is not a topic name', () => ({ deadLetter: 'a b' })],
    ['returned topic t, which the same rule reads', () => ({ deadLetter: 't' })],
  ])(
    'a handler that %s stops the consumer with an error that says so and quotes nothing (%#)',
    async (what, handler) => {
      const { batch, good, delivered, letters } = await consuming({ onInvalid: handler as RejectionHandler })
      const error = await thrownBy(() => batch([message(good, 0), message(PLAINTEXT, 1), message(good, 2)]))
      expect(error).toMatchObject({
        code: 'REJECTION_HANDLER_FAILED',
        retriable: false,
        position: { topic: 't', partition: 0, offset: '1' },
      })
      expect(String(error)).toContain(`the handler for a record with NOT_SEALED ${what}`)
      expect(String(error)).not.toContain(CANARY)
      expect([delivered, letters]).toEqual([['0'], []])
    },
  )

  it('a handler that asks for a dead letter stops a consumer that was made without a producer for them', async () => {
    const { batch } = await consuming({ onInvalid: () => ({ deadLetter: 'mine' }) }, undefined, false)
    const error = await thrownBy(() => batch([message(PLAINTEXT, 0)]))
    expect(error).toMatchObject({ code: 'REJECTION_HANDLER_FAILED' })
    expect(String(error)).toContain('the consumer was created without `deadLetters`')
  })

  it('a handler that takes long does not cost the consumer its membership, because heartbeats continue', async () => {
    vi.useFakeTimers()
    let answer: (answer: RejectionAnswer) => void = () => undefined
    const { batch, heartbeats, good, delivered } = await consuming({
      onInvalid: () => new Promise((resolve) => (answer = resolve)),
    })
    const done = batch([message(PLAINTEXT, 0), message(good, 1)])
    await vi.advanceTimersByTimeAsync(30_000)
    expect(heartbeats()).toBeGreaterThan(25)
    answer('skip')
    await done
    expect(delivered).toEqual(['1'])
  })

  it('a handler is not asked once the share is exceeded: the consumer stops, whatever it would answer', async () => {
    const asked: string[] = []
    const { batch } = await consuming({
      maxInvalidShare: 0.002,
      onInvalid: ({ offset }) => {
        asked.push(offset)
        return 'skip'
      },
    })
    const flood = Array.from({ length: 4 }, (_, i) => message(PLAINTEXT, i))
    expect(await thrownBy(() => batch(flood))).toMatchObject({ code: 'TOO_MANY_BAD_RECORDS' })
    expect(asked).toEqual(['0', '1'])
  })
})

it('TypeScript refuses a policy that skips unreadable records, and dead letters without a topic', () => {
  expectTypeOf<'skip'>().toExtend<DecryptRule['onInvalid']>()
  expectTypeOf<'skip'>().not.toExtend<DecryptRule['onUnreadable']>()
  expectTypeOf<{ deadLetter: string }>().toExtend<DecryptRule['onUnreadable']>()
  expectTypeOf<'deadLetter'>().not.toExtend<DecryptRule['onInvalid']>()
  expectTypeOf<'deadLetter'>().not.toExtend<DecryptRule['onUnreadable']>()
})
