import type {
  Consumer,
  ConsumerRunConfig,
  EachBatchPayload,
  KafkaMessage,
  Message,
  ProducerRecord,
} from 'kafkajs'
import type { Encryption } from '../../../src/index.js'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'

export const message = (value: Buffer | null, offset: number): KafkaMessage => ({
  key: null,
  value,
  offset: String(offset),
  timestamp: '0',
  headers: {},
  attributes: 0,
})

/** A wrapped consumer, and the results of the batches that it was given. */
export async function consume(
  encryption: Encryption,
  handle: () => Promise<void> = () => Promise.resolve(),
  takesDeadLetters = true,
): Promise<{
  delivered: string[]
  messages: KafkaMessage[]
  heartbeats: () => number
  letters: { topic: string; offset: string }[]
  /** The letters themselves. */
  published: Message[]
  batch: (messages: readonly KafkaMessage[], partition?: number) => Promise<void>
}> {
  const configs: ConsumerRunConfig[] = []
  const inner = {
    events: { CRASH: 'consumer.crash', STOP: 'consumer.stop', GROUP_JOIN: 'consumer.group_join' },
    on: () => () => undefined,
    run: (given: ConsumerRunConfig) => Promise.resolve(void configs.push(given)),
  }
  const letters: { topic: string; offset: string }[] = []
  const published: Message[] = []
  const deadLetters = {
    send: ({ topic, messages }: ProducerRecord) => {
      published.push(...messages)
      letters.push(
        ...messages.map(({ headers }) => ({ topic, offset: String(headers?.['kafka-envelope.offset']) })),
      )
      return Promise.resolve([])
    },
  }
  const delivered: string[] = []
  const received: KafkaMessage[] = []
  let heartbeats = 0
  const options = takesDeadLetters ? { deadLetters: deadLetters as never } : {}
  await decryptConsumer(inner as unknown as Consumer, encryption, options).run({
    eachBatch: async ({ batch }) => {
      await handle()
      received.push(...batch.messages)
      delivered.push(...batch.messages.map(({ offset }) => offset))
    },
  })
  return {
    delivered,
    messages: received,
    heartbeats: () => heartbeats,
    letters,
    published,
    batch: async (messages, partition = 0) => {
      const payload = {
        batch: { topic: 't', partition, messages, lastOffset: () => messages.at(-1)?.offset },
        heartbeat: () => {
          heartbeats++
          return Promise.resolve()
        },
        resolveOffset: () => undefined,
        isStale: () => false,
        isRunning: () => true,
      }
      await configs[0]?.eachBatch?.(payload as unknown as EachBatchPayload)
    },
  }
}
