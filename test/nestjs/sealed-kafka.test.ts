import { RpcException, type ClientKafka, type KafkaContext } from '@nestjs/microservices'
import { lastValueFrom, of, throwError } from 'rxjs'
import { afterEach, expect, it } from 'vitest'
import type { TopicRule } from '../../src/index.js'
import { envelopeOf, SealedClientKafka, SealedServerKafka } from '../../src/nestjs/index.js'
import { memoryEncryption } from '../support/encryption.js'
import { appOf, asCreated, handled, type Parts } from './app.js'
import { MemoryKafka } from './memory-kafka.js'

const [REQUESTS, REPLIES, EVENTS] = ['nest.sum', 'nest.sum.reply', 'nest.order']
const topics = { requests: REQUESTS, events: EVENTS }
const BOTH = { encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } } as const
const ALL: TopicRule<string, string>[] = [{ match: ['nest.*'], ...BOTH }]
const IN_THE_VALUE = '{"status":"error","message":"The error is in the sealed value of the reply"}'
const NOT_AUTHENTIC = {
  status: 'error',
  message: 'The reply is not authentic, because its value or its error was not sealed',
}

const failing = (error: string | object) => throwError(() => new RpcException(error))

let end: () => Promise<unknown> = () => Promise.resolve()
afterEach(() => end())

/** An application that runs, with a client of its own service, on topics in memory. */
async function running(rules = ALL, rest: Pick<Parts, 'client' | 'server'> = {}) {
  const kafka = new MemoryKafka()
  const seen = handled()
  const logged: string[] = []
  class Server extends SealedServerKafka {
    override logger = { error: (line: string) => logged.push(line) } as never
    override createClient<T>(): Promise<T> {
      return asCreated(kafka)
    }
  }
  class Client extends SealedClientKafka {
    override createClient<T>(): Promise<T> {
      return asCreated(kafka)
    }
  }
  const { encryption } = await memoryEncryption(rules)
  const app = await appOf({
    encryption: () => Promise.resolve(encryption),
    topics,
    seen,
    Server,
    Client,
    ...rest,
  })
  end = () => app.close()
  const client = app.get<ClientKafka>('KAFKA')
  client.subscribeToResponseOf(REQUESTS)
  await app.listen()
  await client.connect()
  const ask = (data: unknown): Promise<unknown> => lastValueFrom(client.send(REQUESTS, data))
  const on = (topic: string) =>
    kafka.stored.filter((one) => one.topic === topic).map(({ message }) => message)
  return { app, client, encryption, kafka, logged, seen, ask, on }
}

it('a request and its reply are sealed, and arrive as with plain Nest', async () => {
  const { ask, on, seen } = await running()
  seen.answer = ({ secret }: { secret: string }) => ({ echo: secret })
  expect(await ask({ key: 'k', value: { secret: 'xyzzy' } })).toEqual({ echo: 'xyzzy' })
  const [[request], [reply]] = [on(REQUESTS), on(REPLIES)]
  expect(`${String(request?.value)}${String(reply?.value)}`).not.toContain('xyzzy')
  expect(seen.contexts[0]?.getMessage()).toMatchObject({ key: 'k', value: { secret: 'xyzzy' } })
})

it('an event is sealed, and its handler can ask what was authenticated with it', async () => {
  const { client, on, seen } = await running()
  await lastValueFrom(client.emit(EVENTS, { total: 'xyzzy' }))
  await expect.poll(() => seen.events).toEqual([{ total: 'xyzzy' }])
  expect(String(on(EVENTS)[0]?.value)).not.toContain('xyzzy')
  const message = (seen.contexts[0] as KafkaContext).getMessage()
  expect(envelopeOf(message)).toMatchObject({ topic: EVENTS, cmkId: 'cmk' })
})

