import type { Admin, Message } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  EMULATOR_CREDENTIAL as credentials,
  startTencentKmsEmulator,
  type TencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import { decryptConsumer, encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { createEncryption, type Encryption, type EncryptionConfig } from '../../../src/index.js'
import { createKeyring, localKms } from '../../../src/kms/local/index.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import { rewrap, type RewrapOptions } from '../../../src/operate/index.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { watch, type SeenEvent } from '../../support/encryption.js'
import { groupsReady } from '../support/groups.js'
import { until } from '../support/pair.js'

const VALUES = Array.from({ length: 40 }, (_, i) => `${CANARY} ${String(i)}`)

let folder: TemporaryFolder
let emulator: TencentKmsEmulator
let admin: Admin
/** The ids of two CMKs of the emulator. */
let far: readonly string[]
const topics: string[] = []
const encryptions: Encryption[] = []

beforeAll(async () => {
  folder = await temporaryFolder()
  const ids = ['cards-2025', 'cards-2026']
  await createKeyring(
    folder.at('keyring'),
    ids.map((id) => ({ id, type: 'aes-256' })),
  )
  emulator = await startTencentKmsEmulator({ keys: [{ alias: 'a' }, { alias: 'b' }] })
  far = emulator.keys().map(({ region, keyId }) => `${region}/${keyId}`)
  admin = testKafka().admin()
  await admin.connect()
  await groupsReady()
})
afterAll(async () => {
  await Promise.all(encryptions.map((encryption) => encryption.close()))
  await emulator.close()
  await removeTopics(topics)
  await admin.disconnect()
  await folder.remove()
})

async function topicOf(): Promise<string> {
  const topic = await newTopic('raw.rewrap', 2)
  topics.push(topic)
  return topic
}

async function configured(rules: EncryptionConfig['topics']): Promise<Encryption & { events: SeenEvent[] }> {
  const local = localKms({ keyring: folder.at('keyring') })
  const encryption = await createEncryption<string, string, string>({
    kms: { local, far: tencentKms({ endpoint: emulator.url, credentials }) },
    cmks: {
      'cards-2025': [{ kms: 'local', id: 'cards-2025' }],
      'cards-2026': [{ kms: 'local', id: 'cards-2026' }],
      'far-a': [{ kms: 'far', id: far[0] ?? '' }],
      'far-b': [{ kms: 'far', id: far[1] ?? '' }],
    },
    topics: rules,
  })
  encryptions.push(encryption)
  return Object.assign(encryption, { events: watch(encryption) })
}

/** Writes the values, sealed under `cards-2025`, with a new DEK for each ten, and more, which is not sealed. */
async function written(more: readonly Message[] = []): Promise<string> {
  const topic = await topicOf()
  const rotate = { maxMessages: 10, allowFrequentRotation: true }
  const encryption = await configured([
    { match: [topic], encrypt: { cmk: 'cards-2025', context: { env: 'prod' }, rotate } },
  ])
  const [plain, inner] = [testKafka().producer(), testKafka().producer()]
  const producer = encryptProducer(inner, encryption)
  await Promise.all([plain.connect(), producer.connect()])
  for (let at = 0; at < VALUES.length; at += 10) {
    const messages = VALUES.slice(at, at + 10).map((value, i) => ({
      ...{ key: `k${String(at + i)}`, value, partition: i % 2, headers: { n: String(at + i) } },
    }))
    await producer.send({ topic, messages })
  }
  if (more.length > 0) await plain.send({ topic, messages: [...more] })
  await Promise.all([plain.disconnect(), producer.disconnect()])
  return topic
}

/** The values that a consumer reads which has one CMK alone. */
async function readUnder(cmk: string, topic: string, originalTopics: readonly string[]): Promise<string[]> {
  const rule = { match: [topic], decrypt: { cmk, originalTopics } } as const
  const encryption = await configured([rule])
  const consumer = decryptConsumer(
    testKafka().consumer({ groupId: `read-${topic}`, maxWaitTimeInMs: 100 }),
    encryption,
  )
  const values: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: ({ message }) => {
      values.push(String(message.value))
      return Promise.resolve()
    },
  })
  await until('all values', () => Promise.resolve(values.length >= VALUES.length))
  await consumer.disconnect()
  return values
}

