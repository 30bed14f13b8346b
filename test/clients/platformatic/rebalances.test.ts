import { setTimeout as sleep } from 'node:timers/promises'
import { stringDeserializers, type Message } from '@platformatic/kafka'
import { expect, it } from 'vitest'
import { decryptConsumer } from '../../../src/clients/platformatic/index.js'
import { memoryEncryption } from '../../support/encryption.js'
import { messages, sealed, StandInConsumer } from './stand-in.js'

const tick = (): Promise<void> => sleep(5)
type Text = Message<string, string, string, string>

async function made(decrypt: object = {}, options: object = {}) {
  const { encryption } = await memoryEncryption([
    { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', ...decrypt } },
  ])
  const inner = new StandInConsumer()
  const consumer = decryptConsumer(inner, encryption, { deserializers: stringDeserializers })
  const stream = await consumer.consume({ topics: ['t'], mode: 'committed', autocommit: true, ...options })
  inner.assign('t', [0, 1])
  const iterator = stream[Symbol.asyncIterator]()
  const next = async (): Promise<string> => ((await iterator.next()).value as Text).value
  return { encryption, inner, stream, iterator, next }
}

/** One answer of the broker: its messages share their metadata. */
function fetched(all: readonly Message[]): Message[] {
  const metadata = { consumer: { groupId: 'group' } }
  return all.map((message) => ({ ...message, metadata }))
}

it('records that the inner stream reads again after a rebalance are delivered once, if the partition stayed', async () => {
  const { encryption, inner, next } = await made()
  const records = await sealed(encryption, 't', ['a', 'b', 'c', 'd'])
  inner.stream.give(...records.slice(0, 3))
  expect(await next()).toBe('a')
  inner.assign('t', [0])
  inner.stream.give(...records)
  expect([await next(), await next(), await next()]).toEqual(['b', 'c', 'd'])
})

it('a partition that comes back goes on where the group is, though a large fetch from before was only partly read', async () => {
  const { encryption, inner, next } = await made({}, { highWaterMark: 2 })
  const values = Array.from({ length: 8 }, (_, i) => `1/${String(i)}`)
  const [zero] = await sealed(encryption, 't', ['0/0'])
  const one = await sealed(encryption, 't', values, { partition: 1 })
  inner.stream.give(...fetched([zero as Message, ...one.slice(0, 5)]))
  inner.stream.offsetsToFetch.set('t:1', 5n)
  expect(await next()).toBe('0/0')
  inner.assign('t', [0])
  // The application can see the first of them already.
  expect(inner.stream.offsetsToFetch.get('t:1')).toBe(1n)
  inner.assign('t', [0, 1])
  inner.stream.offsetsCommitted.set('t:1', 0n)
  // The end of a fetch from before the rebalance.
  inner.stream.offsetsToFetch.set('t:1', 8n)
  inner.stream.give(...fetched(one.slice(5)))
  expect(await next()).toBe('1/0')
  const again = next()
  await tick()
  expect(inner.stream.offsetsToFetch.get('t:1')).toBe(0n)
  inner.stream.give(...fetched(one))
  const got = [await again]
  while (got.length < 8) got.push(await next())
  expect(got).toEqual(values)
})

it('what another consumer has committed is not delivered again, if a partition comes back', async () => {
  const { encryption, inner, next } = await made()
  const one = await sealed(encryption, 't', ['a', 'b', 'c', 'd'], { partition: 1 })
  inner.stream.give(...one.slice(0, 1))
  expect(await next()).toBe('a')
  inner.assign('t', [0])
  inner.assign('t', [0, 1])
  inner.stream.offsetsCommitted.set('t:1', 3n)
  inner.stream.give(...fetched(one.slice(1)))
  expect(await next()).toBe('d')
})

it('a partition that comes back goes on, though the topic no longer has the records that were dropped', async () => {
  const { encryption, inner, next } = await made({}, { highWaterMark: 2 })
  const one = await sealed(encryption, 't', ['a', 'b', 'c', 'd'], { partition: 1 })
  inner.stream.give(...one.slice(0, 3))
  expect(await next()).toBe('a')
  inner.assign('t', [0])
  inner.assign('t', [0, 1])
  inner.stream.offsetsCommitted.set('t:1', 1n)
  expect(await next()).toBe('b')
  const last = next()
  for (let i = 0; i < 5; i++) inner.stream.give(...fetched(one.slice(3)))
  expect(await last).toBe('d')
})

it('a message whose partition went to another consumer meanwhile is not committed, also if that comes back', async () => {
  const { encryption, inner, iterator, next } = await made()
  inner.stream.give(...(await sealed(encryption, 't', ['a'])))
  inner.stream.give(...(await sealed(encryption, 't', ['b'], { partition: 1 })))
  expect([await next(), await next()]).toEqual(['a', 'b'])
  inner.assign('t', [0])
  inner.assign('t', [0, 1])
  void iterator.next()
  await sleep(150)
  expect(inner.stream.committed).toEqual(['t/0:1'])
})

it('a record that may not pass does not stop the stream once another consumer has its partition', async () => {
  const { encryption, inner, next } = await made()
  inner.stream.give(...(await sealed(encryption, 't', ['a'], { partition: 1 })))
  inner.stream.give(...messages('t', [Buffer.from('forged')], { partition: 1, from: 1n }))
  expect(await next()).toBe('a')
  await tick()
  inner.assign('t', [0])
  inner.stream.give(...(await sealed(encryption, 't', ['b'])))
  expect(await next()).toBe('b')
})

it('a skipped record is not committed while the application still handles the message before it', async () => {
  const { encryption, inner, iterator, next } = await made({ onInvalid: 'skip', maxInvalidShare: 1 })
  inner.stream.give(...(await sealed(encryption, 't', ['a'])))
  expect(await next()).toBe('a')
  inner.stream.give(...messages('t', [Buffer.from('forged')], { from: 1n }))
  await sleep(150)
  expect(inner.stream.committed).toEqual([])
  void iterator.next()
  await sleep(150)
  expect(inner.stream.committed).toEqual(['t/0:2'])
})

it('a message that cannot be deserialized is not committed while the one before it is handled', async () => {
  const onCorruptedMessage = (): boolean => false
  const { encryption, inner } = await made()
  const value = (given?: Buffer): string => {
    if (given?.toString() === 'bad') throw new Error('bad')
    return String(given)
  }
  const consumer = decryptConsumer(inner, encryption, { deserializers: { value } })
  const stream = await consumer.consume({ topics: ['t'], autocommit: true, onCorruptedMessage })
  const other = stream[Symbol.asyncIterator]()
  inner.stream.give(...(await sealed(encryption, 't', ['a', 'bad'])))
  await other.next()
  await sleep(150)
  expect(inner.stream.committed).toEqual([])
  void other.next()
  await sleep(150)
  expect(inner.stream.committed).toEqual(['t/0:2'])
})

it('an error that is found while a message is being handled comes after it, and the message is committed', async () => {
  const { encryption, inner, stream, iterator, next } = await made()
  inner.stream.give(...(await sealed(encryption, 't', ['a'])))
  expect(await next()).toBe('a')
  inner.stream.give(...messages('t', [Buffer.from('forged')], { from: 1n }))
  await tick()
  expect(stream.destroyed).toBe(false)
  await expect(iterator.next()).rejects.toMatchObject({ code: 'NOT_SEALED' })
  expect(inner.stream.committed).toEqual(['t/0:1'])
})

it('a reader of one message for each `readable` event gets the error, too', async () => {
  const { encryption, inner, stream } = await made()
  const failed = new Promise((resolve) => stream.on('error', resolve))
  const got: unknown[] = []
  stream.on('readable', () => got.push((stream.read() as Text | null)?.value))
  inner.stream.give(...(await sealed(encryption, 't', ['a'])))
  inner.stream.give(...messages('t', [Buffer.from('forged')], { from: 1n }))
  expect(await failed).toMatchObject({ code: 'NOT_SEALED' })
  expect(got).toContain('a')
})

it('a commit that fails is tried again without a further message', async () => {
  const { encryption, inner, stream } = await made()
  inner.stream.refuses = new Error('no')
  const reports: unknown[] = []
  stream.on('autocommit', (error) => reports.push(error))
  stream.on('data', () => undefined)
  inner.stream.give(...(await sealed(encryption, 't', ['a'])))
  while (reports.length === 0) await tick()
  inner.stream.refuses = undefined
  while (inner.stream.committed.length === 0) await tick()
  expect(inner.stream.committed).toEqual(['t/0:1'])
  await stream.close()
})

it('a stream that nobody reads yet keeps its records when the client pauses and resumes it', async () => {
  const { encryption } = await made()
  const inner = new StandInConsumer()
  const consumer = decryptConsumer(inner, encryption, { deserializers: stringDeserializers })
  const stream = await consumer.consume({ topics: ['t'], mode: 'committed' })
  inner.stream.give(...(await sealed(encryption, 't', ['a'])))
  // As it does in the newer group protocol, when a partition is taken away.
  inner.stream.pause()
  inner.stream.resume()
  await tick()
  const { value } = (await stream[Symbol.asyncIterator]().next()) as IteratorResult<Text, undefined>
  expect(value?.value).toBe('a')
})
