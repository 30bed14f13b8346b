import { EventEmitter } from 'node:events'
import type { Consumer, IHeaders, KafkaMessage, Message, Producer, ProducerRecord } from 'kafkajs'
import { memoryConsumer } from '../../src/clients/kafkajs/testing/index.js'

export interface Stored {
  readonly topic: string
  readonly message: KafkaMessage
}

/** As much of KafkaJS's client as Nest's Kafka transport uses: topics with one partition, in memory. */
export class MemoryKafka {
  /** All that was sent, as a broker would have it. */
  readonly stored: Stored[] = []
  /** Changes what was sent before it is stored, as someone with access to the broker could. */
  tamper: (sent: Stored) => Stored = (sent) => sent
  /** What was closed, in order. */
  readonly closed: string[] = []
  readonly #readers = new Map<string, (message: KafkaMessage) => Promise<unknown>>()

  consumer({ groupId }: { groupId: string }): Consumer {
    const inner = memoryConsumer()
    const emitter = new EventEmitter()
    const topics: string[] = []
    return Object.assign({ ...inner } satisfies Consumer, {
      on: (name: string, listener: (event: unknown) => void) => {
        inner.on(name as typeof inner.events.CONNECT, listener)
        emitter.on(name, listener)
        return () => emitter.off(name, listener)
      },
      subscribe: (subscription: { topics: string[] }) => {
        topics.push(...subscription.topics)
        return Promise.resolve()
      },
      run: async (config: Parameters<Consumer['run']>[0]) => {
        await inner.run(config)
        for (const topic of topics) this.#readers.set(topic, (message) => inner.deliver(topic, [message]))
        const memberAssignment = Object.fromEntries(topics.map((topic) => [topic, [0]]))
        emitter.emit(inner.events.GROUP_JOIN, { payload: { groupId, memberAssignment } })
      },
      disconnect: async () => {
        await inner.disconnect()
        this.closed.push('consumer')
      },
    } as unknown as Partial<Consumer>)
  }

  producer(): Producer {
    const send = async ({ topic, messages }: ProducerRecord) => {
      for (const message of messages) await this.put(topic, message)
      return []
    }
    return {
      events: { CONNECT: 'producer.connect', DISCONNECT: 'producer.disconnect' },
      on: () => () => undefined,
      connect: () => Promise.resolve(),
      disconnect: () => {
        this.closed.push('producer')
        return Promise.resolve()
      },
      send,
      sendBatch: async ({ topicMessages = [] }: { topicMessages?: ProducerRecord[] }) => {
        for (const one of topicMessages) await send(one)
        return []
      },
      transaction: () => Promise.reject(new Error('not needed')),
    } as unknown as Producer
  }

  /** Stores a message and hands it to who reads the topic, without waiting for what that does. */
  async put(topic: string, { key = null, value, headers = {} }: Message): Promise<void> {
    const message = {
      key: bytes(key),
      value: bytes(value),
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, given]) => [name, bytes(given as string)]),
      ) as IHeaders,
      offset: String(this.stored.length),
      timestamp: '0',
      attributes: 0,
    }
    const sent = this.tamper({ topic, message })
    this.stored.push(sent)
    const deliver = this.#readers.get(sent.topic)
    await Promise.resolve()
    void deliver?.(sent.message).catch((error: unknown) => this.failures.push(error))
  }

  /** Errors with which a consumer would have stopped, or retried. */
  readonly failures: unknown[] = []
}

function bytes(given: Buffer | string | null): Buffer | null {
  return given === null ? null : Buffer.from(given as string)
}
