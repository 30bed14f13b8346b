import type { Kafka } from 'kafkajs'
import type { Encryption } from '../../index.js'
import { rangesOf } from '../../operate/topics/ranges.js'
import { readTopics, type ReadBatch } from '../../operate/topics/read-topics.js'
import { openValues } from './open-values.js'

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
  const ranges = await rangesOf(admin, [topic]).finally(() => admin.disconnect())
  const values: ReadValue[] = []
  const onBatch = async (batch: ReadBatch): Promise<'stop' | undefined> => {
    values.push(...(await readBatch(batch, encryption, records - values.length)))
    return values.length === records ? 'stop' : undefined
  }
  await readTopics({ kafka, purpose: 'dictionary', ranges, onBatch })
  return { values, atMost: ranges.reduce((sum, { from, to }) => sum + Number(to - from), 0) }
}

/** The values of a batch that are not empty, at most `wanted` of them. */
async function readBatch(batch: ReadBatch, encryption: Encryption, wanted: number): Promise<ReadValue[]> {
  const messages = batch.messages.filter(({ value }) => value !== null).slice(0, wanted)
  const opened = await openValues(encryption, batch, messages)
  return messages.flatMap(({ key, offset }, i) => {
    const value = opened[i]
    const place = `${batch.topic}, partition ${String(batch.partition)}, offset ${offset}`
    return value?.length ? [{ value, key, place }] : []
  })
}
