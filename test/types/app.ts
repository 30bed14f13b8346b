/** An application typed against KafkaJS alone. It names every member there is: a new one fails to compile here. */
import type {
  Consumer,
  ConsumerEvents,
  ConsumerRunConfig,
  ConsumerSubscribeTopic,
  ConsumerSubscribeTopics,
  EachBatchPayload,
  EachMessagePayload,
  Kafka,
  Offsets,
  Producer,
  ProducerBatch,
  ProducerEvents,
  ProducerRecord,
  RecordMetadata,
  Transaction,
} from 'kafkajs'

const names = <T extends string>(members: Readonly<Record<T, true>>): readonly T[] =>
  Object.keys(members) as T[]

const sender = { send: true, sendBatch: true } as const
export const PRODUCER = names<keyof Producer>({
  ...sender,
  connect: true,
  disconnect: true,
  isIdempotent: true,
  events: true,
  on: true,
  transaction: true,
  logger: true,
})
export const TRANSACTION = names<keyof Transaction>({
  ...sender,
  sendOffsets: true,
  commit: true,
  abort: true,
  isActive: true,
})
export const CONSUMER = names<keyof Consumer>({
  connect: true,
  disconnect: true,
  subscribe: true,
  stop: true,
  run: true,
  commitOffsets: true,
  seek: true,
  describeGroup: true,
  pause: true,
  paused: true,
  resume: true,
  on: true,
  logger: true,
  events: true,
})
export const EACH_BATCH = names<keyof EachBatchPayload>({
  batch: true,
  resolveOffset: true,
  heartbeat: true,
  pause: true,
  commitOffsetsIfNecessary: true,
  uncommittedOffsets: true,
  isRunning: true,
  isStale: true,
})
export const EACH_MESSAGE = names<keyof EachMessagePayload>({
  topic: true,
  partition: true,
  message: true,
  heartbeat: true,
  pause: true,
})
const RUN_OPTIONS: Required<Omit<ConsumerRunConfig, 'eachBatch' | 'eachMessage'>> = {
  autoCommit: true,
  autoCommitInterval: 500,
  autoCommitThreshold: 3,
  eachBatchAutoResolve: false,
  partitionsConsumedConcurrently: 2,
}

/** The actions and observations of the application. */
export interface Protocol {
  readonly producerEvents: Set<keyof ProducerEvents>
  readonly consumerEvents: Set<keyof ConsumerEvents>
  readonly payloads: Set<keyof EachBatchPayload | keyof EachMessagePayload>
  readonly metadata: RecordMetadata[]
  readonly values: string[]
}

/** Listens to every event; returns what removes all listeners again. */
function listen(producer: Producer, consumer: Consumer, protocol: Protocol): () => void {
  const removers = [
    ...(Object.keys(producer.events) as (keyof ProducerEvents)[]).map((name) =>
      producer.on(producer.events[name], () => protocol.producerEvents.add(name)),
    ),
    ...(Object.keys(consumer.events) as (keyof ConsumerEvents)[]).map((name) =>
      consumer.on(consumer.events[name], () => protocol.consumerEvents.add(name)),
    ),
  ]
  return () => {
    for (const remove of removers) remove()
  }
}

/** Sends in all four ways, and once without success. */
async function produce(
  producer: Producer,
  topic: string,
  value: string,
  offsets: Offsets,
): Promise<RecordMetadata[]> {
  const record: ProducerRecord = {
    topic,
    messages: [
      {
        key: 'k',
        value: `${value} send`,
        headers: { h: ['1', Buffer.from('2')] },
        partition: 0,
        timestamp: '5',
      },
    ],
    acks: -1,
    timeout: 5000,
  }
  const batch: ProducerBatch = {
    topicMessages: [{ topic, messages: [{ value: `${value} sendBatch` }] }],
    acks: -1,
  }
  const metadata = [...(await producer.send(record)), ...(await producer.sendBatch(batch))]
  const transaction: Transaction = await producer.transaction()
  metadata.push(...(await transaction.send({ topic, messages: [{ value: `${value} transaction` }] })))
  metadata.push(...(await transaction.sendBatch(batch)))
  await transaction.sendOffsets({ consumerGroupId: `${topic}.other`, ...offsets })
  if (!transaction.isActive()) throw new Error('a transaction that ended by itself')
  await transaction.commit()
  const aborted = await producer.transaction()
  await aborted.send({ topic, messages: [{ value: `${value} aborted` }] })
  await aborted.abort()
  return metadata
}

