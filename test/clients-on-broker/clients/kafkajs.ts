import type { Consumer, Kafka, KafkaMessage, Message, Producer } from 'kafkajs'
import { decryptConsumer, encryptProducer, envelopeOf } from '../../../src/clients/kafkajs/index.js'
import { testKafka } from '../../support/broker.js'
import type {
  ClientUnderTest,
  Reader,
  ReadOptions,
  Received,
  Sends,
  Sent,
  Transaction,
  Writer,
} from '../client-under-test.js'

const client = (): Kafka => testKafka({ retry: { initialRetryTime: 50, maxRetryTime: 300 } })

export const kafkajs: ClientUnderTest = {
  name: 'KafkaJS',
  cannot: {},
  native: (_, record) => messageOf(record),
  async writer(encryption, transactionalId) {
    const inner = client().producer(
      transactionalId === undefined ? {} : { transactionalId, idempotent: true, maxInFlightRequests: 1 },
    )
    const producer = encryption ? encryptProducer(inner, encryption) : inner
    await producer.connect()
    return writerOf(producer)
  },
  async read(options, encryption) {
    const kafka = client()
    const inner = kafka.consumer({
      groupId: options.group,
      maxWaitTimeInMs: 50,
      heartbeatInterval: 200,
      sessionTimeout: 10_000,
    })
    if (encryption === undefined) return readerOf(inner, options)
    const letters = kafka.producer()
    await letters.connect()
    const reader = await readerOf(decryptConsumer(inner, encryption, { deadLetters: letters }), options)
    return { ...reader, close: () => reader.close().finally(() => letters.disconnect()) }
  },
}

const messageOf = (record: Sent): Message => ({ ...record })

/** One topic is the form `send` of KafkaJS, several are `sendBatch`. */
function sending(to: Pick<Producer, 'send' | 'sendBatch'>): Writer['send'] {
  return async (...sends: Sends) => {
    const [first, ...others] = sends.map(({ topic, records }) => ({
      topic,
      messages: records.map(messageOf),
    }))
    if (first === undefined) return
    if (others.length === 0) await to.send(first)
    else await to.sendBatch({ topicMessages: [first, ...others] })
  }
}

function writerOf(producer: Producer): Writer {
  return {
    send: sending(producer),
    async sendNative(topic, messages) {
      await producer.send({ topic, messages: messages as Message[] })
    },
    async transaction(): Promise<Transaction> {
      const transaction = await producer.transaction()
      return {
        send: sending(transaction),
        async sendOffsets(reader, after) {
          await transaction.sendOffsets({
            consumerGroupId: reader.group,
            topics: after.map(({ topic, partition, offset }) => ({
              topic,
              partitions: [{ partition, offset: String(BigInt(offset) + 1n) }],
            })),
          })
        },
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
  const texts = (values: KafkaMessage['headers'] & object): Record<string, string[]> =>
    Object.fromEntries(
      Object.entries(values).map(([name, some]) => [name, [some].flat().map((one) => String(one))]),
    )
  return { topic, partition, offset, key, value, headers: texts(headers), replaced }
}

async function readerOf(consumer: Consumer, options: ReadOptions): Promise<Reader> {
  const { group, topics, kind = 'each', commits = 'handled', concurrency = 1, handle } = options
  const run = (): Promise<void> =>
    consumer.run({
      autoCommit: commits === 'handled',
      partitionsConsumedConcurrently: concurrency,
      ...(kind === 'each'
        ? {
            eachMessage: async ({ topic, partition, message }) =>
              handle([received(topic, partition, message)]),
          }
        : {
            eachBatch: async ({ batch: { topic, partition, messages } }) =>
              handle(messages.map((message) => received(topic, partition, message))),
          }),
    })
  await consumer.connect()
  await consumer.subscribe({ topics: [...topics], fromBeginning: true })
  await run()
  return {
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
    again: run,
    close: () => consumer.disconnect(),
  }
}
