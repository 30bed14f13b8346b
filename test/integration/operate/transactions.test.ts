import type { Admin, Kafka, Producer } from 'kafkajs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'
import type { Encryption } from '../../../src/index.js'
import {
  fetchRecord,
  mergeReports,
  scan,
  whoNeedsCmk,
  type PartitionReport,
  type ScanReport,
} from '../../../src/operate/index.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'
import { memoryEncryption } from '../../support/encryption.js'

/** As the marker of an aborted transaction has it, so that KafkaJS takes the record for one. */
const LIKE_A_MARKER = Buffer.alloc(4)

let admin: Admin
let encryption: Encryption
const topics: string[] = []
const producers: Producer[] = []

beforeAll(async () => {
  admin = testKafka().admin()
  await admin.connect()
  ;({ encryption } = await memoryEncryption([{ match: ['raw.*'], encrypt: { cmk: 'main' } }]))
})
afterAll(async () => {
  await Promise.all(producers.map((producer) => producer.disconnect()))
  await encryption.close()
  await removeTopics(topics)
  await admin.disconnect()
})

async function topicOf(partitions: number): Promise<string> {
  const topic = await newTopic('raw.transactions', partitions)
  topics.push(topic)
  return topic
}

async function connected(producer: Producer): Promise<Producer> {
  producers.push(producer)
  await producer.connect()
  return producer
}

const transactional = (id: string): Producer =>
  testKafka().producer({ transactionalId: id, idempotent: true, maxInFlightRequests: 1 })

const partitionsOf = ({ topics: [topic] }: ScanReport): readonly PartitionReport[] => topic?.partitions ?? []

/** Calls `meanwhile` once, when the scan has its first records. */
function duringScan(meanwhile: () => Promise<void>): Kafka {
  const kafka = testKafka()
  let once: Promise<void> | undefined
  const consumer: Kafka['consumer'] = (config) => {
    const made = kafka.consumer(config)
    if (!config.groupId.startsWith('kafka-envelope-scan-')) return made
    return {
      ...made,
      run: ({ eachBatch, ...rest } = {}) =>
        made.run({
          ...rest,
          eachBatch: async (payload) => {
            await (once ??= meanwhile())
            await eachBatch?.(payload)
          },
        }),
    }
  }
  return { admin: () => kafka.admin(), consumer } as unknown as Kafka
}

it('a scan counts the records of a transaction that was open when it began and was committed before it ended', async () => {
  const topic = await topicOf(2)
  const plain = await connected(testKafka().producer())
  await plain.send({ topic, messages: [{ value: 'a', partition: 0 }] })
  const sealing = encryptProducer(await connected(transactional(topic)), encryption)
  const open = await sealing.transaction()
  // In the first partition behind what everybody sees, and alone in the second one.
  const sealed = [0, 1].map((partition) => ({ value: 'sealed', partition }))
  await open.send({ topic, messages: sealed })
  const commit = async (): Promise<void> => {
    await open.commit()
    // The markers come a moment later.
    await vi.waitFor(async () => {
      const ends = (await admin.fetchTopicOffsets(topic)).map(({ high }) => high)
      expect(ends.toSorted()).toEqual(['2', '3'])
    })
  }
  const report = await scan({ kafka: duringScan(commit), topics: [topic] })
  expect(report.isComplete).toBe(true)
  expect(partitionsOf(report).map(({ records, to, openFrom }) => [records, to, openFrom])).toEqual([
    [2, '2', undefined],
    [1, '1', undefined],
  ])
  const need = await whoNeedsCmk(testKafka(), report, 'cmk')
  expect([need.needed, need.partitions.map(({ only }) => only)]).toEqual(['yes', [1, 1]])
})

it('a transaction that is open to the end of a scan leaves its answer unclear, be it alone in its partition', async () => {
  const topic = await topicOf(2)
  const plain = await connected(testKafka().producer())
  await plain.send({ topic, messages: [{ value: 'a', partition: 0 }] })
  const before = await scan({ kafka: testKafka(), topics: [topic] })
  const open = await (await connected(transactional(topic))).transaction()
  await open.send({ topic, messages: [{ value: 'b', partition: 1 }] })
  const report = await scan({ kafka: testKafka(), topics: [topic] })
  expect(partitionsOf(report).map(({ to, openFrom }) => [to, openFrom])).toEqual([
    ['1', undefined],
    ['0', '0'],
  ])
  expect(await whoNeedsCmk(testKafka(), report, 'cmk')).toMatchObject({
    needed: 'unclear',
    unclear: [
      `${topic}: partition 1 had an open transaction, whose records from offset 0 on could not be read yet`,
    ],
  })
  // The partition ends where it did for the scan before, for all that a client sees.
  expect(await whoNeedsCmk(testKafka(), before, 'cmk', { upToNow: true })).toMatchObject({
    needed: 'unclear',
    unclear: [
      `${topic}: partition 1 has an open transaction, whose records from offset 0 on cannot be read yet`,
    ],
  })
  await open.abort()
})

it('a record of an aborted transaction that KafkaJS delivers is neither counted nor shown', async () => {
  const topic = await topicOf(1)
  const plain = await connected(testKafka().producer())
  const [one, other] = [
    await connected(transactional(`${topic}-1`)),
    await connected(transactional(`${topic}-2`)),
  ]
  const [aborted, overlapping] = [await one.transaction(), await other.transaction()]
  await aborted.send({ topic, messages: [{ value: 'aborted', key: LIKE_A_MARKER }, { value: 'aborted' }] })
  await overlapping.send({ topic, messages: [{ value: 'aborted' }] })
  await plain.send({ topic, messages: [{ value: 'plain' }] })
  await aborted.abort()
  await overlapping.send({ topic, messages: [{ value: 'aborted' }] })
  await overlapping.abort()
  const last = await one.transaction()
  await last.send({ topic, messages: [{ value: 'committed' }] })
  await last.commit()
  const alone = await scan({ kafka: testKafka(), topics: [topic] })
  const part = await scan({ kafka: testKafka(), topics: [topic], group: `transactions-${topic}` })
  await admin.deleteGroups([`transactions-${topic}`])
  for (const report of [alone, mergeReports([part])]) {
    expect([report.isComplete, ...partitionsOf(report).map(({ records }) => records)]).toEqual([true, 2])
  }
  const fetched = (offset: bigint): Promise<unknown> =>
    fetchRecord({ kafka: testKafka(), place: { topic, partition: 0, offset } })
  await expect(fetched(1n)).rejects.toThrow(`${topic}:0:1 belongs to a transaction that was aborted`)
  await expect(fetched(3n)).resolves.toMatchObject({ value: Buffer.from('plain') })
})
