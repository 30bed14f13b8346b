import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePorts } from '../../../scripts/broker/ports.js'
import { newTopic } from '../../support/broker.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const SOURCES: Record<string, string> = {
  "from 'kafka-envelope'": `from '${root}src/index.ts'`,
  "from 'kafka-envelope/kafkajs'": `from '${root}src/clients/kafkajs/index.ts'`,
  "from 'kafka-envelope/record'": `from '${root}src/record/index.ts'`,
  "from 'kafka-envelope/kms/local'": `from '${root}src/kms/local/index.ts'`,
  "from 'kafka-envelope/opentelemetry'": `from '${root}src/opentelemetry/index.ts'`,
}

let snippets: string[]
let folder: string

beforeAll(async () => {
  const operations = await readFile(join(root, 'docs/operations.md'), 'utf8')
  snippets = [...operations.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = '']) => code)
  // Inside the project, so that packages are found.
  folder = await mkdtemp(join(root, 'test/.operations-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function containing(text: string): string {
  const found = snippets.filter((code) => code.includes(text))
  expect(found, text).toHaveLength(1)
  return found[0] ?? ''
}

async function execute(code: string): Promise<string> {
  const script = join(folder, 'snippet.ts')
  const here = Object.entries(SOURCES).reduce((text, [from, to]) => text.replaceAll(from, to), code)
  await writeFile(script, here)
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    cwd: folder,
    timeout: 60_000,
  })
  return stdout
}

/** A configuration for some topics, on a keyring of its own. */
const config = (...topics: string[]): string => `
import { addCmk, createKeyring, localKms } from 'kafka-envelope/kms/local'
const keyring = './' + process.pid + '.keyring'
await createKeyring(keyring)
await addCmk(keyring, 'orders', { type: 'aes-256' })
const config = {
  kms: { dev: localKms({ keyring }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: ${JSON.stringify(topics)}, encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
}
`

it('metrics are served to Prometheus; a view leaves topics out and keeps the sums', async () => {
  const [port = 0] = await freePorts(1)
  const use = `
    const { sealRecords } = await import('${root}src/record/index.ts')
    await sealRecords(encryption, ['a', 'b'].map((topic) => ({ topic, value: 'v' })))
    const text = await (await fetch('http://localhost:${String(port)}/metrics')).text()
    console.log(text.split('\\n').filter((line) => line.startsWith('kafka_envelope_sealed_records_total')).join('\\n'))
    stop()
    await encryption.close()
    await exporter.shutdown()`
  const stdout = await execute(
    config('a', 'b') + containing('PrometheusExporter({').replace('9464', String(port)) + use,
  )
  const lines = /^kafka_envelope_sealed_records_total\{.*messaging_destination_name="[ab]".*\} 1$/gm
  expect(stdout.match(lines)).toHaveLength(2)
  const viewed = await execute(
    `${config('a', 'b')}
    import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
    import { createEncryption } from 'kafka-envelope'
    import { instrument } from 'kafka-envelope/opentelemetry'
    const exporter = new PrometheusExporter({ port: ${String(port)} })
    ${containing('DenyList')}
    const encryption = await createEncryption(config)
    const stop = instrument(encryption, { meterProvider })
    ${use}`,
  )
  expect(viewed).toMatch(/^kafka_envelope_sealed_records_total\{.*\} 2\n$/)
  expect(viewed).not.toContain('destination')
})

/** Clients and helpers that the snippets of runbooks expect; each value that is delivered is printed. */
const clients = (topic: string): string => `
  import { Kafka } from 'kafkajs'
  import { createEncryption } from 'kafka-envelope'
  import { decryptConsumer, encryptProducer } from 'kafka-envelope/kafkajs'
  import { setCmkEnabled } from 'kafka-envelope/kms/local'
  const kafka = new Kafka({ brokers: [${JSON.stringify(process.env['KAFKA_BROKERS'])}], logLevel: 0 })
  const encryption = await createEncryption(config)
  const plain = kafka.producer()
  await plain.connect()
  const sealing = encryptProducer(plain, encryption)
  const send = (by, value) => by.send({ topic: '${topic}', messages: [{ value }] })
  const until = async (done) => {
    while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const delivered = []
  const eachMessage = async ({ message }) => {
    delivered.push(message.value.toString())
    console.log(message.value.toString())
  }
  const reader = async (topic) => {
    const consumer = decryptConsumer(kafka.consumer({ groupId: 'group.' + topic, maxWaitTimeInMs: 50 }), encryption)
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    return consumer
  }
  const consumer = await reader('${topic}')
  const fatals = []
  encryption.on('consumer.stopped', (fatal) => fatals.push(fatal))
`

/** A snippet, about topics of the test's. */
const about = (text: string, topic: string, kept = ''): string =>
  containing(text)
    .replaceAll("'billing'", `'group.${topic}'`)
    .replaceAll("'orders'", `'${topic}'`)
    .replaceAll("'orders.kept'", `'${kept}'`)

it('the recipe for a record that does not open goes past it: the next one is delivered, then those before it are deleted', async () => {
  const topic = await newTopic('past')
  const stdout = await execute(`${config(topic)} ${clients(topic)}
    await send(sealing, 'a')
    await send(sealing, 'b')
    await send(plain, 'plain')
    await send(sealing, 'c')
    await consumer.run({ eachMessage })
    await until(() => fatals.length === 1)
    console.log(fatals[0].code, fatals[0].offset)
    {
      ${about('setOffsets', topic)}
    }
    await until(() => delivered.includes('c'))
    console.log(encryption.health().status)
    {
      ${about('deleteTopicRecords', topic)}
    }
    const admin = kafka.admin()
    await admin.connect()
    console.log((await admin.fetchTopicOffsets('${topic}'))[0].low)
    await admin.disconnect()
    await consumer.disconnect()
    await plain.disconnect()
    await encryption.close()`)
  expect(stdout).toBe('a\nb\nNOT_SEALED 2\nc\nok\n3\n')
})

it('run() alone restarts a consumer that stopped permanently; a record that was kept opens by a rule with originalTopics', async () => {
  const [topic, kept] = [await newTopic('kept'), await newTopic('raw.kept')]
  const stdout = await execute(`${config(topic)}
    config.topics.push({ match: ['${kept}'], decrypt: { cmk: 'orders', originalTopics: ['${topic}'] } })
    ${clients(topic)}
    ${about('runAgain', topic).replace('console.error', 'console.log')}
    for (const value of ['a', 'b', 'c', 'd']) await send(sealing, value)
    await setCmkEnabled(keyring, 'orders', false)
    await consumer.run({ eachMessage })
    await until(() => fatals.length === 1)
    await setCmkEnabled(keyring, 'orders', true)
    await runAgain()
    await until(() => delivered.includes('d'))
    await consumer.disconnect()
    {
      ${about('keep-bad-records', topic, kept)}
    }
    const copies = await reader('${kept}')
    await copies.run({ eachMessage })
    await until(() => delivered.length === 5)
    await copies.disconnect()
    await plain.disconnect()
    await encryption.close()`)
  expect(stdout.replaceAll(/\{.*?\}/gs, (text) => text.replaceAll(/\s+/g, ' '))).toBe(
    `a consumer stopped permanently { groupId: 'group.${topic}', code: 'CMK_DISABLED', topic: '${topic}', partition: 0, offset: '0' }\n` +
      'a\nb\nc\nd\nkept 2\nc\n',
  )
})

it('every TypeScript snippet of docs/operations.md is one of those that run', () => {
  expect(snippets).toHaveLength(6)
})
