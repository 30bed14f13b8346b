import { inspect } from 'node:util'
import { jsonSerializer, stringSerializers, type Producer } from '@platformatic/kafka'
import { expect, it } from 'vitest'
import { encryptProducer } from '../../../src/clients/platformatic/index.js'
import { openRecords } from '../../../src/record/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { close, StandInProducer, type Sent } from './stand-in.js'

const RULES = [
  { match: ['t', 'u'], encrypt: { cmk: 'main', bindHeaders: ['type'] }, decrypt: { cmk: 'main' } },
  { match: ['open'], passthrough: true },
] as const
const VALUE = `${CANARY} value`

async function made(options: object = {}) {
  const { encryption, kms, events } = await memoryEncryption(RULES)
  const inner = new StandInProducer(options)
  const producer = encryptProducer(inner, encryption, { serializers: stringSerializers })
  return { encryption, kms, events, inner, producer }
}

async function opened(encryption: Parameters<typeof openRecords>[0], { messages }: Sent) {
  const records = messages.map(({ topic, key, value, headers }) => ({
    ...{ topic, key: key ?? null, value: value ?? null },
    headers: Object.fromEntries([...(headers as Map<Buffer, Buffer>)].map(([n, v]) => [n.toString(), v])),
  }))
  return (await openRecords(encryption, records)).map(({ error, value }) => error ?? value?.toString())
}

it('the plain producer gets sealed values, and keys, headers and the rest as bytes', async () => {
  const { encryption, inner, producer } = await made()
  const result = await producer.send({
    messages: [
      { topic: 't', key: 'k', value: VALUE, headers: { type: 'x' }, partition: 3, timestamp: 5n },
      { topic: 'open', value: 'plain' },
      { topic: 't', key: 'gone' },
    ],
    acks: -1,
  })
  expect(result.offsets).toHaveLength(1)
  const [sent] = inner.sent as [Sent]
  expect(sent.acks).toBe(-1)
  const [first, gone, plain] = sent.messages
  expect(first).toMatchObject({ topic: 't', key: Buffer.from('k'), partition: 3, timestamp: 5n })
  expect([...(first?.headers as Map<Buffer, Buffer>)]).toEqual([[Buffer.from('type'), Buffer.from('x')]])
  expect(plain).toMatchObject({ topic: 'open', value: Buffer.from('plain') })
  expect(gone).toMatchObject({ topic: 't', key: Buffer.from('gone') })
  expect(gone).not.toHaveProperty('value')
  expect(JSON.stringify(sent.messages.map(({ value }) => value?.toString('latin1')))).not.toContain(CANARY)
  expect(await opened(encryption, { messages: [first as never] })).toEqual([VALUE])
})

it('what is given may be changed after the call, also while a DEK is awaited', async () => {
  const { encryption, kms, inner } = await made()
  const producer = encryptProducer(inner, encryption)
  kms.hold = true
  const [key, value] = [Buffer.from('k'), Buffer.from(VALUE)]
  const sending = producer.send({ messages: [{ topic: 't', key, value }] })
  key.fill(0)
  value.fill(0)
  kms.hold = false
  kms.held.forEach((call) => {
    call.succeed()
  })
  await sending
  expect(inner.sent[0]?.messages[0]?.key).toEqual(Buffer.from('k'))
  expect(await opened(encryption, inner.sent[0] as Sent)).toEqual([VALUE])
})

it('partitioners, of the send or of the producer, get the message as it was given', async () => {
  const seen: unknown[] = []
  const partitioner = (message: { value?: unknown }, key: unknown): number => {
    seen.push(message.value, key)
    return 1
  }
  const { inner, producer } = await made({ partitioner })
  const call = (): unknown => {
    const { partitioner: choose, messages } = inner.sent.at(-1) as Sent
    return choose?.(messages[0] as never, messages[0]?.key, { metadata: undefined })
  }
  await producer.send({ messages: [{ topic: 't', key: 'k', value: VALUE }] })
  expect(call()).toBe(1)
  await producer.send({ messages: [{ topic: 't', value: 'own' }], partitioner: () => 2 })
  expect(call()).toBe(2)
  expect(seen).toEqual([VALUE, Buffer.from('k')])
})

