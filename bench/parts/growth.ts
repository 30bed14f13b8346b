import { openRecords, sealRecords } from '../../src/record/index.js'
import { figureOver, type Case, type Figure } from '../harness/result.js'
import { onEachEngine, closeAll, type OnEngine } from './engines.js'
import { NO_QUOTA, checkOpened, configFor, newKms, randomValues, recordsOf, type Run } from './setup.js'

const BATCH = 500
const VALUE_BYTES = 100

/** Whether time grows with the work alone, and memory not at all. A case for each power of ten. */
export function growth(): Run[] {
  return [
    { name: 'records', measure: records },
    { name: 'deks', measure: () => deks('DEKs', 1_000_000) },
    { name: 'deks-cache', measure: () => deks('DEKs, cache of 10,000', 10_000) },
    { name: 'topics', measure: topics },
  ]
}

async function records(): Promise<Case[]> {
  const encryptions = await onEachEngine(configFor(newKms()))
  const batch = recordsOf('bench', randomValues(BATCH, VALUE_BYTES))
  const cases = await grow(
    { name: 'records', counts: [1e4, 1e5, 1e6, 1e7], step: BATCH },
    encryptions,
    async ({ encryption }) => {
      checkOpened(await openRecords(encryption, await sealRecords(encryption, batch)))
    },
  )
  await closeAll(encryptions)
  return cases
}

/** A DEK for each record. */
async function deks(name: string, maxDeks: number): Promise<Case[]> {
  const kms = newKms()
  const rotate = { maxMessages: 1, allowFrequentRotation: true }
  const sealers = await onEachEngine(configFor(kms, { rotate }, NO_QUOTA))
  const openers = await onEachEngine(configFor(kms, {}, { ...NO_QUOTA, cache: { maxDeks } }))
  const record = recordsOf('bench', randomValues(1, VALUE_BYTES))
  const counts = [1, 10, 100, 1e3, 1e4, 1e5]
  const cases = await grow({ name, counts, step: 1 }, openers, async ({ encryption }) => {
    checkOpened(await openRecords(encryption, await sealRecords(sealers[0].encryption, record)))
  })
  await closeAll([...sealers, ...openers])
  return cases
}

/** A batch of each topic, under a DEK of its own. */
async function topics(): Promise<Case[]> {
  const encryptions = await onEachEngine(configFor(newKms(), { dekScope: 'topic' }, NO_QUOTA))
  const values = randomValues(10, VALUE_BYTES)
  const cases = await grow(
    { name: 'topics', counts: [1, 10, 100, 1e3], step: 1 },
    encryptions,
    async ({ encryption }, n) => {
      const batch = recordsOf(`topic-${String(n)}`, values)
      checkOpened(await openRecords(encryption, await sealRecords(encryption, batch)))
    },
  )
  await closeAll(encryptions)
  return cases
}

interface Series {
  readonly name: string
  /** Where it is measured. */
  readonly counts: readonly number[]
  /** How many one call of `work` adds. */
  readonly step: number
}

async function grow(
  { name, counts, step }: Series,
  encryptions: readonly OnEngine[],
  work: (on: OnEngine, n: number) => Promise<void>,
): Promise<Case[]> {
  const figures = new Map<number, Figure[]>(counts.map((count) => [count, []]))
  for (const on of encryptions) {
    // What is loaded and compiled once is not growth.
    await work(on, -1)
    const before = await inUse()
    let [done, ms] = [0, 0]
    for (const count of counts) {
      const start = performance.now()
      for (; done < count; done += step) await work(on, done)
      // Collecting garbage for the measurement is not part of it.
      ms += performance.now() - start
      figures
        .get(count)
        ?.push(
          figureOver(on.engine, 'seconds', [ms / 1000]),
          figureOver(on.engine, 'bytesInUse', [(await inUse()) - before]),
          figureOver(on.engine, 'bytesResident', [process.memoryUsage.rss()]),
        )
    }
  }
  return [...figures].map(([count, own]) => ({
    part: 'growth',
    name,
    parameters: { count },
    rounds: 1,
    figures: own,
  }))
}

/** Needs --expose-gc. Buffers go a turn after the objects that held them. */
async function inUse(): Promise<number> {
  if (global.gc === undefined) throw new Error('run it with --expose-gc')
  for (let i = 0; i < 3; i++) {
    global.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
