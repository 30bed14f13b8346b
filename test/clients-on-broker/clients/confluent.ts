import type { KafkaMessage, Message } from 'kafkajs'
import { decryptConsumer, encryptProducer, envelopeOf } from '../../../src/clients/confluent/index.js'
import { emitted } from '../../support/emissions.js'
import { loadConfluent, type ConfluentConsumer, type ConfluentProducer } from '../../support/confluent.js'
import type {
  ClientUnderTest,
  Reader,
  ReadOptions,
  Received,
  Sends,
  Sent,
  Writer,
} from '../client-under-test.js'

const kafka = (): InstanceType<ReturnType<typeof loadConfluent>['KafkaJS']['Kafka']> => {
  const { Kafka } = loadConfluent().KafkaJS
  return new Kafka({
    kafkaJS: { brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','), logger: recording },
  })
}

/** Its log lines quote what handlers throw. */
const recording = {
  error: (message: string) => {
    emitted('log', message)
  },
  warn: (message: string) => {
    emitted('log', message)
  },
  info: (message: string) => {
    emitted('log', message)
  },
  debug: () => undefined,
  namespace: () => recording,
  setLogLevel: () => undefined,
}

export const confluent: ClientUnderTest = {
  name: 'Confluent',
  cannot: { 'empty values': 'the client sends an empty value as null; the wrapper does not' },
  native: (_, record) => messageOf(record),
  async writer(encryption, transactionalId) {
    const inner = kafka().producer({
      'linger.ms': 0,
      kafkaJS: { ...(transactionalId === undefined ? {} : { transactionalId, idempotent: true }) },
    })
    const producer = encryption ? encryptProducer(inner, encryption) : inner
    await producer.connect()
    return writerOf(producer)
  },
  async read(options, encryption) {
    const { group, commits = 'handled' } = options
    const inner = kafka().consumer({
      kafkaJS: {
        groupId: group,
        fromBeginning: true,
        autoCommit: commits === 'handled',
        autoCommitInterval: 100,
        maxWaitTimeInMs: 50,
        sessionTimeout: 10_000,
        heartbeatInterval: 200,
      },
    })
    if (encryption === undefined) return readerOf(inner, options)
    const letters = kafka().producer({ kafkaJS: {} })
    await letters.connect()
    const consumer = decryptConsumer(inner, encryption, { deadLetters: letters, groupId: group })
    return readerOf(consumer, options, () => letters.disconnect())
  },
}

const messageOf = (record: Sent): Message => ({ ...record })

function sending(producer: ConfluentProducer): Writer['send'] {
  return async (...sends: Sends) => {
    const [first, ...others] = sends.map(({ topic, records }) => ({
      topic,
      messages: records.map(messageOf),
    }))
    if (first === undefined) return
    if (others.length === 0) await producer.send(first)
    else await producer.sendBatch({ topicMessages: [first, ...others] })
  }
}

const consumers = new WeakMap<Reader, ConfluentConsumer>()

function writerOf(producer: ConfluentProducer): Writer {
  return {
    send: sending(producer),
    async sendNative(topic, messages) {
      await producer.send({ topic, messages: messages as Message[] })
    },
    async transaction() {
      const transaction = await producer.transaction()
      return {
        send: sending(transaction),
        sendOffsets: (reader, after) =>
          transaction.sendOffsets({
            consumer: consumers.get(reader),
            topics: after.map(({ topic, partition, offset }) => ({
              topic,
              partitions: [{ partition, offset: String(BigInt(offset) + 1n) }],
            })),
          }),
        commit: () => transaction.commit(),
        abort: () => transaction.abort(),
      }
    },
    close: () => producer.disconnect(),
  }
}

function received(topic: string, partition: number, message: KafkaMessage): Received {
  const { offset, key, value, headers = {} } = message
  const replaced = envelopeOf(message)?.replaced
  return {
    ...{ topic, partition, offset, key, value, replaced },
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, some]) => [name, [some].flat().map((one) => String(one))]),
    ),
  }
}

async function readerOf(
  consumer: ConfluentConsumer,
  options: ReadOptions,
  closed: () => Promise<void> = () => Promise.resolve(),
): Promise<Reader> {
  const { group, topics, kind = 'each', concurrency = 1, handle } = options
  await consumer.connect()
  await consumer.subscribe({ topics: [...topics] })
  await consumer.run({
    partitionsConsumedConcurrently: concurrency,
    ...(kind === 'each'
      ? {
          eachMessage: async ({ topic, partition, message }) => handle([received(topic, partition, message)]),
        }
      : {
          eachBatch: async ({ batch: { topic, partition, messages } }) =>
            handle(messages.map((message) => received(topic, partition, message))),
        }),
  })
  const reader: Reader = {
    group,
    commit: (next) => consumer.commitOffsets([{ ...next }]),
    seek: (next) => {
      consumer.seek({ ...next })
    },
    pause: ({ topic, partition }) => {
      consumer.pause([{ topic, partitions: [partition] }])
    },
    resume: ({ topic, partition }) => {
      consumer.resume([{ topic, partitions: [partition] }])
    },
    // Only the partition stopped.
    again({ topic, partition }) {
      consumer.resume([{ topic, partitions: [partition] }])
      return Promise.resolve()
    },
    close: () => consumer.disconnect().finally(closed),
  }
  consumers.set(reader, consumer)
  return reader
}
