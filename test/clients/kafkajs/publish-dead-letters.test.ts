import { CompressionTypes, type Message, type ProducerRecord } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import type { DeadLetterProducer } from '../../../src/clients/kafkajs/dead-letter-producer.js'
import { letterSender } from '../../../src/clients/kafkajs/letter-sender.js'
import { DeadLetterOutbox } from '../../../src/clients/shared/dead-letter-outbox.js'
import { publish, type Unpublished } from '../../../src/clients/shared/publish-dead-letters.js'
import { CANARY } from '../../support/emissions.js'

const letters = (count: number, size = 10): Message[] =>
  Array.from({ length: count }, (_, i) => ({ key: String(i), value: Buffer.alloc(size) }))

/** A producer that notes the keys of each send, and does with it what the test says. */
function noting(onSend: (record: ProducerRecord, count: number) => unknown): {
  sent: string[]
  producer: DeadLetterProducer
} {
  const sent: string[] = []
  return {
    sent,
    producer: {
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      send: async (record) => {
        const keys = record.messages.map(({ key }) => String(key)).join(' ')
        sent.push(record.compression === CompressionTypes.GZIP ? `${keys} gzip` : keys)
        await onSend(record, sent.length)
        return []
      },
    },
  }
}

const kafkaError = (type: string, retriable: boolean): Error =>
  Object.assign(new Error(`quotes ${CANARY}`), { name: 'KafkaJSProtocolError', type, retriable })

function run(producer: DeadLetterProducer, messages: readonly Message[]): Promise<Unpublished | undefined> {
  const route = { outbox: new DeadLetterOutbox(letterSender(producer)), partition: 't/0', topic: 'dead' }
  return publish(route, messages, (sending) => sending.then(() => true))
}

it('batches of letters that a topic refuses as too large are halved until it accepts them', async () => {
  const { producer, sent } = noting(({ messages }) => {
    if (messages.length > 2) throw kafkaError('MESSAGE_TOO_LARGE', false)
  })
  expect(await run(producer, letters(5))).toBeUndefined()
  expect(sent).toEqual(['0 1 2 3 4', '0 1 2', '0 1', '2', '3 4'])
})

it('a letter that is too large alone is refused, and those before it are acknowledged', async () => {
  const { producer, sent } = noting(({ messages }) => {
    if (messages.some(({ key }) => key === '3')) throw kafkaError('RECORD_LIST_TOO_LARGE', false)
  })
  expect(await run(producer, letters(6))).toMatchObject({ index: 3, error: { code: 'DEAD_LETTER_REFUSED' } })
  expect(sent).toEqual(['0 1 2 3 4 5', '0 1 2', '3 4 5', '3 4', '3', '3 gzip'])
})

it('a letter that fits only compressed is sent compressed, and those after it are not', async () => {
  const { producer, sent } = noting(({ messages, compression }) => {
    if (messages.some(({ key }) => key === '0') && compression === undefined) {
      throw kafkaError('MESSAGE_TOO_LARGE', false)
    }
  })
  expect(await run(producer, letters(2))).toBeUndefined()
  expect(sent).toEqual(['0 1', '0', '0 gzip', '1'])
})

it('sends stay under 1 MiB, except for a letter that is larger alone, which is sent compressed', async () => {
  const { producer, sent } = noting(() => undefined)
  await run(producer, [...letters(3, 400_000), ...letters(1, 2_000_000), ...letters(1)])
  expect(sent).toEqual(['0 1', '2', '0 gzip', '0'])
})

it('a large letter that does not compress is tried without compression before it is refused', async () => {
  const { producer, sent } = noting(({ compression }) => {
    if (compression === CompressionTypes.GZIP) throw kafkaError('MESSAGE_TOO_LARGE', false)
  })
  expect(await run(producer, letters(1, 2_000_000))).toBeUndefined()
  expect(sent).toEqual(['0 gzip', '0'])
})

