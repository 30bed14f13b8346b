import type { Admin } from 'kafkajs'
import {
  createEncryption,
  type DecryptRule,
  type Encryption,
  type EncryptRule,
  type EncryptionConfig,
  type TopicRule,
} from '../../src/index.js'
import { sealRecords } from '../../src/record/index.js'
import { until } from '../integration/support/pair.js'
import { newTopic, testKafka } from '../support/broker.js'
import { CANARY } from '../support/emissions.js'
import { watch, type SeenEvent } from '../support/encryption.js'
import { MemoryKms } from '../support/memory-kms.js'
import type { ClientUnderTest, Reader, ReadOptions, Received, Sent, Writer } from './client-under-test.js'

/** What the test calls when it is over, last first. */
export type Ends = (end: () => Promise<void>) => void

export interface StageOptions {
  /** Default 1 topic with 1 partition. */
  readonly topics?: number
  readonly partitions?: number
  /** Whether the test puts changed envelopes there. */
  readonly raw?: boolean
  readonly encrypt?: Partial<EncryptRule>
  readonly decrypt?: Partial<DecryptRule>
  /** More rules. */
  readonly rules?: readonly TopicRule<string, string>[]
}

/** Where a law is tried: new topics, a group, two KMSs and one client, wrapped or plain. */
export interface Stage {
  readonly topics: readonly string[]
  readonly topic: string
  readonly group: string
  /** Absent if the client is plain. */
  readonly encryption: Encryption | undefined
  /** The KMS under whose CMK writers seal. */
  readonly near: MemoryKms
  /** The KMS of records that a test puts with `far`. No reader has asked it for anything yet. */
  readonly far: MemoryKms
  readonly events: readonly SeenEvent[]
  /** Encryptions as in processes of their own, which seal under the one CMK and the other. */
  readonly elsewhere: Readonly<Record<'near' | 'far', Encryption>>
  writer(transactionalId?: string): Promise<Writer>
  /** A reader of the group, and what its handler has got. */
  read(options?: Partial<ReadOptions>): Promise<{ reader: Reader; seen: Received[] }>
  /** Writes sealed records of the first topic with another client, as a process elsewhere would. */
  put(records: readonly Sent[], sealedWith?: 'near' | 'far'): Promise<void>
  /** Writes as plain KafkaJS does. */
  putRaw(records: readonly Sent[], topic?: string): Promise<void>
  /** The committed offsets of the group, as `topic/partition: offset` with the topic's number. Those that are not are absent. */
  committed(): Promise<Record<string, string>>
  /** How many members the group has. */
  members(): Promise<number>
  /** How many records a topic has. */
  count(topic?: string): Promise<number>
}

export const text = (n: number | string): string => `${CANARY} ${String(n)}`

