import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEncryption, type Encryption } from '../../../src/index.js'
import { createKeyring, localKms } from '../../../src/kms/local/index.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import { standingOn } from '../../integration/support/letters.js'
import { until } from '../../integration/support/pair.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { documentedProgram, startProgram, type Program } from '../../support/documented-program.js'
import { CANARY } from '../../support/emissions.js'
import { CLIENTS, type RdkafkaClient } from './clients.js'

const TEST = fileURLToPath(new URL('../..', import.meta.url))

let folder = ''
let topic = ''
let group = ''
let encryption: Encryption
const running: Program[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(TEST, '.docs-'))
  topic = await newTopic('raw.rdkafka', 2)
  group = `group.${topic}`
  const keyring = join(folder, 'dev.keyring')
  await createKeyring(keyring, [{ id: 'orders', type: 'aes-256' }])
  encryption = await createEncryption({
    kms: { dev: localKms({ keyring }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: [topic], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
  })
})
afterEach(async () => {
  for (const { child, exit } of running.splice(0)) {
    child.kill('SIGKILL')
    await exit
  }
  await encryption.close()
  await rm(folder, { recursive: true, force: true })
})

/** Starts a program of docs/rdkafka.md on the topic of the test, with changes. */
async function start(
  client: RdkafkaClient,
  part: 'new rdkafka.Producer' | 'new rdkafka.KafkaConsumer',
  ...changes: readonly (readonly [from: string | RegExp, to: string])[]
): Promise<Program & { printed: () => string }> {
  const code = changes.reduce(
    (before, [from, to]) => before.replace(from, () => to),
    await documentedProgram('rdkafka.md', part),
  )
  const program = await startProgram(
    folder,
    code
      .replace("'node-rdkafka'", `'${client.main}'`)
      .replace("'billing'", `'${group}'`)
      .replaceAll(/(?<=match: \[|topic: |subscribe\(\[)'orders'/g, `'${topic}'`),
  )
  let output = ''
  for (const stream of [program.child.stdout, program.child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  running.push(program)
  return { ...program, printed: () => output }
}

const startConsumer = (client: RdkafkaClient) => start(client, 'new rdkafka.KafkaConsumer')

/** Seals numbered records and writes them with KafkaJS. Those that are moved get another key than they were sealed with. */
async function write(partition: number, numbers: readonly number[], moved?: number): Promise<void> {
  const sealed = await sealRecords(
    encryption,
    numbers.map((n) => ({ topic, key: `k${String(n)}`, value: `${CANARY} ${String(n)}`, n })),
  )
  const producer = testKafka().producer()
  await producer.connect()
  await producer.send({
    topic,
    messages: sealed.map(({ key, value, n }) => ({ key: n === moved ? 'another' : key, value, partition })),
  })
  await producer.disconnect()
}

/** The numbers of the records of a partition that consumers printed. */
const handled = (printed: string, partition: number): number[] =>
  [...printed.matchAll(new RegExp(`^${String(partition)} \\d+ ${CANARY} (\\d+)$`, 'gm'))].map(([, n]) =>
    Number(n),
  )

/** By partition. */
async function committed(): Promise<string[]> {
  const admin = testKafka().admin()
  await admin.connect()
  const [ofTopic] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
  await admin.disconnect()
  const partitions = [...(ofTopic?.partitions ?? [])].sort((a, b) => a.partition - b.partition)
  return partitions.map(({ offset }) => offset)
}

for (const client of CLIENTS) {
  describe.skipIf(client.whyNot !== undefined)(client.suite, () => {
    it('a producer that seals before produce() keeps the order of its sends with a small queue, and a send that fails holds up no other', async () => {
      const { exit, stdout, stderr } = await start(
        client,
        'new rdkafka.Producer',
        ['dr_cb: true', "dr_cb: true, 'queue.buffering.max.messages': 7"],
        ['bindHeaders', 'rotate: { maxMessages: 40, allowFrequentRotation: true }, bindHeaders'],
        [
          /await Promise.all\(\[\n {2}send[^]*?\n\]\)/,
          `const order = (n) => ({ topic: 'orders', key: 'one', value: '${CANARY} ' + n, headers: [{ type: 'x' }] })
           const numbers = (s) => Array.from({ length: 10 }, (_, i) => order(s * 10 + i))
           const sends = Array.from({ length: 30 }, (_, s) => send(numbers(s)))
           sends.push(send([{ ...order(0), value: 42 }]), send(numbers(30)))
           const outcomes = await Promise.allSettled(sends)
           console.log(outcomes.flatMap(({ reason }) => reason?.code ?? []).join())`,
        ],
      )
      expect([await exit, await stderr]).toEqual([[0, null], ''])
      expect(await stdout).toBe('INVALID_RECORD\n')
      const standing = await standingOn(topic)
      expect(standing.map(({ value }) => String(value)).join()).not.toContain(CANARY)
      const opened = await openRecords(
        encryption,
        standing.map((message) => ({ ...message, topic })),
      )
      expect(opened.map(({ error, value }) => error?.code ?? String(value))).toEqual(
        Array.from({ length: 310 }, (_, n) => `${CANARY} ${String(n)}`),
      )
    })

    it('a consumer stops a partition at a record that was changed, commits nothing behind it, and goes on with the others', async () => {
      await write(0, [0, 1, 2, 3], 2)
      await write(1, [10, 11])
      const first = await startConsumer(client)
      const stopped = 'partition 0 stands at 2: AUTHENTICATION_FAILED'
      await until(
        'both partitions',
        () => first.printed().includes(stopped) && /^1 1 /m.test(first.printed()),
      )
      await write(0, [4])
      await write(1, [12])
      await until('more of the other', () => handled(first.printed(), 1).includes(12))
      first.child.kill('SIGTERM')
      expect(await first.exit).toEqual([0, null])
      expect(first.printed().match(/stands at/g)).toHaveLength(1)
      expect(handled(first.printed(), 0)).toEqual([0, 1])
      expect(await committed()).toEqual(['2', '3'])

      const second = await startConsumer(client)
      await until('the same record', () => second.printed().includes(stopped))
      expect(handled(second.printed(), 0)).toEqual([])
    })

    it('a consumer waits for a KMS, also when a partition moves meanwhile, and then handles every record in order', async () => {
      await writeFile(join(folder, 'down'), '')
      await write(0, [0, 1])
      await write(1, [10, 11])
      const first = await startConsumer(client)
      const waits = (printed: string, partition: number): boolean =>
        printed.includes(`partition ${String(partition)} stands at 0: KMS_UNAVAILABLE`)
      await until('both to wait', () => waits(first.printed(), 0) && waits(first.printed(), 1))
      const second = await startConsumer(client)
      await until('one to move', () => waits(second.printed(), 0) || waits(second.printed(), 1))
      expect(await committed()).toEqual(['-1', '-1'])
      await rm(join(folder, 'down'))
      await until('all', async () => (await committed()).join() === '2,2')
      await write(0, [2])
      await write(1, [12])
      const printed = (): string => first.printed() + second.printed()
      await until('more', () => handled(printed(), 0).includes(2) && handled(printed(), 1).includes(12))
      for (const { child } of [first, second]) child.kill('SIGTERM')
      expect([await first.exit, await second.exit]).toEqual([
        [0, null],
        [0, null],
      ])
      expect([handled(printed(), 0), handled(printed(), 1)]).toEqual([
        [0, 1, 2],
        [10, 11, 12],
      ])
      expect(await committed()).toEqual(['3', '3'])
    })
  })
}
