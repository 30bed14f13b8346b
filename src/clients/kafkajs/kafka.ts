import type { Consumer, ICustomPartitioner, Kafka, Producer, ProducerConfig } from 'kafkajs'
import { delegate } from '../shared/delegate.js'
import { checkGiven } from './given.js'

/** Wraps what the inner client makes; admin and logger are the inner client's. */
export interface ClientWrappers {
  readonly producer: (inner: Producer) => Producer
  readonly partitioner: (create: ICustomPartitioner) => ICustomPartitioner
  readonly consumer: (inner: Consumer, client: Kafka) => Consumer
}

/** A KafkaJS client of which every producer seals and every consumer opens. */
export function encryptingKafka(inner: Kafka, wrap: ClientWrappers): Kafka {
  checkGiven(inner, 'kafka')
  const withPartitioner = (config?: ProducerConfig): ProducerConfig | undefined =>
    config?.createPartitioner
      ? { ...config, createPartitioner: wrap.partitioner(config.createPartitioner) }
      : config
  return delegate(inner, {
    producer: (config) => wrap.producer(inner.producer(withPartitioner(config))),
    consumer: (config) => wrap.consumer(inner.consumer(config), inner),
  })
}
