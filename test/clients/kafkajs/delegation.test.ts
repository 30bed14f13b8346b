import type {
  Batch,
  Consumer,
  ConsumerRunConfig,
  EachBatchPayload,
  Kafka,
  Producer,
  ProducerRecord,
} from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { batchWith } from '../../../src/clients/shared/batch-view.js'
import { createEncryption, type Encryption } from '../../../src/index.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { decryptConsumer, encryptKafka, encryptProducer } from '../../../src/clients/kafkajs/index.js'

const encryption: Encryption = await createEncryption({
  kms: { k: new MemoryKms() },
  cmks: { orders: [{ kms: 'k', id: 'orders' }] },
  topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
})

type Listener = (event: { payload: unknown }) => void

/** A client whose methods are inherited, and need the very object that they were made for. */
class Inherited {
  readonly events = { CRASH: 'crash', DISCONNECT: 'disconnect', GROUP_JOIN: 'join' }
  #sent: ProducerRecord[] = []
  #config: ConsumerRunConfig = {}
  #listeners = new Map<string, Listener[]>()
  get sent(): readonly ProducerRecord[] {
    return this.#sent
  }
  get config(): ConsumerRunConfig {
    return this.#config
  }
  send(record: ProducerRecord): Promise<unknown[]> {
    this.#sent.push(record)
    return Promise.resolve([])
  }
  run(config: ConsumerRunConfig): Promise<void> {
    this.#config = config
    return Promise.resolve()
  }
  on(name: string, listener: Listener): () => void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener])
    return () => undefined
  }
  emit(name: string, payload: unknown = {}): void {
    for (const listener of this.#listeners.get(name) ?? []) listener({ payload })
  }
  disconnect(): Promise<void> {
    this.emit('disconnect')
    return Promise.resolve()
  }
  logger(): readonly ProducerRecord[] {
    return this.#sent
  }
}

const send = { topic: 'orders', messages: [{ value: 'v' }] }

describe.each([
  ['of a class', (client: Inherited) => client],
  [
    'behind a Proxy',
    (client: Inherited) =>
      new Proxy(client, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name)
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      }),
  ],
])('a client %s', (_, decorate) => {
  it('a wrapped client keeps the inherited members of a producer, also in a copy by spread', async () => {
    const client = new Inherited()
    const wrapped = encryptProducer(decorate(client) as unknown as Producer, encryption)
    await wrapped.send(send)
    await { ...wrapped }.send(send)
    expect(client.sent).toHaveLength(2)
    expect(client.sent[1]?.messages[0]?.value).not.toBe('v')
    expect(wrapped.logger()).toBe(client.sent)
    expect((wrapped as unknown as Inherited).sent).toBe(client.sent)
    expect(wrapped).toBeInstanceOf(Inherited)
  })

  it('a wrapped client keeps the inherited members of a consumer', async () => {
    const client = new Inherited()
    const wrapped = decryptConsumer(decorate(client) as unknown as Consumer, encryption)
    await wrapped.run({ eachMessage: () => Promise.resolve() })
    expect((wrapped as unknown as Inherited).config.eachMessage).toBeTypeOf('function')
    expect(wrapped.logger()).toEqual([])
  })
})

it('a producer made by Object.create keeps its members', async () => {
  const client = new Inherited()
  const closures = { send: client.send.bind(client), flush: () => 'flushed' }
  const wrapped = encryptProducer(Object.create(closures) as Producer, encryption)
  await wrapped.send(send)
  expect(client.sent).toHaveLength(1)
  expect((wrapped as unknown as typeof closures).flush()).toBe('flushed')
})

it('a value that is not a client is a configuration error that says what was expected', () => {
  for (const given of [undefined, null, {}, 'producer']) {
    const expected = {
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/expected .*KafkaJS.*, got/) as string,
    }
    expect(() => encryptProducer(given as never, encryption)).toThrow(expect.objectContaining(expected))
    expect(() => decryptConsumer(given as never, encryption)).toThrow(expect.objectContaining(expected))
    expect(() => encryptKafka(given as never, encryption)).toThrow(expect.objectContaining(expected))
  }
})

it('methods of a wrapped client can be replaced, as tracers do', () => {
  const kafka = { producer: () => new Inherited(), consumer: () => new Inherited() } as unknown as Kafka
  const wrapped = encryptKafka(kafka, encryption)
  const traced = (): Producer => encryptProducer(kafka.producer(), encryption)
  wrapped.producer = traced
  expect(wrapped.producer).toBe(traced)
  const producer = encryptProducer(kafka.producer(), encryption)
  const tracedSend = (): Promise<never[]> => Promise.resolve([])
  producer.send = tracedSend
  expect(producer.send).toBe(tracedSend)
})

describe('health() forgets why a consumer stopped permanently', () => {
  const stopped = async (): Promise<{ client: Inherited; wrapped: Consumer }> => {
    const client = new Inherited()
    const wrapped = decryptConsumer(client as unknown as Consumer, encryption)
    await wrapped.run({ eachMessage: () => Promise.resolve() })
    // KafkaJS disconnects before it reports a crash.
    await client.disconnect()
    client.emit('crash', { restart: false, error: new Error('x'), groupId: 'g' })
    expect(encryption.health().status).toBe('failed')
    return { client, wrapped }
  }

  it('health() forgets why a consumer stopped permanently once it is disconnected', async () => {
    const { wrapped } = await stopped()
    await wrapped.disconnect()
    expect(encryption.health()).toMatchObject({ status: 'ok', stopped: [] })
  })

  it('health() forgets why a consumer stopped permanently once the application disconnects the consumer that was wrapped', async () => {
    const { client } = await stopped()
    await client.disconnect()
    expect(encryption.health()).toMatchObject({ status: 'ok', stopped: [] })
  })
})

it('a batch is like that of KafkaJS when it is copied, listed or serialised', () => {
  class KafkaJsBatch {
    topic = 'orders'
    partition = 3
    highWatermark = '10'
    messages = [{ offset: '1' }, { offset: '2' }]
    isEmpty(): boolean {
      return this.messages.length === 0
    }
    lastOffset(): string {
      return this.messages.at(-1)?.offset ?? '9'
    }
  }
  const original = new KafkaJsBatch() as unknown as Batch
  const messages = [{ offset: '1' }] as EachBatchPayload['batch']['messages']
  const members = { topic: 'orders', partition: 3, highWatermark: '10', messages }
  for (const batch of [batchWith(original, messages), batchWith(original, messages, '2')]) {
    expect({ ...batch }).toEqual(members)
    expect(Object.keys(batch)).toEqual(Object.keys(original))
    expect(JSON.parse(JSON.stringify(batch))).toEqual(members)
    expect(batch.lastOffset()).toBe('1')
    expect(batch).toBeInstanceOf(KafkaJsBatch)
  }
})
