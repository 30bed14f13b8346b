import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { java, whyNotInJava } from '../../scripts/readers/commands.js'
import { createEncryption } from '../../src/index.js'
import { createKeyring, localKms } from '../../src/kms/local/index.js'
import { sealRecords } from '../../src/record/index.js'

/*
 * docs/viewers.md: records that the library sealed, in kafka-console-consumer and in what stands in for kafka-ui. Needs a
 * broker, and the Java reader, built.
 */

const READER = fileURLToPath(new URL('../../readers/java', import.meta.url))
const JAR = join(READER, 'target/kafka-envelope-reader-0.1.0-all.jar')
const TOPIC = 'orders.eu'
const page = readFileSync(new URL('../../docs/viewers.md', import.meta.url), 'utf8')
const brokers = process.env['KAFKA_BROKERS'] ?? ''
/** What Kafka says of itself; its script has a logger. */
const NOTICES = /^SLF4J: |KIP-848/
const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING })
let folder: string

/** The blocks of the page in a language, in order. */
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text)

describe.skipIf(whyNotInJava !== undefined)(
  `docs/viewers.md${whyNotInJava ? `, ${whyNotInJava}` : ''}`,
  () => {
    beforeAll(async () => {
      if (!existsSync(JAR)) throw new Error('build the Java reader first: npm run test:java')
      folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-viewers-'))
      await createKeyring(join(folder, 'dev.keyring'), [{ id: 'orders', type: 'aes-256' }])
      await removeTopic().catch(() => undefined)
      await writeRecords()
      const [properties = ''] = blocks('properties')
      await writeFile(join(folder, 'formatter.properties'), properties)
    })
    afterAll(async () => {
      await removeTopic()
      await rm(folder, { recursive: true, force: true })
    })

    it('the transcripts of kafka-console-consumer are what it prints', async () => {
      const transcripts = blocks('console').filter((text) => text.includes('kafka-console-consumer.sh'))
      expect(transcripts.length).toBeGreaterThan(0)
      for (const transcript of transcripts) {
        const [command = '', ...output] = transcript.replaceAll('\\\n', ' ').trimEnd().split('\n')
        const { stdout, stderr } = await consoleConsumer(command.split('.sh ')[1]?.split(/\s+/) ?? [])
        const lines = (stdout + stderr).trimEnd().split('\n')
        expect(lines.filter((line) => !NOTICES.test(line))).toEqual(output)
      }
    })

    it('what the page says that kafka-ui shows is what the serde gives it', async () => {
      const [yaml = ''] = blocks('yaml')
      const config = join(folder, 'application.yml')
      await writeFile(
        config,
        yaml.replace(/\/\S+-all\.jar/, JAR).replace(/\/\S+\.keyring/, join(folder, 'dev.keyring')),
      )
      const lines = await java('kafka-ui', '--brokers', brokers, '--config', config, TOPIC)
      const messages = lines.trim().split('\n').map(anonymous)
      const shown = blocks('json').map(anonymous) as { offset: number }[]
      expect(shown.length).toBeGreaterThan(2)
      for (const message of shown) expect(messages[message.offset]).toEqual(message)
    })
  },
)

/** A message without the id of its session, which is random. */
function anonymous(json: string): unknown {
  return JSON.parse(json.replace(/"session": ?"[0-9a-f…]+"/, '"session": "…"'))
}

/** As on the page: sealed, a tombstone, sealed without a key, moved, plaintext, and what would clear a terminal. */
async function writeRecords(): Promise<void> {
  const encryption = await createEncryption({
    kms: { dev: localKms({ keyring: join(folder, 'dev.keyring') }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: [TOPIC], encrypt: { cmk: 'orders', bindHeaders: ['schema-id'] } }],
  })
  const [order, keyless, clearing] = await sealRecords(encryption, [
    {
      topic: TOPIC,
      key: 'order-17',
      value: '{"order":17,"total":"19.90 €"}',
      headers: { 'schema-id': '42' },
    },
    { topic: TOPIC, key: null, value: '{"order":18,"total":"5.00 €"}' },
    { topic: TOPIC, key: 'order-20', value: '\x1b[2J{"order":20}' },
  ])
  await encryption.close()
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }] })
  await admin.disconnect()
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({
    topic: TOPIC,
    messages: [
      { key: 'order-17', value: order?.value ?? '', headers: { 'schema-id': '42' } },
      { key: 'order-17', value: null },
      { key: null, value: keyless?.value ?? '' },
      { key: 'order-19', value: order?.value ?? '', headers: { 'schema-id': '42' } },
      { key: 'order-20', value: '{"order":20}' },
      { key: 'order-20', value: clearing?.value ?? '' },
    ],
  })
  await producer.disconnect()
}

async function removeTopic(): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    await admin.deleteTopics({ topics: [TOPIC] })
  } finally {
    await admin.disconnect()
  }
}

/** What kafka-console-consumer.sh runs, with its class path in front of Kafka's. */
async function consoleConsumer(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const kafka = await readFile(join(READER, 'target/test.classpath'), 'utf8')
  const command = ['org.apache.kafka.tools.consumer.ConsoleConsumer', ...args]
  return promisify(execFile)(
    'java',
    command.map((arg) => (arg === 'localhost:9092' ? brokers : arg)),
    { cwd: folder, env: { ...process.env, CLASSPATH: [JAR, kafka.trim()].join(delimiter) } },
  )
}
