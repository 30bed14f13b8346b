import { hostname } from 'node:os'
import type { Admin, Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import { isEnvelopeError } from '../../errors.js'
import type { Encryption } from '../../index.js'
import { openValues } from './open-values.js'
import { TopicProgress } from './topic-progress.js'

/** What a module exports for this command: KMS clients and credentials of brokers exist only in code. */
export interface Setup {
  readonly kafka: Kafka
  readonly encryption: Encryption
}

/** A value that was read, and where. */
export interface ReadValue {
  readonly value: Buffer
  readonly key: Buffer | null
  readonly place: string
}

export interface ReadTopic {
  readonly values: readonly ReadValue[]
  /** How many records the topic had, at most, when the reading began. */
  readonly atMost: number
}

/** The end of a partition may hold no record that can be fetched. So many fetches without a record end the reading. */
const IDLE_FETCHES = 10
const FETCH_MS = 500
/** How often KafkaJS may start a consumer again after a failure that could pass. */
const MAX_RESTARTS = 5

/**
 * Reads values from a topic through its decrypt rule, from its beginning, until there are `records` of them or the topic
 * has no more. Commits no offsets, and leaves no consumer group behind.
 * @throws EnvelopeError of the first record that does not open
 */
export async function readTopic(
  { kafka, encryption }: Setup,
  topic: string,
  records: number,
): Promise<ReadTopic> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    // To ask for the offsets of a topic that does not exist could create it.
    if (!(await admin.listTopics()).includes(topic)) throw new Error(`topic ${topic} does not exist`)
    const progress = new TopicProgress(await admin.fetchTopicOffsets(topic))
    const values: ReadValue[] = []
    if (!progress.isDone) await consume({ kafka, encryption }, admin, { topic, records, progress, values })
    return { values, atMost: progress.atMost }
  } finally {
    await admin.disconnect()
  }
}

interface Reading {
  readonly topic: string
  readonly records: number
  readonly progress: TopicProgress
  /** Grows up to `records`. */
  readonly values: ReadValue[]
}

async function consume({ kafka, encryption }: Setup, admin: Admin, reading: Reading): Promise<void> {
  const groupId = `kafka-envelope-dictionary-${hostname()}-${String(process.pid)}`
  const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false, maxWaitTimeInMs: FETCH_MS })
  try {
    await consumer.connect()
    await consumer.subscribe({ topic: reading.topic, fromBeginning: true })
    await readAll(consumer, encryption, reading)
  } finally {
    await consumer.disconnect()
    // A broker may have dropped it: it is empty and has no offsets.
    await admin.deleteGroups([groupId]).catch(() => undefined)
  }
}

function readAll(consumer: Consumer, encryption: Encryption, reading: Reading): Promise<void> {
  const { progress, records, values } = reading
  return new Promise((done, fail) => {
    let restarts = 0
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart || ++restarts > MAX_RESTARTS) fail(error)
    })
    // Each broker is fetched from on its own, and one may be slower than others.
    const idle = new Map<number, number>()
    consumer.on(consumer.events.FETCH_START, ({ payload: { nodeId } }) => {
      if (!idle.has(nodeId)) idle.set(nodeId, 0)
    })
    consumer.on(consumer.events.FETCH, ({ payload: { nodeId } }) => {
      idle.set(nodeId, (idle.get(nodeId) ?? 0) + 1)
      if (Math.min(...idle.values()) >= IDLE_FETCHES) done()
    })
    // KafkaJS emits this even for a batch without records to deliver, such as one of an aborted transaction.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
      for (const nodeId of idle.keys()) idle.set(nodeId, 0)
      progress.passed(partition, lastOffset)
      if (progress.isDone || values.length === records) done()
    })
    const eachBatch = (payload: EachBatchPayload): Promise<void> =>
      readBatch(payload, encryption, reading).catch((error: unknown) => {
        // KafkaJS would try again, or start the consumer again.
        if (!isEnvelopeError(error)) throw error
        fail(error)
      })
    consumer.run({ autoCommit: false, eachBatch }).catch(fail)
  })
}

async function readBatch(payload: EachBatchPayload, encryption: Encryption, reading: Reading): Promise<void> {
  const { topic, progress, records, values } = reading
  const { batch } = payload
  const messages = batch.messages
    .filter(({ value, offset }) => value !== null && progress.isAhead(batch.partition, offset))
    .slice(0, records - values.length)
  const opened = await openValues(encryption, payload, messages)
  for (const [i, { key, offset }] of messages.entries()) {
    const value = opened[i]
    const place = `${topic}, partition ${String(batch.partition)}, offset ${offset}`
    if (value?.length) values.push({ value, key, place })
  }
}
