import type { Consumer, Kafka, Producer } from 'kafkajs'

/** Wraps what the inner client makes; admin and logger are the inner client's. */
export interface ClientWrappers {
  readonly producer: (inner: Producer) => Producer
  readonly consumer: (inner: Consumer, client: Kafka) => Consumer
}

/** A KafkaJS client of which every producer seals and every consumer opens. */
export function encryptingKafka(inner: Kafka, wrap: ClientWrappers): Kafka {
  return Object.create(inner, {
    producer: { value: (config?: Parameters<Kafka['producer']>[0]) => wrap.producer(inner.producer(config)) },
    consumer: {
      value: (config: Parameters<Kafka['consumer']>[0]) => wrap.consumer(inner.consumer(config), inner),
    },
  }) as Kafka
}
