import type { Kafka, Producer, ProducerRecord, RecordMetadata } from 'kafkajs'
import { checkDeadLetterProducer } from '../shared/check-dead-letters.js'

/** Sends the dead letters of a consumer. It lives as long as the consumer is connected. */
export interface DeadLetterProducer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  /** Resolves once the letters are acknowledged. */
  send(record: ProducerRecord): Promise<RecordMetadata[]>
}

/**
 * The application's own producer, which the application connects and disconnects.
 * @throws EnvelopeError CONFIG_INVALID if it is not a producer, or would seal the letters again
 */
export function deadLetterProducerOf(producer: Producer): DeadLetterProducer {
  checkDeadLetterProducer(producer, 'KafkaJS')
  return {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    send: (record) => producer.send(record),
  }
}

/** A producer that belongs to the consumer, and is connected and disconnected with it. */
export class OwnedDeadLetterProducer implements DeadLetterProducer {
  readonly #producer: Producer
  #connected: Promise<void> | undefined
  #disconnected: Promise<void> | undefined

  constructor(kafka: Kafka) {
    this.#producer = kafka.producer()
  }

  connect(): Promise<void> {
    this.#connected ??= this.#connect().catch((error: unknown) => {
      this.#connected = undefined
      throw error
    })
    return this.#connected
  }

  async disconnect(): Promise<void> {
    this.#connected = undefined
    const disconnecting = this.#producer.disconnect()
    this.#disconnected = disconnecting.catch(() => undefined)
    await disconnecting
  }

  /** Waits for a disconnect in progress: KafkaJS would write to a closed socket if it connected meanwhile. */
  async #connect(): Promise<void> {
    await this.#disconnected
    await this.#producer.connect()
  }

  async send(record: ProducerRecord): Promise<RecordMetadata[]> {
    // Also needed for a consumer that runs without `connect()`, which KafkaJS allows.
    await this.connect()
    try {
      return await this.#producer.send(record)
    } finally {
      // A send that outlives its consumer reconnects when it is retried.
      if (this.#connected === undefined) await this.#producer.disconnect()
    }
  }
}
