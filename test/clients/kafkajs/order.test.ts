import { Kafka, type Producer, type ProducerBatch, type ProducerRecord, type RecordMetadata } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10))

/** A producer that connects to nothing and records the messages that it gets; a send ends when the test says so. */
function deaf(): { inner: Producer; handed: string[]; finish: (() => void)[]; sent: ProducerRecord[] } {
  const sent: ProducerRecord[] = []
  const handed: string[] = []
  const finish: (() => void)[] = []
  const take = (topic: string, count: number): Promise<RecordMetadata[]> => {
    handed.push(`${topic} ${String(count)}`)
    return new Promise((resolve) => {
      finish.push(() => {
        resolve([])
      })
    })
  }
  const inner: Producer = {
    ...new Kafka({ brokers: ['127.0.0.1:1'] }).producer(),
    send: (record: ProducerRecord) => {
      sent.push(record)
      return take(record.topic, record.messages.length)
    },
    sendBatch: ({ topicMessages = [] }: ProducerBatch) =>
      take(
        topicMessages.map(({ topic }) => topic).join('+'),
        topicMessages.flatMap(({ messages }) => messages).length,
      ),
  }
  return { inner, handed, finish, sent }
}

async function owner(encrypt: object = {}) {
  const rule = (topic: string) => ({ match: [topic], encrypt: { cmk: 'main', ...encrypt } })
  const made = await memoryEncryption([rule('a'), rule('b'), rule('c')])
  const { inner, handed, finish, sent } = deaf()
  const producer = encryptProducer(inner, made.encryption)
  const send = (topic: string, count = 1) =>
    producer.send({
      topic,
      messages: Array.from({ length: count }, () => ({ value: `${CANARY} x`.padEnd(400) })),
    })
  const both = (...topics: string[]) =>
    producer.sendBatch({ topicMessages: topics.map((topic) => ({ topic, messages: [{ value: CANARY }] })) })
  return { ...made, producer, send, both, handed, finish, sent }
}

describe('sends that are not awaited', () => {
  it('sends that are not awaited wait for those before them on the same topic, and for no others', async () => {
    const { send, both, handed, kms } = await owner()
    void send('b')
    await settle()
    kms.hold = true
    const waiting = [send('a', 1), both('a', 'b'), send('b', 2), send('a', 2)]
    await kms.waitForHeld()
    expect(handed).toEqual(['b 1'])
    void send('c')
    await kms.waitForHeld(2)
    // The key of `c` arrives first: its send overtakes, because it is for another topic.
    kms.held[1]?.succeed()
    await settle()
    expect(handed).toEqual(['b 1', 'c 1'])
    kms.held[0]?.succeed()
    await settle()
    expect(handed).toEqual(['b 1', 'c 1', 'a 1', 'a+b 2', 'b 2', 'a 2'])
    expect(waiting).toHaveLength(4)
  })

  it('sends that are not awaited contain the records as they were at the call, even if the caller changes its objects while a key is awaited', async () => {
    const { producer, sent, kms } = await owner()
    kms.hold = true
    const first = { key: 'k', value: `${CANARY} 1`, headers: { h: 'x' } }
    const record = { topic: 'a', messages: [first] }
    void producer.send(record)
    await kms.waitForHeld()
    record.messages.push({ key: 'l', value: `${CANARY} 2`, headers: { h: 'y' } })
    record.topic = 'b'
    first.key = 'changed'
    first.headers.h = 'changed'
    kms.held[0]?.succeed()
    await settle()
    expect(sent).toMatchObject([{ topic: 'a', messages: [{ key: 'k', headers: { h: 'x' } }] }])
    expect(sent[0]?.messages).toHaveLength(1)
    expect(sent[0]?.messages[0]?.value).toBeInstanceOf(Buffer)
  })

  it('a send that fails lets the sends after it continue', async () => {
    const { send, handed, kms } = await owner()
    kms.hold = true
    const first = thrownBy(() => send('a', 1))
    const second = send('a', 2)
    await kms.waitForHeld()
    kms.held[0]?.fail(new EnvelopeError('KMS_DENIED', 'no'))
    expect(await first).toMatchObject({ code: 'KMS_DENIED' })
    void second
    await kms.waitForHeld()
    kms.held[0]?.succeed()
    await settle()
    expect(handed).toEqual(['a 2'])
  })

  it('the parts of a send that was split are sent one after the other, and nothing between them', async () => {
    const { send, handed, finish } = await owner({ maxBatchBytes: 1500 })
    void send('a', 1)
    await settle()
    void send('a', 5)
    void send('a', 1)
    await settle()
    expect(handed).toEqual(['a 1', 'a 2'])
    finish[1]?.()
    await settle()
    expect(handed).toEqual(['a 1', 'a 2', 'a 2'])
    finish[2]?.()
    await settle()
    expect(handed).toEqual(['a 1', 'a 2', 'a 2', 'a 1', 'a 1'])
  })
})
