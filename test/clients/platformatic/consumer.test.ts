import { inspect } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { pipeline } from 'node:stream/promises'
import { Transform } from 'node:stream'
import { stringDeserializers, jsonDeserializer, type Message } from '@platformatic/kafka'
import { expect, it } from 'vitest'
import { decryptConsumer, envelopeOf } from '../../../src/clients/platformatic/index.js'
import { EnvelopeError, isEnvelopeError } from '../../../src/errors.js'
import { sealRecords } from '../../../src/record/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { close, messages, sealed, StandInConsumer, StandInProducer } from './stand-in.js'

const RULE = { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }
const tick = (): Promise<void> => sleep(5)

async function made(rule: object = {}, options: object = {}, decrypting: object = {}) {
  const { decrypt, ...rest } = rule as { decrypt?: object }
  const { encryption, events, kms } = await memoryEncryption([
    { ...RULE, ...rest, decrypt: { cmk: 'main', ...decrypt } },
    { match: ['open'], passthrough: true },
  ])
  const inner = new StandInConsumer()
  const consumer = decryptConsumer(inner, encryption, { deserializers: stringDeserializers, ...decrypting })
  const stream = await consumer.consume({ topics: ['t'], autocommit: false, ...options })
  return { encryption, events, kms, inner, consumer, stream }
}

async function take(stream: AsyncIterable<Message<string, string, string, string>>, count: number) {
  const got: Message<string, string, string, string>[] = []
  if (count === 0) return got
  for await (const message of stream) {
    got.push(message)
    if (got.length === count) break
  }
  return got
}

it('messages have the plaintext, the envelope, and the other members of the plain client', async () => {
  const { encryption, inner, stream } = await made()
  const [record] = await sealRecords(encryption, [{ topic: 't', key: 'k', value: `${CANARY} 1` }])
  inner.stream.give({
    ...(messages('t', [record?.value as Buffer])[0] as Message),
    key: Buffer.from('k'),
    headers: new Map([
      [Buffer.from('a'), Buffer.from('1')],
      [Buffer.from('b'), Buffer.from('2')],
    ]),
  })
  const [message] = await take(stream, 1)
  expect(message).toMatchObject({ key: 'k', value: `${CANARY} 1`, offset: 0n, topic: 't', partition: 0 })
  expect([...(message?.headers ?? [])]).toEqual([
    ['a', '1'],
    ['b', '2'],
  ])
  expect(message?.metadata).toEqual({ consumer: { groupId: 'group' } })
  expect(envelopeOf(message as object)).toMatchObject({ topic: 't', cmkId: 'cmk' })
})

it('tombstones and messages of passthrough topics have what the plain client gives', async () => {
  const { encryption, inner, consumer } = await made({ decrypt: { tombstones: 'pass' } })
  const stream = await consumer.consume({ topics: ['t', 'open'], autocommit: false })
  inner.stream.give(...messages('open', [Buffer.from('plain'), null]), ...messages('t', [null]))
  const got = await take(stream, 3)
  expect(got.map(({ topic, value }) => [topic, value])).toEqual([
    ['open', 'plain'],
    ['open', undefined],
    ['t', undefined],
  ])
  await encryption.close()
})

it('10,000 messages of two partitions come in order', async () => {
  const { encryption, inner, stream } = await made()
  const values = Array.from({ length: 5000 }, (_, i) => String(i))
  const [a, b] = [
    await sealed(encryption, 't', values),
    await sealed(encryption, 't', values, { partition: 1 }),
  ]
  for (let at = 0; at < 5000; at += 500) inner.stream.give(...a.slice(at, at + 500), ...b.slice(at, at + 500))
  const got = await take(stream, 10_000)
  for (const partition of [0, 1])
    expect(got.filter((one) => one.partition === partition).map(({ value }) => value)).toEqual(values)
})

it('messages come by data events, and through pipelines', async () => {
  const { encryption, inner, stream, consumer } = await made()
  const values = Array.from({ length: 50 }, (_, i) => String(i))
  inner.stream.give(...(await sealed(encryption, 't', values)))
  const got: string[] = []
  stream.on('data', ({ value }) => got.push(value))
  while (got.length < 50) await tick()
  expect(got).toEqual(values)
  await stream.close()
  const other = await consumer.consume({ topics: ['t'], autocommit: false })
  inner.stream.give(...(await sealed(encryption, 't', values)))
  inner.stream.push(null)
  const piped: string[] = []
  const slow = new Transform({
    objectMode: true,
    highWaterMark: 1,
    transform({ value }: { value: string }, _, done) {
      setImmediate(() => {
        piped.push(value)
        done()
      })
    },
  })
  await pipeline(other, slow.resume())
  expect(piped).toEqual(values)
})

