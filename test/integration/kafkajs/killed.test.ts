import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { addCmk, createKeyring } from '../../../src/kms/local/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { groupsReady } from '../support/groups.js'
import { lettersOn } from '../support/letters.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
let folder = ''

beforeAll(async () => {
  // Inside the project, so that `kafkajs` is found.
  folder = await mkdtemp(join(root, 'test/.killed-'))
  await createKeyring(join(folder, 'keyring'))
  await addCmk(join(folder, 'keyring'), 'orders', { type: 'aes-256' })
  await writeFile(join(folder, 'reader.mts'), READER)
  await groupsReady()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Reads until its group has committed three records, or kills itself around the first dead letter. */
const READER = `
  import { Kafka, logLevel } from 'kafkajs'
  import { createEncryption } from '${join(root, 'src/index.ts')}'
  import { decryptConsumer } from '${join(root, 'src/clients/kafkajs/index.ts')}'
  import { localKms } from '${join(root, 'src/kms/local/index.ts')}'
  const [topic, deadLetterTopic, when] = process.argv.slice(2)
  const encryption = await createEncryption({
    kms: { dev: localKms({ keyring: './keyring' }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{
      match: [topic],
      decrypt: { cmk: 'orders', onInvalid: { deadLetter: deadLetterTopic }, maxInvalidShare: 1 },
    }],
  })
  const kafka = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING })
  const plain = kafka.producer()
  const admin = kafka.admin()
  const die = () => {
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => {})
  }
  const deadLetters = {
    ...plain,
    send: async (record) => {
      if (when === 'before') await die()
      const metadata = await plain.send(record)
      if (when === 'after') await die()
      return metadata
    },
  }
  const consumer = decryptConsumer(
    kafka.consumer({ groupId: topic, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 50 }),
    encryption,
    { deadLetters },
  )
  await Promise.all([plain.connect(), admin.connect(), consumer.connect()])
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async () => {} })
  for (;;) {
    const [committed] = await admin.fetchOffsets({ groupId: topic, topics: [topic] })
    if (committed.partitions[0].offset === '3') process.exit(0)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
`

/** The reason why the reader ended. */
function read(topic: string, dead: string, when: string): Promise<NodeJS.Signals | number> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', join(folder, 'reader.mts'), topic, dead, when],
      { cwd: folder, timeout: 60_000, killSignal: 'SIGTERM' },
      (error) => {
        resolve(error === null ? 0 : (error.signal ?? Number(error.code)))
      },
    )
  })
}

it.each([
  { when: 'before', letters: [0, 1, 2] },
  { when: 'after', letters: [0, 0, 1, 2] },
])(
  'a process that is killed just $when its dead letter is acknowledged loses no dead letter, and repeats at most that one',
  async ({ when, letters }) => {
    const dead = await newTopic('raw.killed.dead')
    const topic = await newTopic('raw.killed')
    const plain = testKafka().producer()
    await plain.connect()
    await plain.send({ topic, messages: [0, 1, 2].map((n) => ({ value: `plain ${String(n)}` })) })
    await plain.disconnect()
    expect(await read(topic, dead, when)).toBe('SIGKILL')
    expect(await read(topic, dead, 'never')).toBe(0)
    expect(await lettersOn(dead)).toEqual(letters)
  },
  90_000,
)
