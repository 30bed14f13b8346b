import type { ConsumerRunConfig, KafkaMessage, Message, Producer, ProducerRecord } from 'kafkajs'
import type { DecryptRule } from '../../../src/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import type { SeenEvent } from '../../support/encryption.js'
import { fixture, until, type Fixture } from './pair.js'
import { sealRecords } from '../../../src/record/index.js'

/** A topic whose rule sends invalid records to a topic for dead letters. */
export interface Letters extends Fixture {
  readonly deadLetterTopic: string
}

export async function lettersFixture(
  decrypt: Partial<DecryptRule> = {},
  deadLetterTopic?: string,
): Promise<Letters> {
  const dead = deadLetterTopic ?? (await newTopic('raw.letters.dead'))
  const made = await fixture('raw.letters', {
    decrypt: { onInvalid: { deadLetter: dead }, ...decrypt },
  })
  return { ...made, deadLetterTopic: dead }
}

/** Records numbered from 0, some of them invalid (plaintext), in one batch. */
export async function writeMixed(
  { encryption, plain, topic }: Fixture,
  count: number,
  bad: readonly number[],
): Promise<void> {
  const values = Array.from({ length: count }, (_, i) => `${CANARY} ${String(i)}`)
  const sealed = await sealRecords(
    encryption,
    values.map((value, i) => ({ topic, key: `k${String(i)}`, value })),
  )
  const messages = values.map((value, i) => ({
    key: `k${String(i)}`,
    value: bad.includes(i) ? value : (sealed[i]?.value ?? null),
  }))
  await plain.send({ topic, messages })
}

const numberOf = (value: Buffer | null): number => Number(value?.toString().split(' ')[1])

export const named = <N extends SeenEvent['name']>(
  made: Fixture,
  name: N,
): Extract<SeenEvent, { name: N }>[] =>
  made.events.filter((event): event is Extract<SeenEvent, { name: N }> => event.name === name)

/** A handler of either kind that records the numbers delivered. */
export function noting(kind: 'eachMessage' | 'eachBatch', seen: number[]): ConsumerRunConfig {
  const note = (message: KafkaMessage): void => {
    seen.push(numberOf(message.value))
  }
  return kind === 'eachMessage'
    ? {
        eachMessage: ({ message }) => {
          note(message)
          return Promise.resolve()
        },
      }
    : {
        eachBatch: ({ batch }) => {
          batch.messages.forEach(note)
          return Promise.resolve()
        },
      }
}

/**
 * All records of a topic, as plain KafkaJS reads them, in order of the offsets of each partition.
 *
 * @param count how many these are, if the topic has transactions, whose ends have offsets too
 */
export async function standingOn(topic: string, count?: number): Promise<KafkaMessage[]> {
  const kafka = testKafka()
  const admin = kafka.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const expected = count ?? ends.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  if (expected === 0) return []
  const consumer = kafka.consumer({ groupId: `${topic}.${String(Math.random())}`, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const found: KafkaMessage[] = []
  await consumer.run({
    eachMessage: ({ message }) => {
      found.push(message)
      return Promise.resolve()
    },
  })
  await until(`the records of ${topic}`, () => found.length >= expected)
  await consumer.disconnect()
  return found
}

/** The number in each dead letter, in order. */
export const lettersOn = async (topic: string): Promise<number[]> =>
  (await standingOn(topic)).map(({ value }) => numberOf(value))

/** Headers as text, one list a name. */
export const headersOf = ({ headers = {} }: Pick<Message, 'headers'>): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [
      name,
      (Array.isArray(values) ? values : [values]).map((value) => value?.toString() ?? 'undefined'),
    ]),
  )

/** A plain producer for which a test decides the result of each send. */
export function scripted(
  inner: Producer,
  script: (record: ProducerRecord, send: Producer['send'], count: number) => ReturnType<Producer['send']>,
): { producer: Producer; sends: ProducerRecord[] } {
  const sends: ProducerRecord[] = []
  const producer: Producer = {
    ...inner,
    send: (record) => {
      sends.push(record)
      return script(record, (given) => inner.send(given), sends.length)
    },
  }
  return { producer, sends }
}
