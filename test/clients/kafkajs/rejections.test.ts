import { randomBytes } from 'node:crypto'
import type { Consumer, ConsumerRunConfig, EachBatchPayload, KafkaMessage, ProducerRecord } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import type { Encryption, ReadRule } from '../../../src/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption, type SeenEvent } from '../../support/encryption.js'

const message = (value: Buffer | null, offset: number): KafkaMessage => ({
  key: null,
  value,
  offset: String(offset),
  timestamp: '0',
  headers: {},
  attributes: 0,
})
const PLAINTEXT = Buffer.from('not sealed')
const foreign = (): Buffer => Buffer.concat([Buffer.of(0xc3, 1), randomBytes(8)])

/** A wrapped consumer, and what came of the batches that it was handed. */
async function consuming(
  read: Omit<ReadRule, 'cmk'>,
  handle: () => Promise<void> = () => Promise.resolve(),
): Promise<{
  encryption: Encryption
  events: SeenEvent[]
  good: Buffer
  delivered: string[]
  letters: { topic: string; offset: string }[]
  batch: (messages: readonly KafkaMessage[], partition?: number) => Promise<void>
}> {
  const { encryption, events } = await memoryEncryption([
    { match: ['t'], encrypt: { cmk: 'main' }, read: { cmk: 'main', ...read } },
  ])
  const [sealed] = await encryption.records.seal([{ topic: 't', value: CANARY }])
  const configs: ConsumerRunConfig[] = []
  const inner = {
    events: { CRASH: 'consumer.crash', STOP: 'consumer.stop', GROUP_JOIN: 'consumer.group_join' },
    on: () => () => undefined,
    run: (given: ConsumerRunConfig) => Promise.resolve(void configs.push(given)),
  }
  const letters: { topic: string; offset: string }[] = []
  const deadLetters = {
    send: ({ topic, messages }: ProducerRecord) => {
      letters.push(
        ...messages.map(({ headers }) => ({ topic, offset: String(headers?.['kafka-envelope.offset']) })),
      )
      return Promise.resolve([])
    },
  }
  const delivered: string[] = []
  await encryption.consumer(inner as unknown as Consumer, { deadLetters: deadLetters as never }).run({
    eachBatch: async ({ batch }) => {
      await handle()
      delivered.push(...batch.messages.map(({ offset }) => offset))
    },
  })
  return {
    encryption,
    events,
    good: sealed?.value as Buffer,
    delivered,
    letters,
    batch: async (messages, partition = 0) => {
      const payload = {
        batch: { topic: 't', partition, messages, lastOffset: () => messages.at(-1)?.offset },
        heartbeat: () => Promise.resolve(),
        resolveOffset: () => undefined,
        isStale: () => false,
        isRunning: () => true,
      }
      await configs[0]?.eachBatch?.(payload as unknown as EachBatchPayload)
    },
  }
}

describe('an unreadable record', () => {
  it('stops the consumer by default, also where invalid records are skipped', async () => {
    const { batch, good, delivered } = await consuming({ onInvalid: 'skip' })
    const error = await thrownBy(() => batch([message(good, 0), message(foreign(), 1), message(good, 2)]))
    expect(error).toMatchObject({ code: 'UNKNOWN_FORMAT', retriable: false, position: { offset: '1' } })
    expect(delivered).toEqual(['0'])
  })

  it('goes to its topic for dead letters where the rule names one, and the consumer goes on', async () => {
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
  it('counts unreadable records too: a flood of them stops a consumer that writes them to dead letters', async () => {
    const { batch, letters } = await consuming({ onUnreadable: { deadLetter: 'dead' } })
    const flood = Array.from({ length: 501 }, (_, i) => message(foreign(), i))
    expect(await thrownBy(() => batch(flood))).toMatchObject({
      code: 'TOO_MANY_BAD_RECORDS',
      retriable: false,
      position: { offset: '500' },
    })
    expect(letters).toHaveLength(500)
  })

  it('does not grow while a handler fails over and over on the same batch', async () => {
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

  it('counts the records of each partition', async () => {
    const { batch } = await consuming({ onInvalid: 'skip', maxInvalidShare: 0.002 })
    await batch([message(PLAINTEXT, 7)], 0)
    await batch([message(PLAINTEXT, 7)], 1)
    expect(await thrownBy(() => batch([message(PLAINTEXT, 7)], 2))).toMatchObject({
      code: 'TOO_MANY_BAD_RECORDS',
    })
  })
})
