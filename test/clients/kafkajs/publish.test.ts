import { CompressionTypes, type Message, type ProducerRecord } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import type { LetterBox } from '../../../src/clients/kafkajs/letter-box.js'
import { publish, type Unpublished } from '../../../src/clients/kafkajs/publish.js'
import { CANARY } from '../../support/emissions.js'

const letters = (count: number, size = 10): Message[] =>
  Array.from({ length: count }, (_, i) => ({ key: String(i), value: Buffer.alloc(size) }))

/** A box that notes the keys of each send, and does with it what the test says. */
function box(onSend: (record: ProducerRecord, count: number) => unknown): {
  sent: string[]
  letterBox: LetterBox
} {
  const sent: string[] = []
  return {
    sent,
    letterBox: {
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

function run(letterBox: LetterBox, messages: readonly Message[]): Promise<Unpublished | undefined> {
  return publish(letterBox, 'dead', messages, (sending) => sending.then(() => true))
}

it('letters that a topic takes only in smaller batches are halved until it takes them', async () => {
  const { letterBox, sent } = box(({ messages }) => {
    if (messages.length > 2) throw kafkaError('MESSAGE_TOO_LARGE', false)
  })
  expect(await run(letterBox, letters(5))).toBeUndefined()
  expect(sent).toEqual(['0 1 2 3 4', '0 1 2', '0 1', '2', '3 4'])
})

it('one that is too large alone is refused, and those before it are acknowledged', async () => {
  const { letterBox, sent } = box(({ messages }) => {
    if (messages.some(({ key }) => key === '3')) throw kafkaError('RECORD_LIST_TOO_LARGE', false)
  })
  expect(await run(letterBox, letters(6))).toMatchObject({ index: 3, error: { code: 'DEAD_LETTER_REFUSED' } })
  expect(sent).toEqual(['0 1 2 3 4 5', '0 1 2', '3 4 5', '3 4', '3', '3 gzip'])
})

it('one that fits only compressed goes out compressed, and those behind it do not', async () => {
  const { letterBox, sent } = box(({ messages, compression }) => {
    if (messages.some(({ key }) => key === '0') && compression === undefined) {
      throw kafkaError('MESSAGE_TOO_LARGE', false)
    }
  })
  expect(await run(letterBox, letters(2))).toBeUndefined()
  expect(sent).toEqual(['0 1', '0', '0 gzip', '1'])
})

it('sends stay under 1 MiB, but for a letter that is larger alone', async () => {
  const { letterBox, sent } = box(() => undefined)
  await run(letterBox, [...letters(3, 400_000), ...letters(1, 2_000_000), ...letters(1)])
  expect(sent).toEqual(['0 1', '2', '0', '0'])
})

describe('a failure', () => {
  it.each([
    ['that KafkaJS calls retriable', kafkaError('NOT_ENOUGH_REPLICAS', true)],
    [
      'of KafkaJS that gave up over one',
      Object.assign(kafkaError('', false), { cause: kafkaError('X', true) }),
    ],
    ['of no known kind', new Error(CANARY)],
  ])('%s is transient, and left to the caller to try again', async (_, error) => {
    const { letterBox, sent } = box(() => {
      throw error
    })
    const failed = await run(letterBox, letters(2))
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
  ])('%s is refusal, named and not quoted', async (_, error, why) => {
    const { letterBox, sent } = box(() => {
      throw error
    })
    const refusal = await run(letterBox, letters(2))
    expect(refusal?.index).toBe(0)
    expect(refusal?.error).toMatchObject({ code: 'DEAD_LETTER_REFUSED', kind: undefined, retriable: false })
    expect(refusal?.error.message).toContain(`topic dead did not take a dead letter: ${why}.`)
    expect(refusal?.error.message).not.toContain(CANARY)
    expect(sent).toHaveLength(1)
  })
})

it('a send that takes too long counts as a transient failure', async () => {
  const { letterBox } = box(() => new Promise(() => undefined))
  const failed = await publish(letterBox, 'dead', letters(1), () => Promise.resolve(false))
  expect(failed).toMatchObject({ index: 0, error: { code: 'DEAD_LETTER_FAILED', kind: 'transient' } })
  expect(String(failed?.error)).toContain('no answer came')
})