it('a record that may not pass destroys the stream after those before it, and no record after it is delivered', async () => {
  const { encryption, events, inner, consumer, stream } = await made()
  const [a, b, c] = await sealed(encryption, 't', ['a', 'b', 'c'])
  const forged = { ...(b as Message), value: Buffer.from(`${CANARY} plaintext`) }
  inner.stream.give(a as Message, forged, c as Message)
  const got: string[] = []
  const error = await thrownBy(async () => {
    for await (const { value } of stream) got.push(value)
  })
  expect(got).toEqual(['a'])
  expect(error).toMatchObject({ code: 'NOT_SEALED', position: { topic: 't', partition: 0, offset: '1' } })
  expect(events.filter(({ name }) => name === 'consumer.stopped')).toEqual([
    expect.objectContaining({ code: 'NOT_SEALED', groupId: 'group', offset: '1' }),
  ])
  expect(encryption.health().status).toBe('failed')
  await close(consumer)
  expect(encryption.health().status).not.toBe('failed')
})

it('a data listener, too, gets all messages before the one that stops the stream, and they are committed', async () => {
  const { encryption, inner, stream } = await made({}, { autocommit: true })
  const records = await sealed(encryption, 't', ['a', 'b', 'c'])
  inner.stream.give(...records, ...messages('t', [Buffer.from('forged')], { from: 3n }))
  const got: string[] = []
  const failed = new Promise((resolve) => stream.on('error', resolve))
  stream.on('data', ({ value }) => got.push(value))
  expect(await failed).toMatchObject({ code: 'NOT_SEALED' })
  expect([got, inner.stream.committed]).toEqual([['a', 'b', 'c'], ['t/0:3']])
})

it('a stream that is closed while nobody listens commits nothing that nobody got', async () => {
  const { encryption, inner, stream } = await made({}, { autocommit: true })
  inner.stream.give(...(await sealed(encryption, 't', ['a', 'b', 'c', 'd'])))
  const iterator = stream[Symbol.asyncIterator]()
  await iterator.next()
  await iterator.next()
  await stream.close()
  expect(inner.stream.committed).toEqual(['t/0:1'])
})

it('skipped records and dead letters are committed with the message before them', async () => {
  const deadLetters = new StandInProducer()
  const { encryption, inner, stream } = await made(
    { decrypt: { onInvalid: { deadLetter: 'dlq' }, maxInvalidShare: 1 } },
    {},
    { deadLetters },
  )
  const [a, b, c, d] = (await sealed(encryption, 't', ['a', 'b', 'c', 'd'])) as [
    Message,
    Message,
    Message,
    Message,
  ]
  const forged = (one: Message): Message => ({ ...one, value: Buffer.from('forged') })
  inner.stream.give(forged(a), b, forged(c), d)
  const got = await take(stream, 2)
  expect(got.map(({ value }) => value)).toEqual(['b', 'd'])
  await got[0]?.commit()
  expect(inner.stream.committed).toEqual(['t/0:3'])
  const letters = deadLetters.sent.flatMap(({ messages: all }) => all)
  expect(letters.map(({ topic, value }) => [topic, value?.toString()])).toEqual([
    ['dlq', 'forged'],
    ['dlq', 'forged'],
  ])
  const names = [...(letters[0]?.headers as Map<Buffer, Buffer>)].map(([name]) => name.toString())
  expect(names).toContain('kafka-envelope.error')
  expect(deadLetters.sent[0]).toMatchObject({ acks: -1 })
})

it('autocommit commits what was handled, and nothing that was only read', async () => {
  const { encryption, inner, stream } = await made({}, { autocommit: true })
  inner.stream.give(...(await sealed(encryption, 't', ['a', 'b', 'c'])))
  const commits: unknown[] = []
  stream.on('autocommit', (_error, offsets) => commits.push(offsets))
  const iterator = stream[Symbol.asyncIterator]()
  await iterator.next()
  await sleep(150)
  expect(inner.stream.committed).toEqual([])
  await iterator.next()
  await sleep(150)
  expect(inner.stream.committed).toEqual(['t/0:1'])
  expect(commits).toEqual([[{ topic: 't', partition: 0, offset: 1n, leaderEpoch: -1 }]])
  await iterator.return?.()
  expect(inner.stream.committed).toEqual(['t/0:1'])
  expect(inner.asked[0]).toMatchObject({ autocommit: false })
})

