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
  topics: [{ match: ${JSON.stringify(topics)}, encrypt: { cmk: 'orders' }, read: { cmk: 'orders' } }],
}
`

it('metrics: what they show is served to Prometheus; a view leaves topics out and keeps the sums', async () => {
  const [port = 0] = await freePorts(1)
  const use = `
    await encryption.records.seal(['a', 'b'].map((topic) => ({ topic, value: 'v' })))
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

it('past a record that does not open: the next one is delivered', async () => {
  const topic = await newTopic('past')
  const past = containing('setOffsets')
    .replace("'billing'", `'group.${topic}'`)
    .replace("'orders'", `'${topic}'`)
  const stdout = await execute(`${config(topic)}
    import { Kafka } from 'kafkajs'
    import { createEncryption } from 'kafka-envelope'
    const kafka = new Kafka({ brokers: [${JSON.stringify(process.env['KAFKA_BROKERS'])}], logLevel: 0 })
    const encryption = await createEncryption(config)
    const plain = kafka.producer()
    await plain.connect()
    const send = (by, value) => by.send({ topic: '${topic}', messages: [{ value }] })
    const sealing = encryption.producer(plain)
    await send(sealing, 'a')
    await send(sealing, 'b')
    await send(plain, 'plain')
    await send(sealing, 'c')
    const consumer = encryption.consumer(kafka.consumer({ groupId: 'group.${topic}', maxWaitTimeInMs: 50 }))
    const fatal = new Promise((resolve) => encryption.on('fatal', resolve))
    let last
    const ended = new Promise((resolve) => (last = resolve))
    const run = async () => {
      await consumer.connect()
      await consumer.subscribe({ topic: '${topic}', fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ message }) => {
          console.log(message.value.toString())
          if (message.value.toString() === 'c') last()
        },
      })
    }
    await run()
    const { code, offset } = await fatal
    console.log(code, offset)
    ${past}
    await run()
    await ended
    await consumer.disconnect()
    await plain.disconnect()
    await encryption.close()`)
  expect(stdout).toBe('a\nb\nNOT_SEALED 2\nc\n')
})

it('every TypeScript snippet of docs/operations.md is one of those that run', () => {
  expect(snippets).toHaveLength(3)
})
