import type { Consumer, ConsumerRunConfig, KafkaMessage } from 'kafkajs'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  startTencentKmsEmulator,
  type EmulatorCredential,
  type TencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import { decryptConsumer, encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { createEncryption } from '../../../src/index.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { watch } from '../../support/encryption.js'
import { groupsReady } from '../support/groups.js'
import { standingOn } from '../support/letters.js'
import { until } from '../support/pair.js'
import { callsBy, identity, sealer } from '../support/tencent.js'
import { parts } from '../../support/sealed.js'

/** How late each answer of the KMS is. All time-outs are defaults. */
const LATE_MS = 5000
const SENDS = 30
const PER_SEND = 50

const producing = identity('producer', 'GenerateDataKey')
const readers = { eachMessage: identity('reader1', 'Decrypt'), eachBatch: identity('reader2', 'Decrypt') }
const kafka = testKafka()
const ends: (() => Promise<unknown>)[] = []
let emulator: TencentKmsEmulator
let cmk = ''

beforeAll(groupsReady)
beforeEach(async () => {
  emulator = await startTencentKmsEmulator({ credentials: [producing, ...Object.values(readers)] })
  const { region, keyId } = emulator.createKey({ alias: 'orders' })
  cmk = `${region}/${keyId}`
  emulator.faults.inject({ kind: 'latency', ms: LATE_MS, times: Infinity })
  ends.push(() => emulator.close())
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A consumer with a cache of its own. Returns what it was delivered, and what upset it. */
async function read(
  topic: string,
  { secretId, secretKey }: EmulatorCredential,
  configOf: (seen: (message: KafkaMessage) => void) => ConsumerRunConfig,
): Promise<{ seen: string[]; upsets: unknown[] }> {
  const encryption = await createEncryption({
    kms: { tencent: tencentKms({ endpoint: emulator.url, credentials: { secretId, secretKey } }) },
    cmks: { orders: [{ kms: 'tencent', id: cmk }] },
    topics: [{ match: [topic], decrypt: { cmk: 'orders' } }],
  })
  watch(encryption)
  const inner: Consumer = kafka.consumer({ groupId: `${topic}.${secretId}`, maxWaitTimeInMs: 50 })
  const consumer = decryptConsumer(inner, encryption)
  ends.push(
    () => encryption.close(),
    () => consumer.disconnect(),
  )
  const [seen, upsets]: [string[], unknown[]] = [[], []]
  for (const name of [consumer.events.CRASH, consumer.events.REBALANCING])
    consumer.on(name, (event) => upsets.push(event))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    partitionsConsumedConcurrently: 3,
    ...configOf(({ value }) => seen.push(value?.toString() ?? 'null')),
  })
  return { seen, upsets }
}

it('a KMS that takes 5 s for each call: every send and every record gets through, with one call for each DEK on either side', async () => {
  const topic = await newTopic('tencent.slow', 3)
  const place = { kms: { tencent: { endpoint: emulator.url } }, cmks: [{ kms: 'tencent', id: cmk }] }
  const encryption = await sealer(topic, place, producing, { rotate: { maxMessages: 1000 } })
  const producer = encryptProducer(kafka.producer(), encryption)
  await producer.connect()
  ends.push(
    () => encryption.close(),
    () => producer.disconnect(),
  )
  const values = Array.from({ length: SENDS * PER_SEND }, (_, n) => `${CANARY} ${String(n)}`)
  await Promise.all(
    Array.from({ length: SENDS }, (_, n) =>
      producer.send({
        topic,
        messages: values.slice(n * PER_SEND, (n + 1) * PER_SEND).map((value) => ({ key: value, value })),
      }),
    ),
  )
  const deks = new Set(
    (await standingOn(topic)).map(({ value }) => parts(value).wrappedDeks[0]?.ciphertextDek.toString('hex')),
  ).size
  expect(deks).toBe(2)
  const { GenerateDataKey: made = 0 } = callsBy(emulator, producing)
  expect(made - deks, 'DEKs in advance').toBeLessThanOrEqual(1)

  const results = await Promise.all([
    read(topic, readers.eachMessage, (seen) => ({
      eachMessage: ({ message }) => {
        seen(message)
        return Promise.resolve()
      },
    })),
    read(topic, readers.eachBatch, (seen) => ({
      eachBatch: ({ batch }) => {
        batch.messages.forEach(seen)
        return Promise.resolve()
      },
    })),
  ])
  for (const { seen } of results) await until('delivery', () => seen.length >= values.length, 40_000)
  for (const { seen, upsets } of results) {
    expect([...seen].sort()).toEqual([...values].sort())
    expect(upsets).toEqual([])
  }
  for (const reader of Object.values(readers)) expect(callsBy(emulator, reader)).toEqual({ Decrypt: deks })
}, 90_000)