const inOrder = (values: readonly string[]): string[] =>
  values.toSorted((a, b) => Number(a.split(' ')[1]) - Number(b.split(' ')[1]))

function run(encryption: Encryption, from: string, to: string, options: Partial<RewrapOptions>) {
  return rewrap({ kafka: testKafka(), encryption, from, to, group: `rewrap-${to}`, ...options })
}

it('a topic moves from a keyring to another KMS, and there from one CMK to another: readers of the last CMK alone read all of it', async () => {
  const first = await written([{ key: 'k1', value: null, partition: 1 }])
  const [second, third] = [await topicOf(), await topicOf()]
  const encryption = await configured([
    { match: [first], decrypt: { cmk: 'cards-2025' } },
    { match: [second], decrypt: { cmk: 'far-a', originalTopics: [first] } },
  ])
  const moved = await run(encryption, first, second, { replace: [{ from: 'cards-2025', to: 'far-a' }] })
  expect(moved).toMatchObject({ rewrapped: 40, unchanged: 0, tombstones: 1, others: [], deks: 4 })
  expect(moved.originalTopics).toEqual([first])

  emulator.forgetCalls()
  const again = await run(encryption, second, third, { replace: [{ from: far[0] ?? '', to: far[1] ?? '' }] })
  expect(again).toMatchObject({ rewrapped: 40, tombstones: 1, deks: 4 })
  expect(again.originalTopics).toEqual([second, first])
  const actions = emulator.calls().map(({ action }) => action)
  expect(actions.toSorted()).toEqual([
    ...Array<string>(4).fill('Decrypt'),
    ...Array<string>(4).fill('ReEncrypt'),
  ])
  expect(again.kmsCalls).toBe(actions.length)

  const values = await readUnder('far-b', third, [first])
  expect(inOrder(values.filter((value) => value !== 'null'))).toEqual(VALUES)
  expect(encryption.events.filter(({ name }) => name.startsWith('copy.'))).toMatchObject([
    { name: 'copy.started', topic: first, target: second },
    { name: 'copy.ended', outcome: 'done', messages: 41, rewrapped: 40, others: 0 },
    { name: 'copy.started', replaced: [{ from: far[0], to: far[1] }] },
    { name: 'copy.ended', outcome: 'done' },
  ])
}, 60_000)

it('a run that stops at plaintext, and one that is interrupted, go on where they were, with nothing lost or twice', async () => {
  const from = await written([{ key: 'p', value: 'plain', partition: 1 }])
  const to = await topicOf()
  const encryption = await configured([{ match: [from], decrypt: { cmk: 'cards-2025' } }])
  const changes = { add: ['cards-2026'], remove: ['cards-2025'] }
  expect(await thrownBy(() => run(encryption, from, to, changes))).toMatchObject({
    name: 'RewrapStopped',
    code: 'NOT_SEALED',
    place: { topic: from, partition: 1, offset: 20n },
  })
  const interrupted = new AbortController()
  const reason = new Error('interrupted')
  const onProgress = (): void => {
    interrupted.abort(reason)
  }
  expect(
    await thrownBy(() => run(encryption, from, to, { ...changes, onProgress, signal: interrupted.signal })),
  ).toBe(reason)
  const report = await run(encryption, from, to, { ...changes, copyOthers: true })
  expect(report.others).toEqual([{ code: 'NOT_SEALED', records: 1, first: { partition: 1, offset: '20' } }])
  const ends = encryption.events.filter(({ name }) => name === 'copy.ended')
  expect(ends).toMatchObject([
    { outcome: 'failed', code: 'NOT_SEALED' },
    { outcome: 'interrupted' },
    { outcome: 'done', others: 1 },
  ])
  const rewrapped = ends.reduce((sum, event) => sum + ('rewrapped' in event ? event.rewrapped : 0), 0)
  expect(rewrapped).toBe(40)
}, 60_000)
