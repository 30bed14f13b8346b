import type { EncryptionConfig, Kms } from '../../src/index.js'
import { decryptConsumer } from '../../src/clients/kafkajs/index.js'
import { sealRecords, type SealedCopy } from '../../src/record/index.js'
import { figureOver, figuresOf, type Case } from '../harness/result.js'
import { compare, type Contender, type Turn } from '../harness/rounds.js'
import { fill, read } from './consume.js'
import { ENGINES, closeAll, onEachEngine } from './engines.js'
import { benchKafka, withTopics } from './kafka.js'
import { NO_QUOTA, configFor, newKms, randomValues, recordsOf, slow } from './setup.js'

const RECORDS = 20_000
const DEKS = [1, 1000, 10_000]
const BATCH = 500
const ROUNDS = 8
const KMS_MS = 20

/** Reading a topic under many DEKs, with nothing cached: first what the library takes, then with a slow KMS and its quota. */
export function manyDeks(): Promise<Case[]> {
  const kms = newKms()
  const about = { part: 'keys', parameters: { records: RECORDS, valueBytes: 100 } }
  const topics = DEKS.map((deks) => `deks-${String(deks)}`)
  return withTopics(topics, async (topicOf) => {
    for (const [i, deks] of DEKS.entries()) {
      const topic = topicOf(topics[i] as string)
      await fill(benchKafka(), topic, await sealedUnder(kms, topic, deks), RECORDS)
    }
    const all = DEKS.flatMap((deks, i) =>
      ENGINES.map((engine, place) => ({
        name: `${engine}, ${deks === 1 ? '1 DEK' : `${deks.toLocaleString('en')} DEKs`}`,
        place,
        topic: topicOf(topics[i] as string),
      })),
    )
    const contenders = all.map(({ name, place, topic }): Contender => {
      return { name, turn: () => readCold(place, topic, configFor(kms, {}, NO_QUOTA)) }
    })
    const turns = await compare(contenders, { rounds: ROUNDS })
    const baselines = contenders.slice(0, ENGINES.length).map(({ name }) => name)
    const seconds = []
    for (const { name, place, topic } of all) {
      const { ms } = await readCold(place, topic, configFor(slow(kms, KMS_MS)))
      seconds.push(figureOver(name, 'seconds', [ms / 1000]))
    }
    return [
      { ...about, name: 'a topic with many DEKs', rounds: ROUNDS, figures: figuresOf(turns, baselines) },
      {
        ...about,
        name: 'the same, by default, on a KMS of 20 ms',
        rounds: 1,
        figures: seconds,
      },
    ]
  })
}

async function sealedUnder(
  kms: Kms,
  topic: string,
  deks: number,
): Promise<SealedCopy<ReturnType<typeof recordsOf>[number]>[]> {
  const rotate = { maxMessages: RECORDS / deks, allowFrequentRotation: true }
  const encryptions = await onEachEngine(configFor(kms, { rotate }, NO_QUOTA))
  const records = recordsOf(topic, randomValues(RECORDS, 100))
  const sealed = []
  for (let at = 0; at < RECORDS; at += BATCH)
    sealed.push(...(await sealRecords(encryptions[0].encryption, records.slice(at, at + BATCH))))
  await closeAll(encryptions)
  return sealed
}

/** Reads with the engine at this place of the list, and nothing cached. */
async function readCold(place: number, topic: string, config: EncryptionConfig): Promise<Turn> {
  const encryptions = await onEachEngine(config)
  const { engine, encryption } = encryptions[place] ?? encryptions[0]
  const { turn } = await read({
    kafka: benchKafka(),
    name: engine,
    topic,
    records: RECORDS,
    handler: 'eachBatch',
    wrap: (plain) => decryptConsumer(plain, encryption),
  })
  await closeAll(encryptions)
  return turn
}