it.each([
  ['text', new RpcException('xyzzy'), { status: 'error', message: 'xyzzy' }],
  ['an object', new RpcException({ code: 17, why: 'xyzzy' }), { code: 17, why: 'xyzzy' }],
  ['another error', new Error('xyzzy'), { status: 'error', message: 'Internal server error' }],
])('an error of a handler that is %s reaches the caller, and not the broker', async (_, error, expected) => {
  const { ask, on, seen } = await running()
  seen.answer = () => {
    throw error
  }
  await expect(ask(1)).rejects.toEqual(expected)
  const [reply] = on(REPLIES)
  expect(JSON.stringify(reply?.headers)).not.toContain('xyzzy')
  expect(String(reply?.headers?.['kafka_nest-err'])).toBe(IN_THE_VALUE)
  expect(String(reply?.value)).not.toMatch(/xyzzy|Internal/)
})

it('an error that ends a stream comes after the values before it', async () => {
  const { client, seen } = await running()
  seen.answer = () => of(1, 2, 3)
  const values: unknown[] = []
  const collect = () =>
    new Promise((resolve) => {
      client.send(REQUESTS, 1).subscribe({
        next: (v) => values.push(v),
        error: resolve,
        complete: () => {
          resolve('end')
        },
      })
    })
  expect(await collect()).toBe('end')
  seen.answer = () => failing('plain text')
  expect(await collect()).toEqual({ status: 'error', message: 'plain text' })
  expect(values).toEqual(['1', '2', '3'])
})

it('an error stays an error for the caller if its header is removed on the way', async () => {
  const { ask, kafka, seen } = await running()
  kafka.tamper = ({ topic, message }) => {
    delete message.headers?.['kafka_nest-err']
    return { topic, message }
  }
  seen.answer = () => failing('no')
  await expect(ask(1)).rejects.toEqual({ status: 'error', message: 'no' })
})

it('a handler that returns nothing sends a sealed reply, which its caller gets as null', async () => {
  const { ask, on, seen } = await running()
  seen.answer = () => undefined
  expect(await ask(1)).toBeNull()
  expect(on(REPLIES)[0]?.value).not.toBeNull()
})

it('a reply with a null value, which anyone can write, is an error for the caller', async () => {
  const { ask, kafka } = await running()
  kafka.tamper = ({ topic, message }) => ({
    topic,
    message: topic === REPLIES ? { ...message, value: null } : message,
  })
  await expect(ask(1)).rejects.toEqual(NOT_AUTHENTIC)
})

it('a reply whose header says to which request it belongs with null is left aside', async () => {
  const { ask, kafka, seen } = await running()
  await kafka.put(REPLIES, { value: null, headers: { kafka_correlationId: null } as never })
  seen.answer = () => 'next'
  expect(await ask(1)).toBe('next')
  expect(kafka.failures).toEqual([])
})

it('a header with which no reply can be made does not end the process, and what it says is not logged', async () => {
  const { client, kafka, logged } = await running()
  kafka.tamper = ({ topic, message }) => {
    if (topic === REQUESTS)
      Object.assign(message.headers ?? {}, { kafka_correlationId: Buffer.from('{"xyzzy":1}') })
    return { topic, message }
  }
  client.send(REQUESTS, 1).subscribe({ error: () => undefined })
  await expect.poll(() => logged).toEqual(['No reply was sent: TypeError'])
})

it('an error that only a header has reaches the caller as a constant text', async () => {
  const { ask, kafka } = await running()
  kafka.tamper = ({ topic, message }) => {
    if (topic === REPLIES) Object.assign(message.headers ?? {}, { 'kafka_nest-err': Buffer.from('forged') })
    return { topic, message }
  }
  await expect(ask(1)).rejects.toEqual(NOT_AUTHENTIC)
})

it('with errors: header, errors are as in plain Nest, on both sides', async () => {
  const { ask, on, seen } = await running(ALL, { client: { errors: 'header' }, server: { errors: 'header' } })
  seen.answer = () => failing('in the clear')
  await expect(ask(1)).rejects.toEqual({ status: 'error', message: 'in the clear' })
  expect(String(on(REPLIES)[0]?.headers?.['kafka_nest-err'])).toBe(
    '{"status":"error","message":"in the clear"}',
  )
  expect(on(REPLIES)[0]?.value).toBeNull()
  seen.answer = () => undefined
  expect(await ask(1)).toBeNull()
  expect(on(REPLIES)[1]?.value).toBeNull()
})

