import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import type { TestProject } from 'vitest/node'
import { randomOf } from './random.js'
import { createTopic } from './create-topic.js'
import { fillTopic } from './topic.js'
import type { PartitionTruth } from './truth.js'
import { makeVariants, type Variants } from './variants.js'

/** What the tests share. */
export interface Million {
  readonly seed: number
  readonly topic: string
  readonly records: number
  /** A topic with a tenth as many records, where every record opens. */
  readonly sealed: string
  /** With the keyring and the configuration file. */
  readonly folder: string
  readonly truth: {
    readonly partitions: readonly PartitionTruth[]
    readonly sessions: number
    readonly deks: Readonly<Record<string, number>>
  }
}

declare module 'vitest' {
  export interface ProvidedContext {
    million: Million
  }
}

/** Makes the topic. `SEED` and `RECORDS` repeat a run, and make a smaller one. */
export default async function makeTopic(project: TestProject): Promise<() => Promise<void>> {
  const brokers = process.env['KAFKA_BROKERS']?.split(',')
  if (brokers === undefined) throw new Error('KAFKA_BROKERS is not set: run `npm run test:million`')
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  const records = Number(process.env['RECORDS'] ?? 1_000_000)
  const topic = `raw.million.${String(seed)}`
  const folder = await mkdtemp(join(tmpdir(), 'million-'))
  const kafka = new Kafka({ brokers, logLevel: logLevel.ERROR })
  const admin = kafka.admin()
  await admin.connect()
  const sealed = `${topic}.sealed`
  const topics = [topic, sealed]
  for (const each of topics) await createTopic(admin, each)
  const started = Date.now()
  const variants = await makeVariants(folder, topic, randomOf(seed))
  const { partitions, sessions, deks } = await fillTopic(kafka, topic, records, variants, seed)
  await fillTopic(kafka, sealed, records / 10, sealedOnly(variants), seed)
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  console.log(`SEED=${String(seed)}: ${String(records)} records in ${topic}, written in ${seconds} s`)
  project.provide('million', {
    ...{ seed, topic, records, sealed, folder },
    truth: {
      partitions,
      sessions: sessions.size,
      deks: Object.fromEntries([...deks].map(([cmk, all]) => [cmk, all.size])),
    },
  })
  return async () => {
    await admin.deleteTopics({ topics })
    await admin.disconnect()
    await rm(folder, { recursive: true })
  }
}

function sealedOnly({ mixed, aborted }: Variants): Variants {
  const opens = mixed.filter(({ variants }) =>
    variants.every(({ kind }) => kind === 'sealed' || kind === 'tombstone'),
  )
  return { mixed: opens, aborted }
}