it('a letter above 128 MiB is refused without being sent, and those before it are acknowledged', async () => {
  const { producer, sent } = noting(() => undefined)
  const refusal = await run(producer, [...letters(1), ...letters(1, 2 ** 27), ...letters(1)])
  expect(refusal).toMatchObject({ index: 1, error: { code: 'DEAD_LETTER_REFUSED', retriable: false } })
  expect(refusal?.error.message).toContain('the limit is 134217728')
  expect(sent).toEqual(['0'])
})

describe('a connection that is lost', () => {
  const lost = (name: string, code?: string): Error =>
    Object.assign(kafkaError('', false), {
      cause: Object.assign(new Error(CANARY), { name, code, retriable: true }),
    })

  it.each([
    ['KafkaJSConnectionClosedError', undefined],
    ['KafkaJSConnectionError', 'EPIPE'],
    ['KafkaJSConnectionError', 'ECONNRESET'],
  ])(
    'a connection that is lost three times while one large letter is sent (%s, %s) is a refusal of the letter',
    async (name, code) => {
      const { producer, sent } = noting(() => {
        throw lost(name, code)
      })
      const route = { outbox: new DeadLetterOutbox(letterSender(producer)), partition: 't/0', topic: 'dead' }
      const attempt = (): Promise<Unpublished | undefined> =>
        publish(route, letters(1, 2_000_000), (sending) => sending.then(() => true))
      for (let i = 0; i < 2; i++)
        expect((await attempt())?.error).toMatchObject({ code: 'DEAD_LETTER_FAILED' })
      const third = (await attempt())?.error
      expect(third).toMatchObject({ code: 'DEAD_LETTER_REFUSED', retriable: false })
      expect(third?.message).toContain('the connection was lost 3 times during a request of 2000')
      expect(third?.message).not.toContain(CANARY)
      expect(sent).toEqual(['0 gzip', '0 gzip', '0 gzip'])
    },
  )

  it('a connection that is lost counts even if each attempt is first refused as too large with compression', async () => {
    const { producer } = noting(({ compression }) => {
      throw compression === CompressionTypes.GZIP ? kafkaError('MESSAGE_TOO_LARGE', false) : lost('', 'EPIPE')
    })
    const route = { outbox: new DeadLetterOutbox(letterSender(producer)), partition: 't/0', topic: 'dead' }
    const codes: (string | undefined)[] = []
    for (let i = 0; i < 3; i++) {
      const failed = await publish(route, letters(1, 2_000_000), (sending) => sending.then(() => true))
      codes.push(failed?.error.code)
    }
    expect(codes).toEqual(['DEAD_LETTER_FAILED', 'DEAD_LETTER_FAILED', 'DEAD_LETTER_REFUSED'])
  })

  it('a connection that is lost while small letters are sent, or refused by the machine, is a transient failure', async () => {
    for (const [error, size] of [
      [lost('KafkaJSConnectionClosedError'), 10],
      [lost('KafkaJSConnectionError', 'ECONNREFUSED'), 2_000_000],
    ] as const) {
      const { producer } = noting(() => {
        throw error
      })
      const route = { outbox: new DeadLetterOutbox(letterSender(producer)), partition: 't/0', topic: 'dead' }
      for (let i = 0; i < 5; i++) {
        const failed = await publish(route, letters(1, size), (sending) => sending.then(() => true))
        expect(failed?.error).toMatchObject({ code: 'DEAD_LETTER_FAILED', kind: 'transient' })
      }
    }
  })
})

