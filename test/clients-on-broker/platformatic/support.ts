import { randomUUID } from 'node:crypto'
import { Consumer, Producer, type ConsumeOptions, type Message } from '@platformatic/kafka'
import type { DecryptOptions } from '../../../src/clients/platformatic/index.js'
import { decryptConsumer, encryptProducer } from '../../../src/clients/platformatic/index.js'
import type { DecryptRule } from '../../../src/index.js'
import { newTopic } from '../../support/broker.js'
import { memoryEncryption } from '../../support/encryption.js'

type Bytes = ConsumeOptions<Buffer, Buffer, Buffer, Buffer>

export function plainProducer(options: object = {}): Producer {
  return new Producer({ ...base(), ...options })
}

export function plainConsumer(groupId = `group.${randomUUID()}`, options: object = {}): Consumer {
  // Short, so that a rebalance takes no long.
  const group = { sessionTimeout: 6000, rebalanceTimeout: 6000, heartbeatInterval: 200, maxWaitTime: 100 }
  return new Consumer({ ...base(), groupId, ...group, ...options })
}

function base(): { clientId: string; bootstrapBrokers: string[] } {
  return { clientId: 'laws', bootstrapBrokers: (process.env['KAFKA_BROKERS'] ?? '').split(',') }
}

/** A topic with a rule, an encryption, and a way to make clients that a test closes with `end`. */
export async function fixture(name: string, decrypt: Partial<DecryptRule> = {}, partitions = 1) {
  const topic = await newTopic(name, partitions)
  const { encryption, kms, events } = await memoryEncryption([
    { match: [topic], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', ...decrypt } },
  ])
  const ends: (() => Promise<void>)[] = []
  const closed = <C extends Parameters<typeof close>[0]>(client: C): C => {
    ends.unshift(() => close(client))
    return client
  }
  return {
    topic,
    encryption,
    kms,
    events,
    producer: (options?: object) => closed(encryptProducer(closed(plainProducer(options)), encryption)),
    consumer: (group?: string, options: DecryptOptions<Buffer, Buffer, Buffer, Buffer> = {}) =>
      closed(decryptConsumer(plainConsumer(group), encryption, options)),
    plain: () => ({ producer: closed(plainProducer()), consumer: closed(plainConsumer()) }),
    end: async () => {
      for (const end of ends) await end()
      await encryption.close()
    },
  }
}

/** Closes a client, even while it has streams. */
export function close(client: {
  close(force: boolean, callback: (error: Error | null) => void): void
}): Promise<void> {
  return new Promise((resolve, reject) => {
    client.close(true, (error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}

export const fromStart = (topic: string, options: Partial<Bytes> = {}): Bytes => ({
  topics: [topic],
  mode: 'committed',
  fallbackMode: 'earliest',
  autocommit: false,
  ...options,
})

/** The first messages of a stream. Leaves the stream open if `count` is reached. */
export async function take(stream: AsyncIterable<Message>, count: number): Promise<Message[]> {
  const got: Message[] = []
  const iterator = stream[Symbol.asyncIterator]()
  while (got.length < count) {
    const { done, value } = (await iterator.next()) as IteratorResult<Message, undefined>
    if (done === true) break
    got.push(value)
  }
  return got
}

export const valuesOf = (messages: readonly Message[]): string[] =>
  messages.map(({ value }) => (value as Buffer | undefined)?.toString() ?? 'null')
