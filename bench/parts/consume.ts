import { randomUUID } from 'node:crypto'
import type { Consumer, Kafka, Message } from 'kafkajs'
import { decryptConsumer } from '../../src/clients/kafkajs/index.js'
import { sealRecords } from '../../src/record/index.js'
import { cpuAdded, figuresOf, loopFigures, roundsOf, without, type Case } from '../harness/result.js'
import {
  compare,
  repeated,
  startTurn,
  withoutWarmUp,
  type Contender,
  type Rounds,
  type Turn,
} from '../harness/rounds.js'
import { watchLoop, type LoopDelay } from '../harness/watch.js'
import { bareReaders } from './bare.js'
import { ENGINES, closeAll, onEachEngine } from './engines.js'
import { floorOpen, floorSeal } from './floor.js'
import { benchKafka, withTopics } from './kafka.js'
import { KIB, MIB, configFor, newKms, randomValues, recordsOf, type Plan, type Run } from './setup.js'

/** What a turn reads: this many records, or as many as make 24 MiB. */
const MAX_RECORDS = 30_000
const QUICK_RECORDS = 10_000
const MAX_BYTES = 24 * MIB
/** Different values; a topic repeats them. */
const VALUES = 500

const HANDLERS = ['eachMessage', 'eachBatch'] as const
type Handler = (typeof HANDLERS)[number]

/**
 * Reading a topic from its beginning: wrapped, plain, plain with values as large as sealed ones, and with a handler that
 * only decrypts.
 */
export function consume({ quick }: Plan): Run[] {
  const sizes = quick ? [KIB] : [100, KIB, 10 * KIB]
  const maxRecords = quick ? QUICK_RECORDS : MAX_RECORDS
  const rounds = quick ? { rounds: 15, maxMs: 7000 } : { rounds: 20, turns: 2 }
  return sizes.flatMap((valueBytes) => {
    const records = Math.floor(Math.min(maxRecords, MAX_BYTES / valueBytes) / VALUES) * VALUES
    return HANDLERS.map((handler) => ({
      name: `${handler}-${String(valueBytes)}`,
      perEngine: true,
      measure: async () => [await consumeCase(handler, { valueBytes, records }, rounds)],
    }))
  })
}

async function consumeCase(
  handler: Handler,
  parameters: { valueBytes: number; records: number },
  rounds: Rounds,
): Promise<Case> {
  const kafka = benchKafka()
  const { valueBytes, records } = parameters
  const values = randomValues(VALUES, valueBytes)
  return withTopics(['plain', 'plainAtSealedSize', 'sealed', 'bare'], async (topicOf) => {
    const encryptions = await onEachEngine(configFor(newKms()))
    const sealed = await sealRecords(encryptions[0].encryption, recordsOf(topicOf('sealed'), values))
    const sealedBytes = sealed[0]?.value?.length ?? 0
    const bare = bareReaders(recordsOf('', values), sealedBytes)
    const topics = {
      plain: recordsOf('', values),
      plainAtSealedSize: recordsOf('', randomValues(VALUES, sealedBytes)),
      sealed,
      bare: bare.messages,
    }
    for (const [name, messages] of Object.entries(topics)) await fill(kafka, topicOf(name), messages, records)

    const reading = { kafka, records, handler }
    const consumers = [
      reader({ ...reading, name: 'plain', topic: topicOf('plain') }),
      reader({ ...reading, name: 'plainAtSealedSize', topic: topicOf('plainAtSealedSize') }),
      ...bare.readers.map(({ name, wrap }) => reader({ ...reading, name, topic: topicOf('bare'), wrap })),
      ...encryptions.map(({ engine, encryption }) =>
        reader({
          ...reading,
          name: engine,
          topic: topicOf('sealed'),
          wrap: (plain) => decryptConsumer(plain, encryption),
        }),
      ),
    ]
    const floorSealed = values.map(floorSeal)
    const floor = repeated('floor', VALUES, () => floorSealed.map(floorOpen))
    const turns = await compare([floor, ...consumers], rounds)
    await closeAll(encryptions)
    return {
      part: 'endToEnd',
      name: handler,
      parameters,
      rounds: roundsOf(turns),
      figures: [
        ...figuresOf(without(turns, 'floor'), ['plain', 'plainAtSealedSize']),
        ...[...bare.readers.map(({ name }) => name), ...ENGINES].map((contender) =>
          cpuAdded(turns, { contender, against: 'plainAtSealedSize', floor: 'floor' }),
        ),
        ...consumers.flatMap(({ name, delays }) => loopFigures(name, withoutWarmUp(delays, rounds))),
      ],
    }
  })
}

/** Sends the messages again and again, until the topic has `records`. */
export async function fill(
  kafka: Kafka,
  topic: string,
  messages: readonly Message[],
  records: number,
): Promise<void> {
  const producer = kafka.producer()
  await producer.connect()
  for (let sent = 0; sent < records; sent += messages.length)
    await producer.send({ topic, messages: [...messages] })
  await producer.disconnect()
}

interface Reading {
  readonly kafka: Kafka
  readonly name: string
  readonly topic: string
  readonly records: number
  readonly handler: Handler
  readonly wrap?: (plain: Consumer) => Consumer
}

/** In each turn a new consumer reads the topic once, in a group of its own. */
function reader(reading: Reading): Contender & { readonly delays: readonly LoopDelay[] } {
  const delays: LoopDelay[] = []
  return {
    name: reading.name,
    delays,
    async turn() {
      const { turn, delay } = await read(reading)
      delays.push(delay)
      return turn
    },
  }
}

/** Reads a topic to its end. */
export async function read({
  kafka,
  topic,
  records,
  handler,
  wrap = (plain) => plain,
}: Reading): Promise<{ turn: Turn; delay: LoopDelay }> {
  const plain = kafka.consumer({
    groupId: `bench-${randomUUID()}`,
    // As much as a broker gives at once, so that it is not the broker that is measured.
    maxBytesPerPartition: 4 * MIB,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false,
  })
  const consumer = wrap(plain)
  let [count, bytes] = [0, 0]
  const seen = ({ value }: { readonly value: Buffer | null }): void => {
    count++
    bytes += value?.length ?? 0
  }
  const result = new Promise<{ turn: Turn; delay: LoopDelay }>((resolve, reject) => {
    let started: { end: (records: number) => Turn; late: () => LoopDelay } | undefined
    // From the first request to the end of the last batch: joining the group is not part of it.
    plain.on(plain.events.FETCH_START, () => {
      started ??= { end: startTurn(), late: watchLoop() }
    })
    plain.on(plain.events.END_BATCH_PROCESS, () => {
      if (count >= records && started !== undefined)
        resolve({ turn: started.end(count), delay: started.late() })
    })
    plain.on(plain.events.CRASH, ({ payload }) => {
      reject(payload.error)
    })
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run(
    handler === 'eachMessage'
      ? {
          eachMessage: ({ message }) => {
            seen(message)
            return Promise.resolve()
          },
        }
      : {
          eachBatch: ({ batch }) => {
            batch.messages.forEach(seen)
            return Promise.resolve()
          },
        },
  )
  try {
    const measured = await result
    if (count !== records || bytes === 0)
      throw new Error(`${String(count)} records came, not ${String(records)}`)
    return measured
  } finally {
    await consumer.disconnect()
  }
}
