import type { Kafka } from 'kafkajs'
import type { Encryption } from '../src/index.js'
import type { RawMessage } from './raw.js'
import { readRaw } from './raw.js'
import type { DemoTopics } from './setup.js'

/** What came of one bad record. */
export interface Refusal {
  readonly what: string
  readonly expected: string
  readonly code: string | undefined
}

/** Writes bad records between two good ones, and tells what a decrypting consumer makes of them. */
export async function refuse(
  kafka: Kafka,
  encryption: Encryption,
  topics: DemoTopics,
  elsewhere: RawMessage,
): Promise<{ refusals: Refusal[]; delivered: string[] }> {
  const topic = topics.refused
  const sealing = encryption.producer(kafka.producer())
  const plain = kafka.producer()
  await Promise.all([sealing.connect(), plain.connect()])
  await sealing.send({ topic, messages: [{ key: 'a', value: 'good, before' }] })
  const [good] = await readRaw(kafka, [topic], 1)
  const tampered = Buffer.from(good?.value ?? '')
  const last = tampered.length - 1
  tampered.writeUInt8(tampered.readUInt8(last) ^ 1, last)
  const bad = [
    {
      what: 'one bit of the body flipped',
      expected: 'AUTHENTICATION_FAILED',
      key: good?.key ?? null,
      value: tampered,
    },
    {
      what: 'moved here from another topic',
      expected: 'WRONG_TOPIC',
      key: elsewhere.key,
      value: elsewhere.value,
    },
    { what: 'plaintext', expected: 'NOT_SEALED', key: 'a', value: '{"customer":"nobody"}' },
  ]
  for (const { key, value } of bad) await plain.send({ topic, messages: [{ key, value }] })
  await sealing.send({ topic, messages: [{ key: 'a', value: 'good, after' }] })
  await Promise.all([sealing.disconnect(), plain.disconnect()])

  const codes = new Map<string | undefined, string>()
  const forget = encryption.on('record.rejected', ({ offset, code }) => codes.set(offset, code))
  const delivered: string[] = []
  const consumer = encryption.consumer(
    kafka.consumer({ groupId: `demo.refused.${topic}`, maxWaitTimeInMs: 100 }),
  )
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    encryption.on('fatal', ({ message }) => {
      reject(new Error(message))
    })
    consumer
      .run({
        eachMessage: ({ message }) => {
          delivered.push(message.value?.toString() ?? 'null')
          if (delivered.at(-1) === 'good, after') resolve()
          return Promise.resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  forget()
  return {
    delivered,
    refusals: bad.map(({ what, expected }, i) => ({ what, expected, code: codes.get(String(i + 1)) })),
  }
}
