import type { Consumer, ConsumerConfig, Kafka, KafkaConfig } from 'kafkajs'
import { decryptConsumer, encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { createEncryption, EnvelopeError, type Encryption } from '../../../src/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { MemoryKms } from '../../support/memory-kms.js'

/** A topic whose records are sealed under a CMK that is near, or under one that is far and may be away. */
export interface NearAndFar {
  readonly topic: string
  readonly kafka: Kafka
  /** Whether the far KMS is away for readers. It still answers writers. */
  isAway: boolean
  /** The encryption of the consumers. */
  readonly encryption: Encryption
  send(which: 'near' | 'far', partition: number, count: number): Promise<void>
  /** A consumer of the group that is named like the topic, not connected. */
  consumer(config?: Partial<ConsumerConfig> & Pick<KafkaConfig, 'clientId'>): Consumer
  /** The committed offsets of the group, by partition. */
  committed(): Promise<Record<number, string>>
  end(): Promise<void>
}

export async function nearAndFar(partitions: number): Promise<NearAndFar> {
  const topic = await newTopic('parking', partitions)
  const retry = { initialRetryTime: 50, maxRetryTime: 300 }
  const kafka = testKafka({ retry })
  const kms = { near: new MemoryKms({ provider: 'near' }), far: new MemoryKms({ provider: 'far' }) }
  const ends: (() => Promise<void>)[] = []
  const owner = async (sealing: 'near' | 'far'): Promise<Encryption> => {
    const encryption = await createEncryption({
      kms: { near: kms.near.client(), far: kms.far.client() },
      cmks: { near: [{ kms: 'near', id: 'a' }], far: [{ kms: 'far', id: 'b' }] },
      topics: [{ match: [topic], encrypt: { cmk: sealing }, decrypt: { cmk: ['near', 'far'] } }],
      kmsRetries: 0,
    })
    ends.push(() => encryption.close())
    return encryption
  }
  const encryption = await owner('near')
  const senders = { near: encryption, far: await owner('far') }
  const made: NearAndFar = {
    topic,
    kafka,
    isAway: false,
    encryption,
    async send(which, partition, count) {
      const producer = encryptProducer(kafka.producer(), senders[which])
      await producer.connect()
      const messages = Array.from({ length: count }, (_, i) => ({
        value: `${CANARY} ${String(i)}`,
        partition,
      }))
      await producer.send({ topic, messages })
      await producer.disconnect()
    },
    consumer({ clientId, ...config } = {}) {
      const inner = testKafka({ retry, ...(clientId === undefined ? {} : { clientId }) }).consumer({
        groupId: topic,
        maxWaitTimeInMs: 100,
        sessionTimeout: 6000,
        heartbeatInterval: 300,
        retry: { retries: 0 },
        ...config,
      })
      const consumer = decryptConsumer(inner, encryption)
      ends.push(() => consumer.disconnect())
      return consumer
    },
    async committed() {
      const admin = kafka.admin()
      await admin.connect()
      const [offsets] = await admin.fetchOffsets({ groupId: topic, topics: [topic] })
      await admin.disconnect()
      return Object.fromEntries(
        (offsets?.partitions ?? []).map(({ partition, offset }) => [partition, offset]),
      )
    },
    async end() {
      for (const end of ends.splice(0).reverse()) await end()
    },
  }
  const unwrapDek = kms.far.unwrapDek.bind(kms.far)
  kms.far.unwrapDek = async (call) => {
    if (made.isAway) throw new EnvelopeError('KMS_UNAVAILABLE', 'away')
    return unwrapDek(call)
  }
  return made
}
