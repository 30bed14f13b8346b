import { CompressionTypes, type Admin, type Producer } from 'kafkajs'
import { logSize } from '../../scripts/broker/log-size.js'
import { trainDictionary } from '../../src/cli/dictionary/train.js'
import { encryptProducer } from '../../src/clients/kafkajs/index.js'
import type { EncryptionConfig } from '../../src/index.js'
import { figureOver, type Case, type Figure } from '../harness/result.js'
import { emulatedCmk, type EmulatedCmk } from './emulator.js'
import { closeAll, onEachEngine } from './engines.js'
import { benchKafka, withTopics } from './kafka.js'
import { SAMPLE_KINDS, SAMPLE_TITLES, sampleValues, type SampleKind } from './samples/samples.js'
import { recordsOf, type Plan, type Run } from './setup.js'

const BATCHES = [1, 5, 20, 100, 500]
/** Of each size of a batch, at least. */
const RECORDS = 200
/** A dictionary learns from other samples of the kind than those that are sent. */
const [LEARNED_SEED, SENT_SEED] = [1, 2]
const LEARNED = 1600
const MIN_SAMPLES = 10

/** The rules. Each has its topic, of a name that is as long as the others. */
const RULES = [
  { name: 'sealed', topic: '1', compression: 'none' },
  { name: 'gzip, sealed', topic: '2', compression: 'gzip' },
  { name: 'dictionary, sealed', topic: '3', compression: { dictionary: 'own' } },
] as const
const PLAIN = '0'
type TopicOf = (name: string) => string

/**
 * Bytes a record in the log of a broker, sealed under one CMK of Tencent Cloud KMS, and how many times those of plain
 * records with gzip over the batch.
 */
export function size({ quick }: Plan): Run[] {
  const kinds = quick ? SAMPLE_KINDS.slice(0, 1) : SAMPLE_KINDS
  return kinds.map((kind) => ({
    name: kind,
    async measure() {
      const cmk = await emulatedCmk()
      try {
        const sizes = await sizesOf(kind, cmk, quick ? [1, 20, 100] : BATCHES)
        return sizes.map((one) => ({ ...one, name: `${SAMPLE_TITLES[kind]}: ${one.name}` }))
      } finally {
        await cmk.close()
      }
    },
  }))
}

function sizesOf(kind: SampleKind, cmk: EmulatedCmk, batches: readonly number[]): Promise<Case[]> {
  const dictionary = trainDictionary(sampleValues(kind, LEARNED, LEARNED_SEED), MIN_SAMPLES)
  if (dictionary === undefined) throw new Error(`samples of ${kind} have nothing in common`)
  const kafka = benchKafka()
  return withTopics([PLAIN, ...RULES.map(({ topic }) => topic)], async (topicOf) => {
    const encryptions = await onEachEngine(configOf(cmk, dictionary.bytes, topicOf))
    const plain = kafka.producer()
    const sealing = encryptions.map(({ engine, encryption }) => ({
      engine,
      producer: encryptProducer(kafka.producer(), encryption),
    }))
    const admin = kafka.admin()
    const clients = [admin, plain, ...sealing.map(({ producer }) => producer)]
    await Promise.all(clients.map((client) => client.connect()))
    const cases: Case[] = []
    for (const batch of batches) {
      const values = sampleValues(kind, Math.max(RECORDS, batch), SENT_SEED)
      const take = (producer: Producer, topic: string, compression: CompressionTypes): Promise<number> =>
        bytesTaken(admin, producer, { topic: topicOf(topic), values, batch, compression })
      const ofPlain = await take(plain, PLAIN, CompressionTypes.GZIP)
      for (const { name, topic } of RULES)
        for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
          const figures = [figureOver('plain', 'bytesPerRecord', [ofPlain])]
          for (const { engine, producer } of sealing)
            figures.push(...against(ofPlain, engine, await take(producer, topic, compression)))
          cases.push({
            part: 'size',
            name: compression === CompressionTypes.None ? name : `${name}, gzip over the batch`,
            parameters: { valueBytes: Math.round(meanBytes(values)), batch },
            rounds: 1,
            figures,
          })
        }
    }
    await Promise.all(clients.map((client) => client.disconnect()))
    await closeAll(encryptions)
    return cases
  })
}

function configOf({ newKms, id }: EmulatedCmk, dictionary: Buffer, topicOf: TopicOf): EncryptionConfig {
  return {
    kms: { tencent: newKms() },
    cmks: { main: [{ kms: 'tencent', id }] },
    dictionaries: { own: { base64: dictionary.toString('base64') } },
    topics: RULES.map(({ topic, compression }) => ({
      match: [topicOf(topic)],
      encrypt: { cmk: 'main', compression },
    })),
  }
}

interface Sending {
  readonly topic: string
  readonly values: readonly Buffer[]
  readonly batch: number
  readonly compression: CompressionTypes
}

/** Bytes a record by which the log of the topic grows. */
async function bytesTaken(
  admin: Admin,
  producer: Producer,
  { topic, values, batch, compression }: Sending,
): Promise<number> {
  const messages = recordsOf('', values).map(({ key, value }) => ({ key, value }))
  const before = await logSize(admin, topic)
  for (let at = 0; at < messages.length; at += batch)
    await producer.send({ topic, messages: messages.slice(at, at + batch), compression })
  return ((await logSize(admin, topic)) - before) / messages.length
}

function against(plain: number, contender: string, bytes: number): Figure[] {
  return [
    figureOver(contender, 'bytesPerRecord', [bytes]),
    { ...figureOver(contender, 'sizeRatio', [bytes / plain]), against: 'plain' },
  ]
}

function meanBytes(values: readonly Buffer[]): number {
  return values.reduce((sum, { length }) => sum + length, 0) / values.length
}