it('passthrough topics are as in plain Nest, errors included', async () => {
  const { ask, on, seen } = await running([{ match: ['nest.*'], passthrough: true }])
  seen.answer = () => ({ total: 3 })
  expect(await ask([1, 2])).toEqual({ total: 3 })
  expect(String(on(REPLIES)[0]?.value)).toBe('{"total":3}')
  seen.answer = () => failing('no')
  await expect(ask(1)).rejects.toEqual({ status: 'error', message: 'no' })
  expect(String(on(REPLIES)[1]?.headers?.['kafka_nest-err'])).toBe('{"status":"error","message":"no"}')
})

it('keepBinary gives handlers and callers the bytes that were sealed, errors still as text', async () => {
  const options = { parser: { keepBinary: true } }
  const { ask, seen } = await running(ALL, { client: options, server: options })
  seen.answer = (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0xfe])])
  expect(await ask(Buffer.from([0xff, 1]))).toEqual(Buffer.from([0xff, 1, 0xfe]))
  seen.answer = () => failing({ code: 1 })
  await expect(ask(Buffer.from([1]))).rejects.toEqual({ code: 1 })
})

it.each(['err:no', 'nil:', 'val:x'])(
  'bytes of a handler that begin as the value of an error does arrive as they are: %s',
  async (text) => {
    const bytes = Buffer.from(`\u00ffnest-${text}`, 'latin1')
    const options = { parser: { keepBinary: true } }
    for (const errors of ['sealed', 'header'] as const) {
      const both = { ...options, errors }
      const { ask, app, seen } = await running(ALL, { client: both, server: both })
      seen.answer = () => bytes
      expect(await ask(1)).toEqual(bytes)
      await app.close()
    }
    const { ask, seen } = await running([{ match: ['nest.*'], passthrough: true }], {
      client: options,
      server: options,
    })
    seen.answer = () => bytes
    expect(await ask(1)).toEqual(bytes)
  },
)

it('a server does not seal the reply to a request in the clear for a topic that the request names', async () => {
  const { kafka, logged, on } = await running([
    { match: [REQUESTS, REPLIES, 'open'], passthrough: true },
    { match: [EVENTS], ...BOTH },
  ])
  const request = (kafka_replyTopic: string) => ({
    value: '1',
    headers: { kafka_correlationId: '1', kafka_replyTopic },
  })
  await kafka.put(REQUESTS, request(EVENTS))
  await expect
    .poll(() => logged)
    .toEqual([expect.stringMatching(/^No reply was sent: REQUIREMENT_UNMET: .*not authenticated/)])
  expect(on(EVENTS)).toEqual([])
  // In the clear, the topic of the reply is the caller's choice, as with plain Nest.
  await kafka.put(REQUESTS, request('open'))
  await expect.poll(() => on('open')).toHaveLength(1)
})

it('no reply goes to a topic that an unauthenticated header names', async () => {
  const { client, kafka, logged, on, seen } = await running([...ALL, { match: ['open'], passthrough: true }])
  kafka.tamper = ({ topic, message }) => {
    if (topic === REQUESTS) Object.assign(message.headers ?? {}, { kafka_replyTopic: Buffer.from('open') })
    return { topic, message }
  }
  client.send(REQUESTS, 1).subscribe({ error: () => undefined })
  await expect
    .poll(() => logged)
    .toEqual([
      expect.stringMatching(
        /^No reply was sent: REQUIREMENT_UNMET: .* kafka_replyTopic is not authenticated/,
      ),
    ])
  expect(seen.contexts).toHaveLength(1)
  expect(on('open')).toEqual([])
})

it('a caller may name another topic for its replies if the rule of the requests binds that header', async () => {
  const bound = { encrypt: { cmk: 'main', bindHeaders: ['kafka_replyTopic'] }, decrypt: { cmk: 'main' } }
  const { client, logged, on } = await running([
    { match: [REQUESTS], ...bound },
    { match: [REPLIES, 'nest.mine', EVENTS], ...BOTH },
    { match: ['open'], passthrough: true },
  ])
  const producer = client.producer
  const request = (kafka_replyTopic: string) => ({
    topic: REQUESTS,
    messages: [{ value: '1', headers: { kafka_correlationId: '1', kafka_replyTopic } }],
  })
  await producer.send(request('nest.mine'))
  await expect.poll(() => on('nest.mine')).toHaveLength(1)
  // The caller is known now, but a reply in the clear to an encrypted request remains a mistake.
  await producer.send(request('open'))
  await expect
    .poll(() => logged)
    .toEqual([
      expect.stringMatching(/TOPIC_NOT_CONFIGURED: .*nest\.sum go to topic open, which is passthrough/),
    ])
  expect(on('open')).toEqual([])
})

