import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  ConfigResourceTypes,
  type Admin,
  type EachBatchPayload,
  type KafkaMessage,
  type Message,
} from 'kafkajs'
import { copiedMessage } from '../../../src/operate/copy/copied-message.js'
import { copyTopic } from '../../../src/operate/copy/copy-topic.js'
import type { CopyOptions, CopyReport, Transform } from '../../../src/operate/copy/types.js'
import type { RawBatch, RawMessage } from '../../../src/operate/topics/raw-message.js'
import { rangesOf } from '../../../src/operate/topics/ranges.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const topics: string[] = []
let folder = ''
let admin: Admin

beforeAll(async () => {
  admin = testKafka().admin()
  await admin.connect()
  // Inside the project, so that `kafkajs` is found.
  folder = await mkdtemp(join(ROOT, 'test/.copy-'))
  await writeFile(join(folder, 'copier.mts'), COPIER)
})
afterAll(async () => {
  await admin.disconnect()
  await removeTopics(topics)
  await rm(folder, { recursive: true, force: true })
})

async function topicOf(partitions = 1): Promise<string> {
  const topic = await newTopic('raw.copy', partitions)
  topics.push(topic)
  return topic
}

async function send(topic: string, messages: Message[]): Promise<void> {
  const producer = testKafka().producer()
  await producer.connect()
  await producer.send({ topic, messages })
  await producer.disconnect()
}

const same: Transform = ({ messages }) => Promise.resolve(messages.map(({ value }) => value))

function copy(from: string, to: string, options: Partial<CopyOptions> = {}): Promise<CopyReport> {
  return copyTopic({ kafka: testKafka(), from, to, group: `copy-${to}`, transform: same, ...options })
}

/**
 * Everything that a reader of committed records sees, by partition. Not what KafkaJS delivers as such: it delivers records
 * of an aborted transaction after one whose key is the integer 0. Waits for the markers of transactions: a broker writes
 * them some moments after it has accepted a commit.
 */
async function contents(topic: string): Promise<unknown[][]> {
  return vi.waitFor(
    async () => {
      const found = await everyRecordOf(topic)
      const open = found.flatMap((messages) =>
        messages.filter((each, n) => isOpen(each, messages.slice(n + 1))),
      )
      expect(open.map(shown)).toEqual([])
      return found.map((messages) =>
        messages.filter((message, n) => isCommitted(message, messages.slice(n + 1))).map(shown),
      )
    },
    { timeout: 30_000, interval: 50 },
  )
}

async function everyRecordOf(topic: string): Promise<RawMessage[][]> {
  const ranges = await rangesOf(admin, [topic])
  const found: RawMessage[][] = ranges.map(() => [])
  const unread = new Set(ranges.filter(({ from, to }) => from < to).map(({ partition }) => partition))
  const groupId = `contents-${topic}-${crypto.randomUUID()}`
  const consumer = testKafka().consumer({ groupId, readUncommitted: true, maxBytesPerPartition: 8_000_000 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    const isRead = (partition: number, lastOffset: string): void => {
      if (BigInt(lastOffset) + 1n >= (ranges[partition]?.to ?? 0n)) unread.delete(partition)
      if (unread.size === 0) resolve()
    }
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      isRead(payload.partition, payload.lastOffset)
    })
    const eachBatch = ({ batch }: EachBatchPayload): Promise<void> => {
      const isInRange = ({ offset }: RawMessage): boolean =>
        BigInt(offset) < (ranges[batch.partition]?.to ?? 0n)
      found[batch.partition]?.push(...(batch as RawBatch).rawMessages.filter(isInRange))
      return Promise.resolve()
    }
    if (unread.size === 0) resolve()
    else consumer.run({ autoCommit: false, eachBatch }).catch(reject)
  })
  await consumer.disconnect()
  await admin.deleteGroups([groupId])
  return found
}

/** Whether the transaction of this record has not ended. */
function isOpen(message: RawMessage, following: readonly RawMessage[]): boolean {
  const isInTransaction = message.isControlRecord !== true && message.batchContext?.inTransaction === true
  return isInTransaction && markerOf(message, following) === undefined
}