it('a commit that fails is reported and tried again', async () => {
  const { encryption, inner, stream } = await made({}, { autocommit: 100 })
  inner.stream.give(...(await sealed(encryption, 't', ['a', 'b'])))
  inner.stream.refuses = new Error('no')
  const reports: unknown[] = []
  stream.on('autocommit', (error) => reports.push(error))
  stream.on('data', () => undefined)
  while (reports.length === 0) await tick()
  expect(stream.offsetsToCommit.get('t:0')).toMatchObject({ offset: 2n })
  inner.stream.refuses = undefined
  await stream.close()
  expect(inner.stream.committed).toEqual(['t/0:2'])
})

it('a wait for a KMS holds only its partition, and goes on when the KMS answers', async () => {
  const { encryption, kms, inner, consumer } = await made()
  const [known] = await sealed(encryption, 't', ['known'])
  const other = await memoryEncryption([RULE], { kms })
  const later = await sealed(other.encryption, 't', ['1', '2'], { partition: 1 })
  const stream = await consumer.consume({ topics: ['t'], autocommit: false })
  const got: string[] = []
  stream.on('data', ({ value }) => got.push(value))
  inner.stream.give(known as Message)
  while (got.length < 1) await tick()
  kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'away')
  inner.stream.give(...later)
  while (encryption.health().waiting.length === 0) await tick()
  expect(encryption.health()).toMatchObject({ waiting: [{ topic: 't', partition: 1, offset: '0' }] })
  inner.stream.give({ ...(known as Message), offset: 1n })
  while (got.length < 2) await tick()
  kms.failure = undefined
  while (got.length < 4) await tick()
  expect(got).toEqual(['known', 'known', '1', '2'])
  expect(encryption.health().waiting).toEqual([])
})

it('close ends a wait, and nothing is delivered or committed after it', async () => {
  const { encryption, kms, inner, stream } = await made({}, { autocommit: true })
  const other = await memoryEncryption([RULE], { kms })
  inner.stream.give(...(await sealed(other.encryption, 't', ['1'])))
  kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'away')
  const got: string[] = []
  stream.on('data', ({ value }) => got.push(value))
  while (encryption.health().waiting.length === 0) await tick()
  await stream.close()
  kms.failure = undefined
  await tick()
  expect([got, inner.stream.committed, encryption.health().waiting]).toEqual([[], [], []])
})

it('records of a partition that went to another consumer are not delivered, and are read again if it comes back', async () => {
  const { encryption, inner, stream } = await made({}, { mode: 'committed' })
  inner.assign('t', [0, 1])
  const [zero, one] = [
    await sealed(encryption, 't', ['a0', 'b0']),
    await sealed(encryption, 't', ['a1', 'b1'], { partition: 1, from: 5n }),
  ]
  const iterator = stream[Symbol.asyncIterator]()
  inner.stream.give(...zero, ...one)
  const next = async (): Promise<string> => ((await iterator.next()).value as Message<string, string>).value
  expect(await next()).toBe('a0')
  inner.stream.offsetsToFetch.set('t:1', 7n)
  inner.assign('t', [0])
  expect(await next()).toBe('b0')
  expect(inner.stream.offsetsToFetch.get('t:1')).toBe(5n)
  inner.stream.give(...messages('t', [Buffer.from('late')], { partition: 1, from: 7n }))
  inner.assign('t', [0, 1])
  // A fetch from before the rebalance ends only now.
  inner.stream.offsetsCommitted.set('t:1', 5n)
  inner.stream.give(...messages('t', [Buffer.from('late')], { partition: 1, from: 8n }))
  await tick()
  inner.stream.give(...one)
  expect([await next(), await next()]).toEqual(['a1', 'b1'])
})