describe('a failure', () => {
  it.each([
    ['that KafkaJS calls retriable', kafkaError('NOT_ENOUGH_REPLICAS', true)],
    [
      'of KafkaJS that gave up over one',
      Object.assign(kafkaError('', false), { cause: kafkaError('X', true) }),
    ],
    ['of no known kind', new Error(CANARY)],
  ])('the failure %s is transient, and the caller retries', async (_, error) => {
    const { producer, sent } = noting(() => {
      throw error
    })
    const failed = await run(producer, letters(2))
    expect(failed).toMatchObject({ index: 0, error: { code: 'DEAD_LETTER_FAILED', kind: 'transient' } })
    expect(failed?.error.message).not.toContain(CANARY)
    expect(sent).toEqual(['0 1'])
  })

  it.each([
    [
      'that KafkaJS calls final',
      kafkaError('TOPIC_AUTHORIZATION_FAILED', false),
      'TOPIC_AUTHORIZATION_FAILED',
    ],
    [
      'of KafkaJS over a final one',
      Object.assign(kafkaError('', false), { cause: kafkaError('INVALID_RECORD', false) }),
      'INVALID_RECORD',
    ],
    ['that is a bug', new TypeError(CANARY), 'TypeError'],
  ])('the failure %s is a refusal, named and not quoted', async (_, error, why) => {
    const { producer, sent } = noting(() => {
      throw error
    })
    const refusal = await run(producer, letters(2))
    expect(refusal?.index).toBe(0)
    expect(refusal?.error).toMatchObject({ code: 'DEAD_LETTER_REFUSED', kind: undefined, retriable: false })
    expect(refusal?.error.message).toContain(`topic dead refused a dead letter: ${why}.`)
    expect(refusal?.error.message).not.toContain(CANARY)
    expect(sent).toHaveLength(1)
  })
})

it('a send that takes too long counts as a transient failure', async () => {
  const { producer } = noting(() => new Promise(() => undefined))
  const failed = await publish(
    { outbox: new DeadLetterOutbox(letterSender(producer)), partition: 't/0', topic: 'dead' },
    letters(1),
    () => Promise.resolve(false),
  )
  expect(failed).toMatchObject({ index: 0, error: { code: 'DEAD_LETTER_FAILED', kind: 'transient' } })
  expect(String(failed?.error)).toContain('no answer')
})

describe('an abandoned send goes on in KafkaJS', () => {
  const origin = (offset: string): Message => ({
    key: offset,
    value: null,
    headers: { 'kafka-envelope.error': 'MALFORMED', 'kafka-envelope.offset': offset },
  })

  /** An outbox whose sends end when the test says so. */
  function hanging() {
    const ends: { resolve: () => void; reject: (error: Error) => void }[] = []
    const { producer, sent } = noting(
      () =>
        new Promise<void>((resolve, reject) => {
          ends.push({ resolve, reject })
        }),
    )
    const outbox = new DeadLetterOutbox(letterSender(producer))
    const attemptAll = (letters: Message[], partition = 't/0', patient = false) =>
      publish({ outbox, partition, topic: 'dead' }, letters, (sending) =>
        patient ? sending.then(() => true) : Promise.resolve(false),
      )
    const attempt = (letter: Message, partition?: string, patient?: boolean) =>
      attemptAll([letter], partition, patient)
    return { ends, sent, attempt, attemptAll }
  }

  it('a letter is not sent again while an abandoned send of it still runs: the next attempt waits for that send, and uses its outcome', async () => {
    const { ends, sent, attempt } = hanging()
    for (let i = 0; i < 5; i++) expect((await attempt(origin('7')))?.error.code).toBe('DEAD_LETTER_FAILED')
    const last = attempt(origin('7'), 't/0', true)
    ends[0]?.resolve()
    expect(await last).toBeUndefined()
    expect(sent).toEqual(['7'])
  })

  it('an abandoned send counts for its own letters: of later letters, those that come first in both are not sent again', async () => {
    const { ends, sent, attemptAll } = hanging()
    await attemptAll(['1', '2', '4'].map(origin))
    const next = attemptAll(['1', '3', '4'].map(origin), 't/0', true)
    ends[0]?.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    expect(sent).toEqual(['1 2 4', '3 4'])
    ends[1]?.resolve()
    expect(await next).toBeUndefined()
  })

  it('other letters of the partition wait until an abandoned send ends, and those of other partitions do not', async () => {
    const { ends, sent, attempt } = hanging()
    await attempt(origin('7'))
    await attempt(origin('8'))
    await attempt(origin('8'), 't/1')
    expect(sent).toEqual(['7', '8'])
    const next = attempt(origin('8'), 't/0', true)
    ends[0]?.reject(kafkaError('NOT_ENOUGH_REPLICAS', true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(sent).toEqual(['7', '8', '8'])
    ends[2]?.resolve()
    expect(await next).toBeUndefined()
  })
})
