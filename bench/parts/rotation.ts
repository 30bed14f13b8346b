import type { Producer } from 'kafkajs'
import { encryptProducer } from '../../src/clients/kafkajs/index.js'
import { figureOver, type Case, type Figure } from '../harness/result.js'
import { compare, startTurn, withoutWarmUp, type Contender } from '../harness/rounds.js'
import { quantile } from '../harness/spread.js'
import { closeAll, onEachEngine, type OnEngine } from './engines.js'
import { benchKafka, withTopics } from './kafka.js'
import { KIB, configFor, newKms, randomValues, recordsOf, slow } from './setup.js'

const ROUNDS = 10
const KMS_MS = 300
/** A DEK lives shorter than a turn, so that each turn has a rotation. */
const MAX_AGE = '2s'
const PREFETCH = '1800ms'
const TURN_MS = 2300

/** Sends of one record, one after the other, with a rotation in each turn and without. */
export async function rotation(): Promise<Case[]> {
  const kms = slow(newKms(), KMS_MS)
  const rotate = { maxAge: MAX_AGE, prefetch: PREFETCH, allowFrequentRotation: true } as const
  const steady = await onEachEngine(configFor(kms))
  const rotating = await onEachEngine(configFor(kms, { rotate }))
  return withTopics(['rotation'], async (topicOf) => {
    const topic = topicOf('rotation')
    const senders = await Promise.all([
      ...steady.map((on) => senderOf(on.engine, on, topic)),
      ...rotating.map((on) => senderOf(`${on.engine}, rotating`, on, topic)),
    ])
    await compare(senders, { rounds: ROUNDS })
    await Promise.all(senders.map(({ producer }) => producer.disconnect()))
    await closeAll([...steady, ...rotating])
    const done = {
      part: 'keys',
      name: 'send across a rotation',
      parameters: { valueBytes: KIB, kmsMilliseconds: KMS_MS },
      rounds: ROUNDS,
      figures: senders.flatMap(figuresOf),
    }
    return [done]
  })
}

interface RotationTurn {
  readonly p99: number
  readonly slowest: number
  readonly waited: number
  readonly rotations: number
}

interface Sender extends Contender {
  readonly producer: Producer
  readonly sendTurns: readonly RotationTurn[]
}

async function senderOf(name: string, { encryption }: OnEngine, topic: string): Promise<Sender> {
  const producer = encryptProducer(benchKafka().producer(), encryption)
  await producer.connect()
  const messages = recordsOf('', randomValues(1, KIB))
  let [waited, rotations] = [0, 0]
  encryption.on('dek.waited', () => waited++)
  encryption.on('dek.created', () => rotations++)
  const sendTurns: RotationTurn[] = []
  return {
    name,
    producer,
    sendTurns,
    async turn() {
      // The DEK expired while others had their turn, and no send asked for the next one.
      await producer.send({ topic, messages })
      ;[waited, rotations] = [0, 0]
      const times: number[] = []
      const begin = performance.now()
      const end = startTurn()
      while (performance.now() - begin < TURN_MS) {
        const start = performance.now()
        await producer.send({ topic, messages })
        times.push(performance.now() - start)
      }
      sendTurns.push({ p99: quantile(times, 0.99), slowest: Math.max(...times), waited, rotations })
      return end(times.length)
    },
  }
}

function figuresOf({ name, sendTurns }: Sender): Figure[] {
  const turns = withoutWarmUp(sendTurns)
  if (name.endsWith('rotating') && turns.some(({ rotations }) => rotations === 0))
    throw new Error('a turn had no rotation')
  return [
    figureOver(
      name,
      'sendMillisecondsP99',
      turns.map(({ p99 }) => p99),
    ),
    figureOver(
      name,
      'sendMillisecondsSlowest',
      turns.map(({ slowest }) => slowest),
    ),
    figureOver(
      name,
      'sendsThatWaitedForADek',
      turns.map(({ waited }) => waited),
    ),
  ]
}
