import { Kafka, logLevel, type Producer } from 'kafkajs'
import { encryptProducer } from '../../src/clients/kafkajs/index.js'
import { figureOver, type Case, type Figure } from '../harness/result.js'
import { compare, startTurn, withoutWarmUp, type Contender } from '../harness/rounds.js'
import { quantile } from '../harness/spread.js'
import { closeAll, onEachEngine } from './engines.js'
import { KIB, configFor, newKms, randomValues, type Plan, type Run } from './setup.js'

const SENDS_PER_TURN = 2000

/**
 * What wrapping adds to one `send`. The producer beneath takes messages and drops them: a broker's own delays, of
 * milliseconds, would hide it.
 */
export function sendAlone({ quick }: Plan): Run[] {
  return [{ name: 'send', perEngine: true, measure: async () => [await sendAloneCase(quick ? 20 : 60)] }]
}

async function sendAloneCase(rounds: number): Promise<Case> {
  const encryptions = await onEachEngine(configFor(newKms()))
  const unconnected = new Kafka({ brokers: ['localhost:9092'], logLevel: logLevel.NOTHING }).producer()
  const dropping: Producer = { ...unconnected, send: () => Promise.resolve([]) }
  const [value] = randomValues(1, KIB)
  if (value === undefined) throw new Error('there is no value')
  const plain = sender('plain', dropping, value)
  const wrapped = encryptions.map(({ engine, encryption }) =>
    sender(engine, encryptProducer(dropping, encryption), value),
  )
  await compare([plain, ...wrapped], { rounds })
  const plainP99 = withoutWarmUp(plain.p99)
  const figures = [plain, ...wrapped].flatMap((own): Figure[] => {
    const p99 = withoutWarmUp(own.p99)
    const added = p99.map((ms, round) => ms - (plainP99[round] ?? NaN))
    return [
      figureOver(own.name, 'sendMillisecondsMedian', withoutWarmUp(own.median)),
      figureOver(own.name, 'sendMillisecondsP99', p99),
      { ...figureOver(own.name, 'sendMillisecondsP99Added', added), against: 'plain' },
    ]
  })
  await closeAll(encryptions)
  return {
    part: 'sendAlone',
    name: 'one send without a broker',
    parameters: { valueBytes: KIB },
    rounds: plainP99.length,
    figures: figures.filter(({ contender, against }) => contender !== against),
  }
}

interface Sender extends Contender {
  readonly median: number[]
  readonly p99: number[]
}

function sender(name: string, producer: Producer, value: Buffer): Sender {
  const [median, p99]: [number[], number[]] = [[], []]
  const record = { topic: 'bench', messages: [{ key: 'key', value }] }
  return {
    name,
    median,
    p99,
    async turn() {
      const times: number[] = []
      const end = startTurn()
      for (let i = 0; i < SENDS_PER_TURN; i++) {
        const start = performance.now()
        await producer.send(record)
        times.push(performance.now() - start)
      }
      median.push(quantile(times, 0.5))
      p99.push(quantile(times, 0.99))
      return end(SENDS_PER_TURN)
    },
  }
}