it('a deserializer that throws stops the stream without quoting the plaintext, unless onCorruptedMessage skips', async () => {
  const deserializers = { ...stringDeserializers, value: jsonDeserializer }
  const { encryption, inner, consumer } = await made({}, {}, { deserializers })
  const seen: unknown[] = []
  const start = (onCorruptedMessage?: () => boolean) =>
    consumer.consume({
      topics: ['t'],
      autocommit: false,
      ...(onCorruptedMessage ? { onCorruptedMessage } : {}),
    })
  const records = await sealed(encryption, 't', [`${CANARY} no JSON`, '{"a":1}'])
  const first = await start()
  inner.stream.give(...records)
  const error = await thrownBy(() => take(first, 1))
  expect(error).toMatchObject({ code: 'DESERIALIZER_FAILED' })
  expect(inspect(error, { showHidden: true })).not.toContain(CANARY)
  const second = await start((...args: unknown[]) => {
    seen.push((args[0] as { value: Buffer }).value.toString(), args[1], args[2])
    return false
  })
  inner.stream.give(...records)
  const [message] = await take(second, 1)
  expect(message?.value).toEqual({ a: 1 })
  expect(seen).toEqual([`${CANARY} no JSON`, 't', 0])
})

it('consume rejects before it joins the group, if a topic has no rule, or dead letters no producer', async () => {
  const { inner, consumer } = await made()
  expect(await thrownBy(() => consumer.consume({ topics: ['other'] }))).toMatchObject({
    code: 'TOPIC_NOT_CONFIGURED',
  })
  expect(await thrownBy(() => consumer.consume({ topics: ['t'], registry: {} } as never))).toMatchObject({
    code: 'CONFIG_INVALID',
  })
  expect(inner.asked).toHaveLength(1)
  const other = await memoryEncryption([
    { ...RULE, decrypt: { cmk: 'main', onInvalid: { deadLetter: 'dlq' } } },
  ])
  const without = decryptConsumer(new StandInConsumer(), other.encryption)
  expect(await thrownBy(() => without.consume({ topics: ['t'] }))).toMatchObject({ code: 'CONFIG_INVALID' })
})

it('consume and close take callbacks', async () => {
  const { encryption, inner, consumer } = await made()
  const stream = await new Promise<AsyncIterable<Message<string, string, string, string>>>(
    (resolve, reject) => {
      consumer.consume({ topics: ['t'], autocommit: false }, (error, given) => {
        if (error) reject(error)
        else resolve(given as never)
      })
    },
  )
  inner.stream.give(...(await sealed(encryption, 't', ['a'])))
  expect(await take(stream, 1)).toMatchObject([{ value: 'a' }])
  await new Promise<void>((resolve) => {
    consumer.close(true, () => {
      resolve()
    })
  })
})

it('a consumer with deserializers or hooks of its own is refused, and so is what is no consumer', async () => {
  const { encryption } = await memoryEncryption([RULE])
  const wrap = (given: unknown, options?: object) => () =>
    decryptConsumer(given as never, encryption, options)
  for (const given of [
    null,
    {},
    new StandInConsumer({ deserializers: stringDeserializers }),
    new StandInConsumer({ beforeDeserialization: () => undefined }),
  ])
    expect(isEnvelopeError(await thrownBy(wrap(given)))).toBe(true)
  expect(
    await thrownBy(
      wrap(new StandInConsumer(), {
        deadLetters: new StandInProducer({ serializers: { key: Buffer.from } }),
      }),
    ),
  ).toMatchObject({ code: 'CONFIG_INVALID' })
})

it('an error of the inner stream ends the stream, and its end too', async () => {
  const { inner, stream, consumer } = await made()
  stream.on('data', () => undefined)
  const failed = new Promise((resolve) => stream.on('error', resolve))
  inner.stream.destroy(new Error('network'))
  expect(await failed).toMatchObject({ message: 'network' })
  const other = await consumer.consume({ topics: ['t'], autocommit: false })
  inner.stream.push(null)
  expect(await take(other, 1)).toEqual([])
})

it('the stream has the getters of the plain one', async () => {
  const { consumer, stream } = await made()
  expect(stream.consumer).toBe(consumer)
  expect(stream.isActive() && stream.isConnected()).toBe(true)
  expect([stream.context, stream.connections, stream.offsetsToFetch.size]).toEqual([undefined, undefined, 0])
  expect(stream.offsetsCommitted).toBe(stream.committedOffsets)
  expect(stream.offsetsToCommit.size).toBe(0)
  await stream.close()
  await stream.close()
  expect(stream.isActive() || stream.isConnected()).toBe(false)
})
