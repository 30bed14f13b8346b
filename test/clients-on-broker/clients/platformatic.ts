import {
  Consumer,
  Producer,
  type Message,
  type MessagesStream,
  type MessageToProduce,
} from '@platformatic/kafka'
import { decryptConsumer, encryptProducer, envelopeOf } from '../../../src/clients/platformatic/index.js'
import { isEnvelopeError } from '../../../src/index.js'
import { emitted } from '../../support/emissions.js'
import type {
  ClientUnderTest,
  Reader,
  ReadOptions,
  Received,
  Sends,
  Sent,
  Writer,
} from '../client-under-test.js'

const client = () => ({
  clientId: 'laws',
  bootstrapBrokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
})

export const platformatic: ClientUnderTest = {
  name: 'Platformatic',
  cannot: {
    batches: 'its streams give one message at a time',
    concurrency: 'its streams give one message at a time',
    pause: 'its streams pause as a whole',
    seek: 'a stream starts where it is told to when it is made',
  },
  native: messageOf,
  writer(encryption, transactionalId) {
    const inner = new Producer({
      ...client(),
      ...(transactionalId === undefined ? {} : { transactionalId, idempotent: true }),
    })
    return Promise.resolve(writerOf(encryption ? encryptProducer(inner, encryption) : inner))
  },
  async read(options, encryption) {
    const inner = new Consumer({
      ...client(),
      groupId: options.group,
      maxWaitTime: 50,
      sessionTimeout: 10_000,
      rebalanceTimeout: 10_000,
      heartbeatInterval: 200,
    })
    if (encryption === undefined) return readerOf(inner, options)
    const letters = new Producer(client())
    const consumer = decryptConsumer(inner, encryption, { deadLetters: letters })
    return readerOf(consumer, options, letters)
  },
}

const bytes = (given: string | Buffer): Buffer => (typeof given === 'string' ? Buffer.from(given) : given)

/** Of Buffers: it sends names that way, and several values of one. */
function messageOf(topic: string, { key, value, headers = {}, partition }: Sent): MessageToProduce {
  return {
    topic,
    ...(key == null ? {} : { key: bytes(key) }),
    ...(value === null ? {} : { value: bytes(value) }),
    ...(partition === undefined ? {} : { partition }),
    headers: new Map(
      Object.entries(headers).flatMap(([name, values]) =>
        [values].flat().map((one): [Buffer, Buffer] => [Buffer.from(name), bytes(one)]),
      ),
    ),
  }
}

const sending =
  (to: Pick<Producer, 'send'>): Writer['send'] =>
  async (...sends: Sends) => {
    await to.send({
      acks: -1,
      messages: sends.flatMap(({ topic, records }) => records.map((record) => messageOf(topic, record))),
    })
  }

const consumers = new WeakMap<Reader, Consumer>()
const messages = new WeakMap<Received, Message>()

function writerOf(producer: Producer): Writer {
  return {
    send: sending(producer),
    async sendNative(_, given) {
      await producer.send({ acks: -1, messages: given as MessageToProduce[] })
    },
    async transaction() {
      const transaction = await producer.beginTransaction()
      return {
        send: sending(transaction),
        async sendOffsets(reader, after) {
          await transaction.addConsumer(consumers.get(reader) as Consumer)
          for (const one of after) await transaction.addOffset(messages.get(one) as Message)
        },
        commit: () => transaction.commit(),
        abort: () => transaction.abort(),
      }
    },
    close: () => producer.close(),
  }
}

function received(message: Message): Received {
  const { topic, partition, offset, headers } = message
  const { key, value } = message as { key?: Buffer; value?: Buffer }
  const found: Record<string, string[]> = {}
  for (const [name, one] of headers) (found[String(name)] ??= []).push(String(one))
  const one: Received = {
    ...{ topic, partition, offset: String(offset) },
    ...{ key: key ?? null, value: value ?? null, headers: found },
    replaced: envelopeOf(message)?.replaced,
  }
  messages.set(one, message)
  return one
}

/** The declaration of `close` with `force` and without a callback is missing. */
function closed(consumer: Consumer): Promise<void> {
  return new Promise((resolve, reject) => {
    consumer.close(true, (error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}

async function readerOf(consumer: Consumer, options: ReadOptions, letters?: Producer): Promise<Reader> {
  const isWrapped = letters !== undefined
  const { group, topics, commits = 'handled', handle } = options
  let stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>
  let running: Promise<void>
  let isClosed = false
  const open = async (): Promise<void> => {
    stream = await consumer.consume({
      topics: [...topics],
      // The plain client would commit what nobody has got yet.
      autocommit: isWrapped && commits === 'handled',
      mode: 'committed',
      fallbackMode: 'earliest',
    })
  }
  const run = async (): Promise<void> => {
    for await (const message of stream) {
      await handle([received(message)])
      if (commits === 'handled' && !isWrapped) await message.commit()
    }
  }
  /** As an application keeps it up: an error of its own, or of the client, is followed by another stream; a stop is not. */
  const keepUp = async (): Promise<void> => {
    try {
      await run()
    } catch (error) {
      emitted('error', error)
      if (isClosed || isEnvelopeError(error)) return
      await open()
      await keepUp()
    }
  }
  await open()
  running = keepUp()
  const reader: Reader = {
    group,
    async commit({ topic, partition, offset }) {
      await consumer.commit({ offsets: [{ topic, partition, offset: BigInt(offset), leaderEpoch: -1 }] })
    },
    seek: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    async again() {
      await open()
      running = keepUp()
    },
    async close() {
      if (isClosed) return
      isClosed = true
      await stream.close()
      await running
      await closed(consumer)
      await letters?.close()
    },
  }
  consumers.set(reader, consumer)
  return reader
}
