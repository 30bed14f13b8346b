import { randomUUID } from 'node:crypto'
import type { Consumer, Kafka, Message, Producer } from 'kafkajs'
import { decryptConsumer, encryptProducer } from '../../src/clients/kafkajs/index.js'
import { sealRecords } from '../../src/record/index.js'
import { figureOver, type Figure, type Metric } from '../harness/result.js'
import { watchStretches } from '../harness/watch.js'
import type { OnEngine } from './engines.js'
import { MAX_BATCH_BYTES, benchKafka, withTopics } from './kafka.js'
import { randomValues, recordsOf } from './setup.js'

/** Short, so that heartbeats are due while the batch is opened. */
const HEARTBEAT_MS = 20
const FILLED_AT_ONCE = 500
/** A broker gives 55 MiB at once (its `fetch.max.bytes`), which is less than 50,000 sealed records of 1 KiB. */
const LEAST_SHARE = 0.8

interface Client {
  readonly name: string
  readonly messages: readonly Message[]
  readonly producer: (plain: Producer) => Producer
  readonly consumer: (plain: Consumer) => Consumer
}

/**
 * Sends a batch of this many records: wrapped, and plain with values as large as sealed ones. A wrapped producer divides
 * such a send into requests that the broker takes. KafkaJS does not, and needs time with the square of the size to encode it.
 */
export function sending(encryptions: readonly OnEngine[], values: readonly Buffer[]): Promise<Figure[]> {
  return eachClient(encryptions, values, async (kafka, topic, client) => [await sent(kafka, topic, client)])
}

/** Reads such batches. */
export function reading(
  encryptions: readonly OnEngine[],
  values: readonly Buffer[],
  rounds: number,
): Promise<Figure[]> {
  return eachClient(encryptions, values, async (kafka, topic, client) => {
    await fill(kafka, topic, client)
    return read(kafka, topic, client, rounds)
  })
}

/** The figures of each client, on a topic of its own. */
async function eachClient(
  encryptions: readonly OnEngine[],
  values: readonly Buffer[],
  figuresOf: (kafka: Kafka, topic: string, client: Client) => Promise<Figure[]>,
): Promise<Figure[]> {
  const [first] = encryptions
  if (first === undefined) throw new Error('there is no engine')
  const [sample] = await sealRecords(first.encryption, recordsOf('bench', values.slice(0, 1)))
  const large = randomValues(1, sample?.value?.length ?? 0)
  const clients: Client[] = [
    {
      name: 'plainAtSealedSize',
      messages: recordsOf(
        '',
        values.map(() => large[0] as Buffer),
      ),
      producer: (plain) => plain,
      consumer: (plain) => plain,
    },
    ...encryptions.map(({ engine, encryption }) => ({
      name: engine,
      messages: recordsOf('', values),
      producer: (plain: Producer) => encryptProducer(plain, encryption),
      consumer: (plain: Consumer) => decryptConsumer(plain, encryption),
    })),
  ]
  return withTopics(
    clients.map(({ name }) => name),
    async (topicOf) => {
      const figures: Figure[] = []
      for (const client of clients)
        figures.push(...(await figuresOf(benchKafka(), topicOf(client.name), client)))
      return figures
    },
  )
}

/** In sends of a size that KafkaJS encodes in time. */
async function fill(kafka: Kafka, topic: string, { messages, producer: wrap }: Client): Promise<void> {
  const producer = wrap(kafka.producer())
  await producer.connect()
  for (let at = 0; at < messages.length; at += FILLED_AT_ONCE)
    await producer.send({ topic, messages: messages.slice(at, at + FILLED_AT_ONCE) })
  await producer.disconnect()
}

/** Once: plain takes half a minute. */
async function sent(
  kafka: Kafka,
  topic: string,
  { name, messages, producer: wrap }: Client,
): Promise<Figure> {
  const producer = wrap(kafka.producer())
  await producer.connect()
  const longest = watchStretches()
  await producer.send({ topic, messages: [...messages] })
  const stretch = longest()
  await producer.disconnect()
  return figureOver(name, 'longestBlockMilliseconds', [stretch])
}

/** What happens from the start of the batch, when KafkaJS has decoded it, to its end. */
async function read(kafka: Kafka, topic: string, client: Client, rounds: number): Promise<Figure[]> {
  const batches: Opened[] = []
  for (let round = 0; round < rounds; round++) batches.push(await readOnce(kafka, topic, client))
  const of = (metric: Metric, number: (batch: Opened) => number): Figure =>
    figureOver(client.name, metric, batches.map(number))
  return [
    of('longestBlockMilliseconds', ({ stretch }) => stretch),
    // The start and the end of the batch are not heartbeats.
    of('heartbeats', ({ beats }) => beats.length - 2),
    of('longestTimeWithoutHeartbeatMilliseconds', ({ beats }) =>
      Math.max(...beats.slice(1).map((at, i) => at - (beats[i] ?? at))),
    ),
  ]
}

interface Opened {
  readonly stretch: number
  /** When the batch started, each heartbeat, when it ended. */
  readonly beats: readonly number[]
}

async function readOnce(kafka: Kafka, topic: string, { messages, consumer: wrap }: Client): Promise<Opened> {
  const plain = kafka.consumer({
    groupId: `bench-${randomUUID()}`,
    heartbeatInterval: HEARTBEAT_MS,
    maxBytes: MAX_BATCH_BYTES,
    maxBytesPerPartition: MAX_BATCH_BYTES,
    maxWaitTimeInMs: 100,
  })
  const consumer = wrap(plain)
  const opened = new Promise<Opened>((resolve, reject) => {
    let longest: () => number
    const beats: number[] = []
    plain.on(plain.events.START_BATCH_PROCESS, () => {
      longest = watchStretches()
      beats.push(performance.now())
    })
    plain.on(plain.events.HEARTBEAT, () => {
      if (beats.length > 0) beats.push(performance.now())
    })
    plain.on(plain.events.END_BATCH_PROCESS, ({ payload: { batchSize } }) => {
      beats.push(performance.now())
      const stretch = longest()
      if (batchSize >= messages.length * LEAST_SHARE) resolve({ stretch, beats })
      else reject(new Error(`the batch has ${String(batchSize)} records`))
    })
    plain.on(plain.events.CRASH, ({ payload }) => {
      reject(payload.error)
    })
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachBatch: () => Promise.resolve() })
  try {
    return await opened
  } finally {
    await consumer.disconnect()
  }
}
