import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import type { Encryption, TopicRule } from '../../src/index.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption, type SeenEvent } from '../support/encryption.js'
import { MemoryKms } from '../support/memory-kms.js'
import { perSession } from '../support/sealed.js'
import { Topics, type Entry } from './in-memory-broker.js'
import { inMemoryConsumer, inMemoryProducer } from './in-memory-client.js'

const entry = (body: string | null): Entry => ({ id: 'k', body, meta: new Map([['type', 'x']]) })
const down = new EnvelopeError('KMS_UNAVAILABLE', 'down')
const ends: Encryption[] = []

afterEach(async () => {
  for (const encryption of ends.splice(0)) await encryption.close()
})

/** A producer and a consumer of the in-memory client on topics `t` and `plain`. */
async function client(rule: Partial<TopicRule> = {}, beat: () => Promise<void> = () => Promise.resolve()) {
  const kms = new MemoryKms()
  const topics = new Topics()
  const decrypt = { cmk: 'main' }
  const { encryption, events } = await memoryEncryption(
    [
      { match: ['t'], encrypt: { cmk: 'main' }, decrypt, ...rule },
      { match: ['plain'], passthrough: true },
    ],
    { kms, kmsRetries: 0 },
  )
  ends.push(encryption)
  const producer = inMemoryProducer(topics, encryption)
  const consumer = inMemoryConsumer(topics, encryption, beat)
  const taken: (string | undefined)[] = []
  const poll = (topic = 't'): Promise<void> => consumer.poll(topic, (body) => taken.push(body))
  return { kms, topics, encryption, events, producer, consumer, taken, poll }
}

const named = (events: readonly SeenEvent[], name: SeenEvent['name']) =>
  events.filter((one) => one.name === name)

it('a client with another interface can be built on clients/shared and record/ alone', async () => {
  const source = await readFile(new URL('in-memory-client.ts', import.meta.url), 'utf8')
  const imported = [...source.matchAll(/from '(.*)'/g)].map(([, path = '']) => path.replace('../../src/', ''))
  expect(imported.filter((path) => !/^(clients\/shared|record)\//.test(path))).toEqual([
    'encryption.js',
    './in-memory-broker.js',
  ])
  expect(source).toContain("import type { Encryption } from '../../src/encryption.js'")
})

describe('a producer of another client', () => {
  it('a producer of another client seals in the order of its sends, although the first waits for a DEK', async () => {
    const { kms, topics, producer, poll, taken } = await client()
    kms.hold = true
    const sends = ['first', 'second'].map((body) => producer.put('t', [entry(`${CANARY} ${body}`)]))
    await kms.waitForHeld()
    kms.hold = false
    for (const call of [...kms.held]) call.succeed()
    expect(await Promise.all(sends)).toEqual([[1], [2]])
    expect(topics.of('t').some(({ body }) => body?.includes(CANARY))).toBe(false)
    await poll()
    expect(taken).toEqual([`${CANARY} first`, `${CANARY} second`])
  })

  it('a producer of another client splits a send at the limits of a DEK, and at that of a record batch', async () => {
    const { topics, producer, events, poll, taken } = await client({
      encrypt: { cmk: 'main', maxBatchBytes: 2000, rotate: { maxMessages: 2, allowFrequentRotation: true } },
    })
    const bodies = ['1', '2', '3', '4', '5'].map((n) => n.repeat(500))
    await producer.put('t', bodies.map(entry))
    expect(perSession(topics.of('t').map(({ body }) => body as Buffer))).toEqual([2, 2, 1])
    expect(named(events, 'send.split')).toMatchObject([{ topics: ['t'], parts: 3 }])
    await poll()
    expect(taken).toEqual(bodies)
  })

  it('a producer of another client sends records of a passthrough rule unchanged', async () => {
    const { topics, producer, poll, taken } = await client()
    await producer.put('plain', [entry('a'), entry(null)])
    expect(topics.of('plain').map(({ body }) => body)).toEqual(['a', null])
    await poll('plain')
    expect(taken).toEqual(['a', undefined])
  })
})

describe('a consumer of another client', () => {
  it('a consumer of another client is paused while a KMS fails transiently, and delivers afterwards', async () => {
    const { kms, encryption, producer, events, poll, taken } = await client()
    await producer.put('t', [entry('v')])
    encryption.evict('cmk')
    kms.failure = down
    await poll()
    expect(encryption.health()).toMatchObject({ status: 'degraded', waiting: [{ topic: 't', offset: '0' }] })
    await poll()
    expect(taken).toEqual([])
    kms.failure = undefined
    await vi.waitFor(async () => {
      await poll()
      expect(taken).toEqual(['v'])
    })
    expect(named(events, 'consumer.waiting')).not.toEqual([])
    expect(encryption.health()).toMatchObject({ status: 'ok', waiting: [] })
  })

  it('a consumer of another client delivers none of its waiting records once it is stopped', async () => {
    const { kms, encryption, producer, consumer, poll, taken } = await client()
    await producer.put('t', [entry('v')])
    encryption.evict('cmk')
    kms.failure = down
    const polling = poll()
    await new Promise((resolve) => setImmediate(resolve))
    consumer.stop()
    await polling
    expect(taken).toEqual([])
  })

  it.each([
    ['stop', 'stop', ['before'], 'NOT_SEALED'],
    ['skip', 'skip', ['before', 'after'], undefined],
    ['a dead letter', { deadLetter: 'dead' }, ['before', 'after'], undefined],
    [
      'a handler that replaces the value',
      () => ({ value: Buffer.from('new') }),
      ['before', 'new', 'after'],
      undefined,
    ],
  ] as const)(
    'a consumer of another client carries out %s for an invalid record',
    async (_, onInvalid, delivered, code) => {
      const { topics, producer, events, poll, taken } = await client({ decrypt: { cmk: 'main', onInvalid } })
      await producer.put('t', [entry('before')])
      topics.of('t').push(entry('plaintext'))
      await producer.put('t', [entry('after')])
      const stopped = await poll().then(
        () => undefined,
        (error: unknown) => error as EnvelopeError,
      )
      expect(stopped?.code).toBe(code)
      expect(taken).toEqual(delivered)
      const action =
        typeof onInvalid === 'string' ? onInvalid : 'deadLetter' in onInvalid ? 'deadLetter' : 'replace'
      expect(named(events, 'record.rejected')).toMatchObject([{ code: 'NOT_SEALED', offset: '1', action }])
      expect(topics.of('dead').map(({ body, meta }) => [body, meta.get('kafka-envelope.offset')])).toEqual(
        action === 'deadLetter' ? [[Buffer.from('plaintext'), '1']] : [],
      )
    },
  )
})