it.each([
  ['no rule', [], /nest\.sum go to topic nest\.sum\.reply, which no rule encrypts/],
  ['a rule that only decrypts', [{ match: [REPLIES], decrypt: { cmk: 'main' } }], /which no rule encrypts/],
  [
    'a passthrough rule',
    [{ match: [REPLIES], passthrough: true }],
    /passthrough although the requests are encrypted/,
  ],
])('a server does not start to listen if the topic of replies has %s', async (_, rules, expected) => {
  const { encryption } = await memoryEncryption([
    { match: [REQUESTS, EVENTS], ...BOTH },
    ...(rules as typeof ALL),
  ])
  const kafka = new MemoryKafka()
  class Server extends SealedServerKafka {
    override createClient<T>(): Promise<T> {
      return asCreated(kafka)
    }
  }
  const app = await appOf({ encryption: () => Promise.resolve(encryption), topics, Server })
  await expect(app.listen()).rejects.toMatchObject({
    code: 'TOPIC_NOT_CONFIGURED',
    message: expect.stringMatching(expected) as string,
  })
  await app.close()
})

it('a client refuses to subscribe to replies of a request without a rule, and to replies without one', async () => {
  const { encryption } = await memoryEncryption([
    { match: [REQUESTS], encrypt: { cmk: 'main' } },
    { match: ['other.reply'], decrypt: { cmk: 'main' } },
    { match: ['third'], encrypt: { cmk: 'main' } },
    { match: ['third.reply'], passthrough: true },
  ])
  const client = new SealedClientKafka({ encryption })
  const code = 'TOPIC_NOT_CONFIGURED'
  const says = (what: RegExp) =>
    expect.objectContaining({ code, message: expect.stringMatching(what) as string }) as Error
  expect(() => {
    client.subscribeToResponseOf(REQUESTS)
  }).toThrow(says(/come on topic nest\.sum\.reply, which no rule decrypts/))
  expect(() => {
    client.subscribeToResponseOf('other')
  }).toThrow(says(/requests go to topic other, which no rule encrypts/))
  expect(() => {
    client.subscribeToResponseOf('third')
  }).toThrow(says(/come on topic third\.reply, which is passthrough although the requests are encrypted/))
  await encryption.close()
})

it('the client that Nest makes seals', async () => {
  const { encryption } = await memoryEncryption(ALL)
  const client = new SealedClientKafka({ encryption, client: { brokers: ['localhost:1'] } })
  const kafka = await client.createClient<{ producer(): object }>()
  expect(Object.getOwnPropertySymbols(kafka.producer())).toContain(Symbol.for('kafka-envelope.sealing'))
  await encryption.close()
})

it.each([
  [{}, /SealedServerKafka\(…, encryption\): expected the object that createEncryption\(\) resolves to/],
  [{ errors: 'clear' }, /options\.errors\): expected 'sealed' or 'header'/],
])('options that are wrong are refused where they are given', async (given, expected) => {
  const { encryption } = await memoryEncryption(ALL)
  const options = { ...('errors' in given ? { encryption } : {}), ...given }
  expect(() => new SealedServerKafka(options as never)).toThrow(expected)
  await encryption.close()
})

it('on shutdown, the keys outlive the clients and servers, and all are closed', async () => {
  const { app, encryption, kafka } = await running()
  const closed = kafka.closed
  const close = encryption.close.bind(encryption)
  encryption.close = () => {
    closed.push('encryption')
    return close()
  }
  await app.close()
  end = () => Promise.resolve()
  expect(closed).toHaveLength(5)
  expect(closed.at(-1)).toBe('encryption')
})