export async function stage(
  client: ClientUnderTest,
  ends: Ends,
  { topics: topicCount = 1, partitions = 1, raw = false, encrypt, decrypt, rules = [] }: StageOptions = {},
  wrapped = true,
): Promise<Stage> {
  const topics = await Promise.all(
    Array.from({ length: topicCount }, () => newTopic(raw ? 'raw.laws' : 'laws', partitions)),
  )
  const [topic = ''] = topics
  const group = `group.${topic}`
  const near = new MemoryKms({ provider: 'near' })
  const far = new MemoryKms({ provider: 'far' })
  const owner = async (cmk: 'near' | 'far'): Promise<Encryption> => {
    const config: EncryptionConfig = {
      kms: { near: near.client(), far: far.client() },
      cmks: { near: [{ kms: 'near', id: 'near' }], far: [{ kms: 'far', id: 'far' }] },
      topics: [
        { match: topics, encrypt: { cmk, ...encrypt }, decrypt: { cmk: ['near', 'far'], ...decrypt } },
        ...rules,
      ],
      kmsRetries: 0,
    }
    const encryption = await createEncryption(config)
    ends(() => encryption.close())
    return encryption
  }
  const encryption = wrapped ? await owner('near') : undefined
  const events = encryption ? watch(encryption) : []
  const elsewhere = { near: await owner('near'), far: await owner('far') }
  const kafka = testKafka()
  const plain = kafka.producer()
  const admin = kafka.admin()
  await Promise.all([plain.connect(), admin.connect()])
  ends(async () => {
    await Promise.all([plain.disconnect(), admin.disconnect()])
  })
  const putRaw: Stage['putRaw'] = async (records, to = topic) => {
    await plain.send({ topic: to, messages: records.map((record) => ({ ...record })) })
  }
  return {
    ...{ topics, topic, group, encryption, elsewhere, near, far, events, putRaw },
    async writer(transactionalId) {
      const writer = await client.writer(encryption, transactionalId)
      ends(() => writer.close())
      return writer
    },
    async read(options = {}) {
      const seen: Received[] = []
      const reader = await client.read(
        {
          ...{ group, topics, ...options },
          async handle(records) {
            await options.handle?.(records)
            seen.push(...records)
          },
        },
        encryption,
      )
      ends(() => reader.close())
      return { reader, seen }
    },
    async put(records, sealedWith = 'near') {
      const sealed = await sealRecords(
        elsewhere[sealedWith],
        records.map(({ key = null, value, headers = {} }) => ({
          topic,
          key,
          value,
          headers: { ...headers },
        })),
      )
      await putRaw(records.map((record, i) => ({ ...record, value: sealed[i]?.value ?? null })))
    },
    async members() {
      const { groups } = await admin.describeGroups([group])
      return groups[0]?.members.length ?? 0
    },
    committed: () => committedOf(admin, group, topics),
    async count(of = topic) {
      const partitions = await admin.fetchTopicOffsets(of)
      return partitions.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
    },
  }
}

async function committedOf(
  admin: Admin,
  groupId: string,
  topics: readonly string[],
): Promise<Record<string, string>> {
  const found = await admin.fetchOffsets({ groupId, topics: [...topics] })
  return Object.fromEntries(
    found
      .flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }): [string, string] => [
          `${String(topics.indexOf(topic))}/${String(partition)}`,
          offset,
        ]),
      )
      .filter(([, offset]) => offset !== '-1')
      .sort(),
  )
}

/** Runs a script on the plain client and on the wrapped one. It cannot tell which it is on. */
export async function onBoth<T>(
  client: ClientUnderTest,
  ends: Ends,
  options: StageOptions,
  script: (on: Stage) => Promise<T>,
): Promise<{ plain: T; wrapped: T }> {
  const [plain, wrapped] = await Promise.all(
    [false, true].map(async (isWrapped) => script(await stage(client, ends, options, isWrapped))),
  )
  return { plain, wrapped } as { plain: T; wrapped: T }
}

/** What a reader got, by partition, in order, in a form that does not depend on the names of topics. */
export function deliveries({ topics }: Stage, seen: readonly Received[]): Record<string, unknown[]> {
  const found: Record<string, unknown[]> = {}
  for (const { topic, partition, offset, key, value, headers } of seen) {
    const place = `${String(topics.indexOf(topic))}/${String(partition)}`
    const one = { offset, key: key?.toString('latin1'), value: value?.toString() ?? null, headers }
    ;(found[place] ??= []).push(one)
  }
  return found
}

/** The offsets that a reader got of one partition, in order. */
export const offsets = (seen: readonly Received[], partition = 0): number[] =>
  seen.filter((one) => one.partition === partition).map(({ offset }) => Number(offset))

export const named = <N extends SeenEvent['name']>(
  { events }: Stage,
  name: N,
): Extract<SeenEvent, { name: N }>[] =>
  events.filter((event): event is Extract<SeenEvent, { name: N }> => event.name === name)

/** Resolves with the stop of a reader of this stage, once it has stopped. */
export async function theStop(on: Stage): Promise<Extract<SeenEvent, { name: 'consumer.stopped' }>> {
  await until('consumer.stopped', () => named(on, 'consumer.stopped').length > 0)
  const [stop] = named(on, 'consumer.stopped')
  if (stop === undefined) throw new Error('no stop')
  return stop
}