function isCommitted(message: RawMessage, following: readonly RawMessage[]): boolean {
  if (message.isControlRecord === true) return false
  if (message.batchContext?.inTransaction !== true) return true
  return markerOf(message, following)?.key?.equals(Buffer.from([0, 0, 0, 1])) === true
}

/** The first marker of the same producer that follows. */
function markerOf({ batchContext }: RawMessage, following: readonly RawMessage[]): RawMessage | undefined {
  return following.find(
    (each) => each.isControlRecord === true && each.batchContext?.producerId === batchContext?.producerId,
  )
}

function shown({ key, value, headers, timestamp }: RawMessage): unknown[] {
  return [key?.toString('hex') ?? null, value?.toString('hex') ?? null, timestamp, headers]
}

/** Copies slowly, in small transactions. Says so when it reads its first record. */
const COPIER = `
  import { Kafka, logLevel } from 'kafkajs'
  import { copiedMessage } from '../../../src/operate/copy/copied-message.js'
import { copyTopic } from '${join(ROOT, 'src/operate/copy/copy-topic.ts')}'
  const [from, to, wait] = process.argv.slice(2)
  const real = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING })
  // The broker misses a killed process sooner.
  const consumer = (config) => real.consumer({ ...config, sessionTimeout: 6000, heartbeatInterval: 500 })
  const kafka = { admin: () => real.admin(), producer: (config) => real.producer(config), consumer }
  const transform = async ({ messages }) => {
    process.stdout.write('.')
    await new Promise((resolve) => setTimeout(resolve, Number(wait)))
    return messages.map(({ value }) => value)
  }
  const report = await copyTopic({ kafka, from, to, group: 'copy-' + to, transform, maxRecords: 7 })
  console.log(JSON.stringify(report))
`

interface Ended {
  readonly signal: NodeJS.Signals | null
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts a process that copies. It resolves `begun` with its first record, and `ended` when it is over. */
function copier(
  from: string,
  to: string,
  waitMs: number,
): { child: ChildProcess; begun: Promise<void>; ended: Promise<Ended> } {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(folder, 'copier.mts'), from, to, String(waitMs)],
    { cwd: ROOT },
  )
  let [stdout, stderr] = ['', '']
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (code, signal) => {
      resolve({ signal, code, stdout, stderr })
    }),
  )
  const begun = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
      resolve()
    })
    void ended.then(() => {
      resolve()
    })
  })
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return { child, begun, ended }
}

/** Pseudo-random numbers from 0 to below 1, the same for each seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Records with and without transactions, some of them aborted, so that they and their markers are everywhere. */
async function mixedTopic(perPartition: number): Promise<string> {
  const from = await topicOf(3)
  const kafka = testKafka()
  const plain = kafka.producer()
  const transactional = [0, 1].map((n) =>
    kafka.producer({ transactionalId: `${from}-${String(n)}`, maxInFlightRequests: 1 }),
  )
  await Promise.all([plain, ...transactional].map((producer) => producer.connect()))
  const int0 = Buffer.alloc(4)
  const messages = (name: string): Message[] =>
    [0, 1, 2].flatMap((partition) =>
      Array.from({ length: perPartition / 5 }, (_, n) => ({
        key: n % 3 === 0 ? int0 : null,
        value: `${name} ${String(n)}`,
        partition,
      })),
    )
  await plain.send({ topic: from, messages: messages('plain') })
  const [first, second] = await Promise.all(transactional.map((producer) => producer.transaction()))
  // They overlap, and the one that began first is aborted last.
  await first?.send({ topic: from, messages: messages('aborted last') })
  await second?.send({ topic: from, messages: messages('aborted first') })
  await first?.send({ topic: from, messages: messages('aborted last, too') })
  await second?.abort()
  await plain.send({ topic: from, messages: messages('between') })
  await first?.abort()
  const third = await transactional[0]?.transaction()
  await third?.send({ topic: from, messages: messages('committed') })
  await plain.send({ topic: from, messages: messages('after') })
  await third?.commit()
  await plain.send({ topic: from, messages: messages('end') })
  const last = await transactional[1]?.transaction()
  await last?.send({ topic: from, messages: messages('aborted at the end') })
  await last?.abort()
  await Promise.all([plain, ...transactional].map((producer) => producer.disconnect()))
  return from
}

