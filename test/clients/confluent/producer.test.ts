import { afterEach, expect, it } from 'vitest'
import type { Message, TopicMessages } from '../../../src/clients/confluent/client.js'
import { encryptProducer } from '../../../src/clients/confluent/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import type { Encryption } from '../../../src/index.js'
import { openRecords } from '../../../src/record/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { FakeProducer } from './fake-producer.js'

const ends: Encryption[] = []

afterEach(async () => {
  for (const encryption of ends.splice(0)) await encryption.close()
})

async function owner(encrypt: object = {}) {
  const made = await memoryEncryption([
    { match: ['a'], encrypt: { cmk: 'main', ...encrypt }, decrypt: { cmk: 'main' } },
    { match: ['b'], encrypt: { cmk: 'main', dekScope: 'topic' }, decrypt: { cmk: 'main' } },
    { match: ['plain'], passthrough: true },
  ])
  ends.push(made.encryption)
  const inner = new FakeProducer()
  const producer = encryptProducer(inner, made.encryption)
  await producer.connect()
  return { ...made, inner, producer }
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10))

/** What a reader finds in what was sent. */
async function opened(encryption: Encryption, sent: readonly TopicMessages[]) {
  const records = sent.flatMap(({ topic, messages }) => messages.map((message) => ({ topic, ...message })))
  return (await openRecords(encryption, records as never)).map(({ value }) => value?.toString())
}

it('a producer with private fields seals what it sends, and stays of its own type', async () => {
  const { encryption, inner, producer } = await owner()
  expect(producer).toBeInstanceOf(FakeProducer)
  const messages = [
    { key: 'k', value: `${CANARY} 1`, headers: { type: 'x' }, timestamp: '12' },
    { value: null },
  ]
  const [answer] = await producer.send({ topic: 'a', messages })
  expect(answer).toMatchObject({ topicName: 'a', partition: 0 })
  expect(await opened(encryption, inner.sent)).toEqual([`${CANARY} 1`, undefined])
  expect(inner.sent[0]?.messages[0]?.value?.toString('latin1')).not.toContain(CANARY)
  await producer.sendBatch({
    topicMessages: [
      { topic: 'b', messages: [{ value: `${CANARY} 2` }] },
      { topic: 'plain', messages: [{ value: 'open' }] },
    ],
  })
  expect(await opened(encryption, inner.sent.slice(1, 2))).toEqual([`${CANARY} 2`])
  expect(inner.sent.at(-1)?.messages[0]?.value?.toString()).toBe('open')
})

it("the caller's messages are not changed, although the client changes what it is given", async () => {
  const { inner, producer } = await owner()
  const messages: Message[] = [{ value: `${CANARY} 1`, headers: { type: 'x' } }]
  const before = structuredClone(messages)
  await producer.send({ topic: 'a', messages })
  await producer.send({ topic: 'plain', messages: [{ value: 'open' }] })
  expect(messages).toEqual(before)
  expect(inner.sent[0]?.messages[0]).toMatchObject({ partition: -1, timestamp: 0 })
})

it('sends stay in order although the first waits for a key, and flush waits until they are sealed', async () => {
  const { encryption, kms, inner, producer } = await owner()
  kms.hold = true
  const sends = ['first', 'second'].map((value) => producer.send({ topic: 'a', messages: [{ value }] }))
  const flushed = producer.flush({ timeout: 5 }).then(() => inner.steps.push('flushed'))
  await kms.waitForHeld()
  expect(inner.sent).toEqual([])
  kms.hold = false
  for (const call of [...kms.held]) call.succeed()
  await Promise.all([...sends, flushed])
  expect(await opened(encryption, inner.sent)).toEqual(['first', 'second'])
  expect(inner.steps).toEqual(['connect', 'flush 5', 'flushed'])
})

it('disconnect waits for earlier sends, and later ones are refused by the client', async () => {
  const { kms, inner, producer } = await owner()
  kms.hold = true
  const send = producer.send({ topic: 'a', messages: [{ value: 'x' }] })
  const disconnected = producer.disconnect()
  const late = producer.send({ topic: 'plain', messages: [{ value: 'late' }] })
  const refused = expect(late).rejects.toThrow('without awaiting connect()')
  await kms.waitForHeld()
  kms.hold = false
  for (const call of [...kms.held]) call.succeed()
  await send
  await disconnected
  await refused
  expect(inner.sent).toHaveLength(1)
})