it('transactions seal, also the one that the producer has, and wait for their sends', async () => {
  const { encryption, kms, inner, producer } = await made()
  const steps: string[] = []
  class StandInTransaction {
    readonly id = 'tx'
    send(options: Sent) {
      steps.push('send')
      return inner.send(options)
    }
    commit() {
      steps.push('commit')
      return Promise.resolve()
    }
    abort() {
      steps.push('abort')
      return Promise.resolve()
    }
  }
  const own = new StandInTransaction()
  Object.defineProperty(inner, 'transaction', { get: () => own })
  inner.beginTransaction = () => Promise.resolve(own) as never
  const transaction = await producer.beginTransaction()
  expect(producer.transaction).toBe(transaction)
  kms.hold = true
  const sending = transaction.send({ messages: [{ topic: 't', value: VALUE }] })
  const committing = transaction.commit()
  await new Promise((resolve) => setImmediate(resolve))
  kms.hold = false
  kms.held.forEach((call) => {
    call.succeed()
  })
  await Promise.all([sending, committing])
  await new Promise<void>((resolve) => {
    transaction.abort(() => {
      resolve()
    })
  })
  expect(steps).toEqual(['send', 'commit', 'abort'])
  expect(await opened(encryption, inner.sent[0] as Sent)).toEqual([VALUE])
})

it('asStream seals, and counts as open until it is closed', async () => {
  const { encryption, inner, producer } = await made()
  const stream = producer.asStream({ batchSize: 2 })
  expect(producer.streamsCount).toBe(1)
  stream.write({ topic: 't', value: VALUE })
  stream.write({ topic: 't', value: `${VALUE} 2` })
  expect(await thrownBy(() => producer.close())).toMatchObject({ code: 'PLT_KFK_USER' })
  await close(producer)
  expect(await opened(encryption, inner.sent[0] as Sent)).toEqual([VALUE, `${VALUE} 2`])
  expect(producer.closed).toBe(true)
})

it('close waits for sends, and methods that return the producer return the wrapped one', async () => {
  const { kms, inner, producer } = await made()
  expect(producer.on('client:close', () => undefined)).toBe(producer)
  kms.hold = true
  const sending = producer.send({ messages: [{ topic: 't', value: VALUE }] })
  const closing = producer.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(inner.closed).toBe(false)
  kms.hold = false
  kms.held.forEach((call) => {
    call.succeed()
  })
  await Promise.all([sending, closing])
  expect([inner.sent.length, inner.closed]).toEqual([1, true])
})

it('send takes a callback, and so do the methods that look only at keys', async () => {
  const { inner, producer } = await made()
  const offsets = await new Promise((resolve, reject) => {
    producer.send({ messages: [{ topic: 't', value: VALUE }] }, (error, result) => {
      if (error) reject(error)
      else resolve(result?.offsets)
    })
  })
  expect(offsets).toHaveLength(1)
  const failed = await new Promise((resolve) => {
    producer.send({ messages: [{ topic: 'none', value: VALUE }] }, resolve)
  })
  expect(failed).toMatchObject({ code: 'TOPIC_NOT_CONFIGURED' })
  const message = { topic: 't', key: 'k', value: 'v' }
  expect(producer.getSendTopicPartitions({ messages: [message] })).toEqual(
    (inner as Producer).getSendTopicPartitions({
      messages: [{ ...message, key: Buffer.from('k'), value: Buffer.from('v') }],
    }),
  )
  expect(inner.sent).toHaveLength(1)
})

it('messages that cannot be sealed are refused before anything is sent, and no value is quoted', async () => {
  const { encryption, inner } = await made()
  const failing = (): never => {
    throw new TypeError(VALUE)
  }
  const cases: [object, unknown][] = [
    [{}, 'no list'],
    [{}, [null]],
    [{}, [{ value: 'x' }]],
    [{}, [{ topic: 't', value: { a: VALUE } }]],
    [{}, [{ topic: 't', value: 'x', key: 5 }]],
    [{}, [{ topic: 't', value: 'x', headers: ['a'] }]],
    [{}, [{ topic: 't', value: 'x', headers: new Map([[undefined, 'a']]) }]],
    [{ value: failing }, [{ topic: 't', value: 'x' }]],
    [{ value: () => 5 }, [{ topic: 't', value: 'x' }]],
  ]
  for (const [serializers, messages] of cases) {
    const producer = encryptProducer(inner, encryption, { serializers })
    const error = await thrownBy(() => producer.send({ messages: messages as never }))
    expect(error).toMatchObject({ code: 'INVALID_RECORD' })
    expect(inspect(error, { showHidden: true })).not.toContain(CANARY)
  }
  expect(inner.sent).toEqual([])
})

it('a producer with serializers or hooks of its own is refused, and so is what is no producer', async () => {
  const { encryption } = await memoryEncryption(RULES)
  for (const given of [
    null,
    {},
    new StandInProducer({ serializers: { value: jsonSerializer } }),
    new StandInProducer({ beforeSerialization: () => undefined }),
  ])
    expect(await thrownBy(() => encryptProducer(given as never, encryption))).toMatchObject({
      code: 'CONFIG_INVALID',
    })
})
