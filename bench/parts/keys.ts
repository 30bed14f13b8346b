import type { Encryption } from '../../src/index.js'
import { encryptProducer } from '../../src/clients/kafkajs/index.js'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { figureOver, type Case, type Figure } from '../harness/result.js'
import { closeAll, onEachEngine } from './engines.js'
import { benchKafka, withTopics } from './kafka.js'
import { manyDeks } from './many-deks.js'
import { rotation } from './rotation.js'
import { checkOpened, configFor, newKms, randomValues, recordsOf, slow, type Run } from './setup.js'

const MILLION = 1_000_000
const BATCH = 500
const COLD_SENDS = 64
const COLD_ROUNDS = 10
const KMS_MS = 300

/** What keys cost: calls to the KMS, the first sends of a process, a rotation, a topic with many DEKs. */
export function keys(): Run[] {
  return [
    { name: 'calls', measure: () => callsPerMillion('by default', {}) },
    {
      name: 'calls-maxMessages',
      measure: () => callsPerMillion('maxMessages 100,000', { maxMessages: 100_000 }),
    },
    { name: 'coldSends', measure: coldSends },
    { name: 'rotation', measure: rotation },
    { name: 'manyDeks', measure: manyDeks },
  ]
}

/** Seals and opens a million records, and counts the calls; one encryption seals, the other opens, as two processes would. */
async function callsPerMillion(rule: string, rotate: { maxMessages?: number }): Promise<Case[]> {
  const config = configFor(newKms(), { rotate })
  const sealers = await onEachEngine(config)
  const openers = await onEachEngine(config)
  const records = recordsOf('bench', randomValues(BATCH, 100))
  const figures: Figure[] = []
  for (const [i, { engine, encryption }] of sealers.entries()) {
    const opener = openers[i]?.encryption as Encryption
    const calls = [countCalls(encryption), countCalls(opener)]
    for (let sealed = 0; sealed < MILLION; sealed += BATCH)
      checkOpened(await openRecords(opener, await sealRecords(encryption, records)))
    figures.push(figureOver(engine, 'kmsCalls', [calls.reduce((sum, count) => sum + count(), 0)]))
  }
  await closeAll([...sealers, ...openers])
  const name = `calls for a million records, ${rule}`
  return [{ part: 'keys', name, parameters: { records: MILLION }, rounds: 1, figures }]
}

/** The calls from now on; the function returned says how many. */
function countCalls(encryption: Encryption): () => number {
  let calls = 0
  encryption.on('kms.call', () => calls++)
  return () => calls
}

/** The first sends of a process, all at once, while the KMS takes its time. */
async function coldSends(): Promise<Case[]> {
  const messages = recordsOf('', randomValues(1, 100))
  return withTopics(['cold'], async (topicOf) => {
    const topic = topicOf('cold')
    const calls = new Map<string, number[]>()
    const seconds = new Map<string, number[]>()
    for (let round = 0; round < COLD_ROUNDS; round++) {
      const encryptions = await onEachEngine(configFor(slow(newKms(), KMS_MS)))
      for (const { engine, encryption } of encryptions) {
        const producer = encryptProducer(benchKafka().producer(), encryption)
        await producer.connect()
        const called = countCalls(encryption)
        const start = performance.now()
        await Promise.all(Array.from({ length: COLD_SENDS }, () => producer.send({ topic, messages })))
        seconds.set(engine, [...(seconds.get(engine) ?? []), (performance.now() - start) / 1000])
        calls.set(engine, [...(calls.get(engine) ?? []), called()])
        await producer.disconnect()
      }
      await closeAll(encryptions)
    }
    const done = {
      part: 'keys',
      name: 'cold sends at once',
      parameters: { sends: COLD_SENDS, kmsMilliseconds: KMS_MS },
      rounds: COLD_ROUNDS,
      figures: [...calls].flatMap(([engine, counts]) => [
        figureOver(engine, 'kmsCalls', counts),
        figureOver(engine, 'seconds', seconds.get(engine) ?? []),
      ]),
    }
    return [done]
  })
}
