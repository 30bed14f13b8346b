import type {
  ConfluentProducer,
  RecordMetadata,
  TopicMessages,
} from '../../../src/clients/confluent/client.js'

/** A producer as Confluent's class is: with private fields, and it changes the messages that it is given. */
export class FakeProducer implements ConfluentProducer {
  readonly sent: TopicMessages[] = []
  readonly steps: string[] = []
  /** What sends reject with, while set. */
  failure: Error | undefined
  #state: 'new' | 'connected' | 'disconnected' = 'new'
  #isInTransaction = false

  connect(): Promise<void> {
    return this.#step('connect', () => (this.#state = 'connected'))
  }

  disconnect(): Promise<void> {
    return this.#step('disconnect', () => (this.#state = 'disconnected'))
  }

  async send(record: TopicMessages): Promise<RecordMetadata[]> {
    this.#refuse('send')
    if (this.failure !== undefined) throw this.failure
    for (const message of record.messages as unknown as Record<string, unknown>[]) {
      message['partition'] ??= -1
      if (typeof message['value'] === 'string') message['value'] = Buffer.from(message['value'])
      message['timestamp'] = Number(message['timestamp'] ?? 0)
    }
    this.sent.push(record)
    await Promise.resolve()
    return [{ topicName: record.topic, partition: 0, errorCode: 0 }]
  }

  async sendBatch({ topicMessages = [] }: { topicMessages?: TopicMessages[] }): Promise<RecordMetadata[]> {
    this.#refuse('sendBatch')
    return (await Promise.all(topicMessages.map((one) => this.send(one)))).flat()
  }

  flush({ timeout = 500 }: { timeout?: number } = {}): Promise<void> {
    return this.#step(`flush ${String(timeout)}`)
  }

  async transaction(): Promise<this> {
    await this.#step('transaction', () => (this.#isInTransaction = true))
    return this
  }

  commit(): Promise<void> {
    return this.#step('commit', () => (this.#isInTransaction = false))
  }

  abort(): Promise<void> {
    return this.#step('abort', () => (this.#isInTransaction = false))
  }

  isActive(): boolean {
    return this.#isInTransaction
  }

  #refuse(what: string): void {
    if (this.#state !== 'connected') throw new Error(`Cannot ${what} without awaiting connect()`)
  }

  #step(name: string, then: () => void = () => undefined): Promise<void> {
    this.steps.push(name)
    then()
    return Promise.resolve()
  }
}