/** Runs the application against any client; it cannot tell which. */
export async function runApplication(kafka: Kafka, topic: string, value: string): Promise<Protocol> {
  const producer: Producer = kafka.producer({
    transactionalId: topic,
    idempotent: true,
    maxInFlightRequests: 1,
  })
  const consumer: Consumer = kafka.consumer({ groupId: `app.${topic}`, maxWaitTimeInMs: 50 })
  const protocol: Protocol = {
    producerEvents: new Set(),
    consumerEvents: new Set(),
    payloads: new Set(),
    metadata: [],
    values: [],
  }
  const unlisten = listen(producer, consumer, protocol)
  await Promise.all([producer.connect(), consumer.connect()])
  const offsets: Offsets = { topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }] }
  protocol.metadata.push(...(await produce(producer, topic, value, offsets)))

  const one: ConsumerSubscribeTopic = { topic: new RegExp(`^${topic}$`), fromBeginning: true }
  await consumer.subscribe(one)
  await delivered(4, protocol, (arrived) =>
    consumer.run({
      eachMessage: async (payload: EachMessagePayload) => {
        for (const member of Object.keys(payload) as (keyof EachMessagePayload)[])
          protocol.payloads.add(member)
        payload.pause()()
        await payload.heartbeat()
        arrived(payload.message.value)
      },
    }),
  )
  await consumer.stop()
  const several: ConsumerSubscribeTopics = { topics: [topic], fromBeginning: true }
  await consumer.subscribe(several)
  const again = delivered(8, protocol, (arrived) =>
    consumer.run({
      ...RUN_OPTIONS,
      eachBatch: async (payload: EachBatchPayload) => {
        for (const member of Object.keys(payload) as (keyof EachBatchPayload)[]) protocol.payloads.add(member)
        payload.pause()()
        for (const { offset, value: content } of payload.batch.messages) {
          if (!payload.isRunning() || payload.isStale()) break
          arrived(content)
          payload.resolveOffset(offset)
          await payload.heartbeat()
        }
        await payload.commitOffsetsIfNecessary(payload.uncommittedOffsets())
      },
    }),
  )
  consumer.seek({ topic, partition: 0, offset: '0' })
  await again
  consumer.pause([{ topic, partitions: [0] }])
  if (consumer.paused().length !== 1) throw new Error('not paused')
  consumer.resume([{ topic }])
  await consumer.commitOffsets([{ topic, partition: 0, offset: '1', metadata: 'note' }])
  if ((await consumer.describeGroup()).members.length !== 1) throw new Error('not in the group')
  for (const client of [producer, consumer]) client.logger().namespace('app').debug('done', { topic })
  if (!producer.isIdempotent()) throw new Error('not idempotent')
  await Promise.all([producer.disconnect(), consumer.disconnect()])
  unlisten()
  return protocol
}

/** Resolves once `count` values arrived in all, and `run` is up. */
async function delivered(
  count: number,
  { values }: Protocol,
  run: (arrived: (value: Buffer | null) => void) => Promise<void>,
): Promise<void> {
  let done = (): void => undefined
  const complete = new Promise<void>((resolve) => (done = resolve))
  await run((value) => {
    values.push(value?.toString() ?? 'null')
    if (values.length >= count) done()
  })
  await complete
}