it('a transaction is the wrapped producer itself; commit waits for its sends, abort until none can be sent later', async () => {
  const { encryption, kms, inner, producer } = await owner()
  const transaction = await producer.transaction()
  expect(transaction).toBe(producer)
  kms.hold = true
  const send = transaction.send({ topic: 'a', messages: [{ value: 'in it' }] })
  const committed = transaction.commit()
  await kms.waitForHeld()
  await settle()
  expect(inner.steps).toEqual(['connect', 'transaction'])
  kms.hold = false
  for (const call of [...kms.held]) call.succeed()
  await Promise.all([send, committed])
  expect(inner.steps).toEqual(['connect', 'transaction', 'commit'])
  expect(await opened(encryption, inner.sent)).toEqual(['in it'])

  await producer.transaction()
  kms.hold = true
  const given = producer.send({ topic: 'b', messages: [{ value: 'given up' }] })
  const aborted = producer.abort()
  await kms.waitForHeld()
  await settle()
  expect(inner.steps.at(-1)).toBe('transaction')
  kms.hold = false
  for (const call of [...kms.held]) call.succeed()
  await Promise.all([given, aborted])
  expect(inner.steps.slice(-2)).toEqual(['transaction', 'abort'])
})

it('a transaction in which a send got no key cannot be committed, even if nobody awaited that send; the next one can', async () => {
  const { kms, inner, producer } = await owner()
  await producer.transaction()
  kms.hold = true
  const lost = producer.send({ topic: 'a', messages: [{ value: 'x' }] })
  const refused = expect(producer.commit()).rejects.toMatchObject({ code: 'CMK_DISABLED' })
  await kms.waitForHeld()
  kms.hold = false
  for (const call of [...kms.held]) call.fail(new EnvelopeError('CMK_DISABLED', 'no'))
  await refused
  await expect(lost).rejects.toMatchObject({ code: 'CMK_DISABLED' })
  await expect(producer.commit()).rejects.toMatchObject({ code: 'CMK_DISABLED' })
  await producer.abort()
  await producer.transaction()
  await producer.send({ topic: 'a', messages: [{ value: 'y' }] })
  await producer.commit()
  expect(inner.steps).toEqual(['connect', 'transaction', 'abort', 'transaction', 'commit'])
})

it('a large send is handed over at once, because the client forms the batches; a record that is too large is refused', async () => {
  const { inner, producer, events } = await owner({ maxBatchBytes: 2000 })
  const value = 'v'.repeat(900)
  await producer.send({ topic: 'a', messages: [{ value }, { value }, { value }] })
  expect(inner.sent.map(({ messages }) => messages.length)).toEqual([3])
  expect(events.some(({ name }) => name === 'send.split')).toBe(false)
  const error = await thrownBy(() => producer.send({ topic: 'a', messages: [{ value: 'v'.repeat(2000) }] }))
  expect(error).toMatchObject({ code: 'RECORD_TOO_LARGE', position: { topic: 'a', path: 'messages[0]' } })
  expect(inner.sent).toHaveLength(1)
})

it('a value that is no producer, or no encryption, is refused', async () => {
  const { encryption, inner } = await owner()
  expect(() => encryptProducer({ send: () => undefined } as never, encryption)).toThrow(
    "expected a producer of Confluent's client, got object",
  )
  expect(() => encryptProducer(inner, {} as never)).toThrow('encryptProducer(…, encryption)')
})

it('what is empty has memory when the client gets it, which would send it as null otherwise', async () => {
  const { inner, producer } = await owner()
  const none = Buffer.alloc(0)
  const messages = [
    { key: none, value: none, headers: { one: none, more: ['x', none], text: '' } },
    { key: null, value: '' },
    { value: null },
  ]
  await producer.send({ topic: 'plain', messages })
  const sent = inner.sent.flatMap(({ messages }) => messages)
  expect(sent).toMatchObject(
    messages.map((message) => ({ ...message, value: message.value === null ? null : none })),
  )
  const buffers = sent.flatMap(({ key, value, headers = {} }) => [
    key,
    value,
    ...Object.values(headers).flat(),
  ])
  const empty = buffers.filter((bytes) => Buffer.isBuffer(bytes))
  expect(empty.map((bytes) => [bytes.length, bytes.buffer.byteLength > 0])).toEqual(Array(5).fill([0, true]))
})