/** The values of `mixedTopic` that are committed, of one partition. */
function committedValues(perPartition: number): string[] {
  return ['plain', 'between', 'committed', 'after', 'end'].flatMap((name) =>
    Array.from({ length: perPartition / 5 }, (_, n) => `${name} ${String(n)}`),
  )
}

function values(found: unknown[][]): string[][] {
  return found.map((partition) =>
    partition.map((record) => Buffer.from((record as string[])[1] ?? '', 'hex').toString()),
  )
}

describe('copyTopic', () => {
  it('it keeps key, headers, timestamp, partition and order of every record', async () => {
    const [from, to] = [await topicOf(3), await topicOf(3)]
    const binary = Buffer.from([0xff, 0, 0x80])
    const now = Date.now()
    await send(from, [
      { key: 'k', value: 'a', partition: 0, timestamp: String(now), headers: { h: 'x' } },
      { key: null, value: null, partition: 0, timestamp: String(now - 5) },
      {
        key: binary,
        value: binary,
        partition: 2,
        timestamp: '999',
        headers: { b: binary, r: ['1', '', '2'] },
      },
      {
        value: 'no key',
        partition: 2,
        timestamp: '1700000000000',
        headers: { ['__proto__']: 'p', constructor: 'c' },
      },
      { value: '', partition: 2, timestamp: String(now) },
    ])
    // KafkaJS itself cannot send a null header.
    const withNull = { key: null, headers: { none: null, some: [Buffer.from('1'), null, Buffer.alloc(0)] } }
    const bare = { timestamp: '0', attributes: 0, offset: '0', size: 0, value: null, ...withNull }
    await send(from, [copiedMessage(bare as unknown as KafkaMessage, Buffer.from('null headers'), 0)])
    const report = await copy(from, to)
    expect((await contents(to))[0]?.[2]).toEqual([null, expect.any(String), '0', withNull.headers])
    expect(report.partitions.map(({ records, next, end }) => [records, next, end])).toEqual([
      [3, '3', '3'],
      [0, '0', '0'],
      [3, '3', '3'],
    ])
    expect(await contents(to)).toEqual(await contents(from))
    const again = await copy(from, to)
    expect(again.partitions.map(({ records }) => records)).toEqual([0, 0, 0])
    await send(from, [{ value: 'later', partition: 1 }])
    await copy(from, to)
    expect(await contents(to)).toEqual(await contents(from))
  }, 60_000)

  it('it copies committed records alone, also where transactions overlap and keys look like markers', async () => {
    const [from, to] = [await mixedTopic(100), await topicOf(3)]
    const report = await copy(from, to, { maxRecords: 30 })
    expect(report.partitions.map(({ records }) => records)).toEqual([100, 100, 100])
    expect(report.partitions.every(({ next, end }) => next === end)).toBe(true)
    expect(values(await contents(to))).toEqual([0, 1, 2].map(() => committedValues(100)))
  }, 60_000)

  it('processes share the partitions, are killed at random moments, and copy each record once and in order', async () => {
    const [from, to] = [await mixedTopic(400), await topicOf(3)]
    const next = random(Number(process.env['COPY_SEED'] ?? 1))
    const kills = Number(process.env['COPY_KILLS'] ?? 2)
    let survivor = copier(from, to, 40)
    for (let kill = 0; kill < kills; kill++) {
      const second = copier(from, to, 40)
      await Promise.all([survivor.begun, second.begun])
      await new Promise((resolve) => setTimeout(resolve, next() * 600))
      survivor.child.kill('SIGKILL')
      expect(await survivor.ended).toMatchObject({ signal: 'SIGKILL' })
      survivor = second
    }
    expect(await survivor.ended).toMatchObject({ code: 0, stderr: '' })
    expect(values(await contents(to))).toEqual([0, 1, 2].map(() => committedValues(400)))
  }, 300_000)

  it('a transaction that a dead process left open is aborted, and holds up nothing', async () => {
    const [from, to] = [await topicOf(), await topicOf()]
    await send(from, [{ value: 'a' }, { value: 'b' }])
    const dead = testKafka().producer({
      transactionalId: `kafka-envelope-copy:${to}:0`,
      maxInFlightRequests: 1,
    })
    await dead.connect()
    const open = await dead.transaction()
    await open.send({ topic: to, messages: [{ key: Buffer.alloc(4), value: 'a' }, { value: 'b' }] })
    await copy(from, to)
    expect(values(await contents(to))).toEqual([['a', 'b']])
    // It can commit nothing any more.
    await expect(open.commit()).rejects.toThrow()
    await dead.disconnect()
    expect(values(await contents(to))).toEqual([['a', 'b']])
  }, 60_000)

  it('it says where a transaction is open in the source topic, and a later run copies what is behind it', async () => {
    const [from, to] = [await topicOf(), await topicOf()]
    await send(from, [{ value: 'a' }])
    const producer = testKafka().producer({ transactionalId: `open-${from}`, maxInFlightRequests: 1 })
    await producer.connect()
    const open = await producer.transaction()
    await open.send({ topic: from, messages: [{ value: 'b' }] })
    await send(from, [{ value: 'c' }])
    const { partitions } = await copy(from, to)
    expect(partitions).toMatchObject([{ records: 1, next: '1', end: '1', openFrom: '1' }])
    await open.commit()
    await producer.disconnect()
    const later = await copy(from, to)
    expect(later.partitions[0]).not.toHaveProperty('openFrom')
    expect(values(await contents(to))).toEqual([['a', 'b', 'c']])
  }, 60_000)

  it('it refuses topics that would not keep every record, and what others have written, before it writes', async () => {
    const [from, to, wide] = [await topicOf(), await topicOf(), await topicOf(2)]
    await send(from, [{ value: 'a' }])
    const transform: Transform = () => Promise.reject(new Error('nothing is read'))
    const refused = (target: string, options: Partial<CopyOptions> = {}): Promise<string> =>
      copy(from, target, { transform, ...options }).then(
        () => 'copied',
        (error: unknown) => (error as Error).message,
      )
    expect(await refused(from)).toMatch('cannot be copied into itself')
    expect(await refused('raw.none')).toBe('topic raw.none does not exist')
    expect(await refused(wide)).toMatch('needs 1 partitions, as many as')
    const setting = async (name: string, value: string): Promise<void> => {
      const resource = { type: ConfigResourceTypes.TOPIC, name: to, configEntries: [{ name, value }] }
      await admin.alterConfigs({ validateOnly: false, resources: [resource] })
    }
    for (const [name, value, message] of [
      ['message.timestamp.type', 'LogAppendTime', 'would lose their timestamps'],
      ['cleanup.policy', 'compact', 'is compacted and the source topic is not'],
      ['retention.ms', '3600000', 'has a lower retention.ms'],
    ] as const) {
      await setting(name, value)
      await expect.poll(() => refused(to)).toMatch(message)
    }
    await setting('retention.ms', '-1')
    await expect.poll(() => refused(to)).toBe('nothing is read')
    const foreign = await topicOf()
    await send(foreign, [{ value: 'foreign' }])
    expect(await refused(foreign)).toMatch('has to be empty')
    // Behind what the group has written, too.
    const target = await topicOf()
    await copy(from, target)
    await send(target, [{ value: 'foreign' }])
    expect(await refused(target)).toMatch(`did not write, such as the one at offset 2 of partition 0`)
    await expect(copy(from, wide, { group: `copy-${target}` })).rejects.toThrow('partitions')
    await expect(copy(from, await topicOf(), { group: `copy-${target}` })).rejects.toThrow(
      'choose another group',
    )
  }, 60_000)

  it('it refuses a group that something else uses, be it running or not, and takes no partition from it', async () => {
    const [from, to, other] = [await topicOf(), await topicOf(), await topicOf()]
    const group = `copy-${to}`
    await Promise.all([from, other].map((topic) => send(topic, [{ value: 'a' }])))
    const consumer = testKafka().consumer({ groupId: group, maxWaitTimeInMs: 100 })
    const joined: string[][] = []
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
      joined.push(Object.keys(payload.memberAssignment)),
    )
    await consumer.connect()
    await consumer.subscribe({ topics: [other], fromBeginning: true })
    const read = new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: () => {
          resolve()
          return Promise.resolve()
        },
      })
    })
    await read
    await expect(copy(from, to)).rejects.toThrow(
      `group ${group} has a member that reads ${other}: choose another group`,
    )
    expect(joined).toEqual([[other]])
    await consumer.disconnect()
    // It has committed what it read, and will come back.
    await expect(copy(from, to)).rejects.toThrow(
      `group ${group} has offsets of ${other} that are not of a copy`,
    )
    // Copies of other topics that are over do not matter, but one that runs does.
    const [next, shared] = [await topicOf(), `${group}-2`]
    await copy(from, to, { group: shared })
    let begun = (): void => undefined
    const hasBegun = new Promise<void>((resolve) => (begun = resolve))
    const stop = new AbortController()
    // A run that is stopped does not wait for its transform.
    const endless: Transform = () => {
      begun()
      return new Promise(() => undefined)
    }
    const running = copy(other, next, { group: shared, transform: endless, signal: stop.signal })
    await hasBegun
    await send(from, [{ value: 'b' }])
    await expect(copy(from, to, { group: shared })).rejects.toThrow(`has a member that reads ${other}`)
    stop.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
  }, 60_000)

  it('a change of the group while a run ends takes no partition, and leaves no connection open', async () => {
    const [from, to] = [await topicOf(), await topicOf()]
    await send(from, [{ value: 'a' }])
    const kafka = testKafka()
    const [consumerOf, producerOf] = [kafka.consumer.bind(kafka), kafka.producer.bind(kafka)]
    let producers = 0
    kafka.producer = (config) => {
      producers++
      return producerOf(config)
    }
    kafka.consumer = (config) => {
      const consumer = consumerOf(config)
      const { on, disconnect } = consumer
      let join = (_: never): void => undefined
      consumer.on = ((name: string, listener: typeof join) => {
        if (name === consumer.events.GROUP_JOIN) join = listener
        return on(name as never, listener as never)
      }) as typeof on
      consumer.disconnect = () => {
        join({ payload: { memberAssignment: { [from]: [0] } } } as never)
        return disconnect()
      }
      return consumer
    }
    const interrupted = new AbortController()
    const interrupting: Transform = ({ signal: ofBatch }) =>
      new Promise((_, reject) => {
        ofBatch.addEventListener('abort', () => {
          reject(new Error('the batch is given up'))
        })
        interrupted.abort(new Error('interrupted'))
      })
    const { signal } = interrupted
    await expect(copy(from, to, { kafka, transform: interrupting, signal })).rejects.toThrow('interrupted')
    expect(producers).toBe(1)
  }, 60_000)

  it('what fails stops it without a loss: a transform, and a record that is too large', async () => {
    const [from, to] = [await topicOf(), await topicOf()]
    await send(from, [{ value: 'a' }, { value: 'bad' }, { value: 'c' }])
    const failing: Transform = ({ messages }) => {
      if (messages.some(({ value }) => value?.toString() === 'bad'))
        return Promise.reject(new Error('a bad record'))
      return same({ messages } as Parameters<Transform>[0])
    }
    await expect(copy(from, to, { transform: failing, maxRecords: 1 })).rejects.toThrow('a bad record')
    expect(values(await contents(to))).toEqual([['a']])
    const growing: Transform = ({ messages }) =>
      Promise.resolve(
        messages.map(({ value }) => (value?.toString() === 'c' ? Buffer.alloc(2_000_000) : value)),
      )
    await expect(copy(from, to, { transform: growing, maxRecords: 1 })).rejects.toThrow(
      `${from}:0:2: as a record of ${to} it may take 2000097 bytes, but max.message.bytes is 1048588: raise it`,
    )
    expect(values(await contents(to))).toEqual([['a', 'bad']])
    await copy(from, to)
    expect(values(await contents(to))).toEqual([['a', 'bad', 'c']])
  }, 60_000)
})
