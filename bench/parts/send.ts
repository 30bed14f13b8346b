import type { Kafka, Message, Producer } from 'kafkajs'
import { encryptProducer } from '../../src/clients/kafkajs/index.js'
import { sealRecords } from '../../src/record/index.js'
import {
  cpuAdded,
  figureOver,
  figuresOf,
  loopFigures,
  roundsOf,
  without,
  type Case,
  type Figure,
} from '../harness/result.js'
import {
  compare,
  repeated,
  startTurn,
  withoutWarmUp,
  type Contender,
  type Rounds,
} from '../harness/rounds.js'
import { quantile } from '../harness/spread.js'
import { watchLoop, type LoopDelay } from '../harness/watch.js'
import { ENGINES, closeAll, onEachEngine } from './engines.js'
import { floorSeal } from './floor.js'
import { MAX_BATCH_BYTES, benchKafka, withTopics } from './kafka.js'
import { KIB, configFor, newKms, randomValues, recordsOf, type Plan, type Run } from './setup.js'

/** What one turn of a producer sends, in whole batches. */
const RECORDS_PER_TURN = 2000
const BYTES_PER_TURN = 8 * 2 ** 20
const MAX_SENDS_PER_TURN = 200

/** Producing to a broker: wrapped, plain, and plain with values as large as sealed ones. */
export function send({ quick }: Plan): Run[] {
  const sizes = quick ? [KIB] : [100, KIB, 10 * KIB]
  const batches = quick ? [500] : [1, 100, 500, 1000]
  const rounds = quick ? { rounds: 20, maxMs: 7000 } : { rounds: 25, turns: 4 }
  return sizes.flatMap((valueBytes) =>
    batches.map((batch) => ({
      name: `${String(batch)}-of-${String(valueBytes)}`,
      perEngine: true,
      measure: async () => [await sendCase(valueBytes, batch, rounds)],
    })),
  )
}

async function sendCase(valueBytes: number, batch: number, rounds: Rounds): Promise<Case> {
  const kafka = benchKafka()
  const values = randomValues(batch, valueBytes)
  const names = ['plain', 'plainAtSealedSize', ...ENGINES]
  return withTopics(names, async (topicOf) => {
    const encryptions = await onEachEngine(configFor(newKms(), { maxBatchBytes: MAX_BATCH_BYTES }))
    const [first] = await sealRecords(
      encryptions[0].encryption,
      recordsOf(topicOf('plain'), values.slice(0, 1)),
    )
    const sealedBytes = first?.value?.length ?? 0
    const producers = await Promise.all([
      producerOf(kafka, 'plain', topicOf, values),
      producerOf(kafka, 'plainAtSealedSize', topicOf, randomValues(batch, sealedBytes)),
      ...encryptions.map(({ engine, encryption }) =>
        producerOf(kafka, engine, topicOf, values, (plain) => encryptProducer(plain, encryption)),
      ),
    ])
    const floor = repeated('floor', batch, () => values.map(floorSeal))
    const turns = await compare([floor, ...producers], rounds)
    const done = {
      part: 'endToEnd',
      name: 'send',
      parameters: { valueBytes, batch },
      rounds: roundsOf(turns),
      figures: [
        ...figuresOf(without(turns, 'floor'), ['plain', 'plainAtSealedSize']),
        ...ENGINES.map((contender) =>
          cpuAdded(turns, { contender, against: 'plainAtSealedSize', floor: 'floor' }),
        ),
        ...producers.flatMap(({ name, sendTurns }) => latencies(name, withoutWarmUp(sendTurns, rounds))),
      ],
    }
    await Promise.all(producers.map((producer) => producer.close()))
    await closeAll(encryptions)
    return done
  })
}

/** What one turn of a producer shows beside its time. */
interface SendTurn {
  readonly median: number
  readonly p99: number
  readonly loop: LoopDelay
}

interface SendContender extends Contender {
  readonly sendTurns: readonly SendTurn[]
  close(): Promise<void>
}

async function producerOf(
  kafka: Kafka,
  name: string,
  topicOf: (name: string) => string,
  values: readonly Buffer[],
  wrap = (plain: Producer): Producer => plain,
): Promise<SendContender> {
  const producer = wrap(kafka.producer())
  await producer.connect()
  const topic = topicOf(name)
  const messages: Message[] = values.map((value, i) => ({ key: `key-${String(i)}`, value }))
  const bytes = values.reduce((sum, { length }) => sum + length, 0)
  const sends = Math.max(
    1,
    Math.min(MAX_SENDS_PER_TURN, RECORDS_PER_TURN / values.length, Math.floor(BYTES_PER_TURN / bytes)),
  )
  const sendTurns: SendTurn[] = []
  return {
    name,
    sendTurns,
    async turn() {
      const times: number[] = []
      const lateSince = watchLoop()
      const end = startTurn()
      for (let i = 0; i < sends; i++) {
        const start = performance.now()
        await producer.send({ topic, messages })
        times.push(performance.now() - start)
      }
      const turn = end(sends * messages.length)
      sendTurns.push({ median: quantile(times, 0.5), p99: quantile(times, 0.99), loop: lateSince() })
      return turn
    },
    close: () => producer.disconnect(),
  }
}

function latencies(name: string, turns: readonly SendTurn[]): Figure[] {
  return [
    figureOver(
      name,
      'sendMillisecondsMedian',
      turns.map(({ median }) => median),
    ),
    figureOver(
      name,
      'sendMillisecondsP99',
      turns.map(({ p99 }) => p99),
    ),
    ...loopFigures(
      name,
      turns.map(({ loop }) => loop),
    ),
  ]
}
