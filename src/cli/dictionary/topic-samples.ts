import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import { decryptConsumer } from '../../clients/kafkajs/index.js'
import type { Encryption } from '../../index.js'

/** What a module exports for this command: KMS clients and credentials of brokers exist only in code. */
interface Setup {
  readonly kafka: Kafka
  readonly encryption: Encryption
}

/** Where to take samples from. */
export interface TopicSamples {
  readonly topic: string
  /** A module that exports `kafka` and `encryption`. */
  readonly config: string
  /** How many records at most, from the beginning of the topic. */
  readonly records: number
}

/** Fetches without a record after which a topic counts as read. */
const IDLE_FETCHES = 10
const FETCH_MS = 500

/**
 * Reads values from a topic through its decrypt rule, until there are enough or the topic has no more. Commits no
 * offsets, and leaves no consumer group behind.
 */
export async function readTopicSamples({ topic, config, records }: TopicSamples): Promise<Buffer[]> {
  const { kafka, encryption } = await load(config)
  const groupId = `kafka-envelope-dictionary-${hostname()}-${String(process.pid)}`
  const plain = kafka.consumer({ groupId, allowAutoTopicCreation: false, maxWaitTimeInMs: FETCH_MS })
  const samples: Buffer[] = []
  try {
    const consumer = decryptConsumer(plain, encryption)
    try {
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await read(consumer, samples, records)
    } finally {
      await consumer.disconnect()
    }
    await deleteGroup(kafka, groupId)
  } finally {
    await encryption.close()
  }
  return samples
}

async function load(config: string): Promise<Setup> {
  const loaded = (await import(pathToFileURL(resolve(config)).href)) as Partial<Setup>
  const { kafka, encryption } = loaded
  if (kafka === undefined || encryption === undefined) {
    throw new Error(`${config} has to export \`kafka\` and \`encryption\``)
  }
  return { kafka, encryption }
}

/** Resolves once `samples` has `records` values, or the topic has no more. */
function read(consumer: Consumer, samples: Buffer[], records: number): Promise<void> {
  return new Promise((done, fail) => {
    let idle = 0
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      fail(payload.error)
    })
    consumer.on(consumer.events.FETCH, ({ payload }) => {
      idle = payload.numberOfBatches === 0 ? idle + 1 : 0
      if (idle === IDLE_FETCHES) done()
    })
    const eachBatch = ({ batch, resolveOffset }: EachBatchPayload): Promise<void> => {
      const values = batch.messages.flatMap(({ value }) =>
        value === null || value.length === 0 ? [] : value,
      )
      samples.push(...values.slice(0, records - samples.length))
      resolveOffset(batch.lastOffset())
      if (samples.length === records) done()
      return Promise.resolve()
    }
    consumer.run({ autoCommit: false, eachBatch }).catch(fail)
  })
}

async function deleteGroup(kafka: Kafka, groupId: string): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    // A broker may have dropped it: it is empty and has no offsets.
    await admin.deleteGroups([groupId]).catch(() => undefined)
  } finally {
    await admin.disconnect()
  }
}
