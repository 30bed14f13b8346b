import { watchMemory } from '../harness/memory.js'
import { NO_QUOTA } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'
import { slopePerMinute } from '../harness/slope.js'
import type { Stage } from '../harness/stage.js'

const MINUTE_MS = 60_000
const MAX_MIB_PER_MINUTE = 1

const soak: Schedule = {
  name: 'soak',
  what: 'ten minutes after two of warm-up, with short outages of the KMS: memory and handles stay flat',
  isLong: true,
  async run(stage) {
    const kms = await stage.kms()
    const topic = await stage.topic('orders')
    const rotate = { maxMessages: 1000 }
    // The cache is full before the warm-up ends.
    const encryption = stage.encryption(kms, { encrypt: { rotate }, cache: { maxDeks: 10 } })
    const producer = await stage.producer({ topic, encryption, pauseMs: 30 })
    const consumer = await stage.consumer({ topics: [topic], encryption, handler: 'eachMessage' })
    const state = { isOver: false }
    const outages = (async () => {
      while (!state.isOver) {
        await stage.sleep(stage.random.int(10_000, 30_000))
        await kms.begin(stage.random.pick(['down', 'throttled', 'garbage', 'reset']))
        await stage.sleep(stage.random.int(500, 3000))
        await kms.recover()
      }
    })()
    const times = { warmUpMs: 2 * MINUTE_MS, forMs: 10 * MINUTE_MS, everyMs: 10_000 }
    Object.assign(stage.series, await watchMemory([producer, consumer], times))
    state.isOver = true
    await outages
    await stage.drained()
    for (const { name } of [producer, consumer]) checkFlat(stage, name)
    stage.checkCalm(0)
  },
}

function checkFlat(stage: Stage, process: string): void {
  for (const what of ['heap', 'resident']) {
    const slope = slopePerMinute(stage.series[`${process} ${what}`] ?? [])
    stage.figures[`${process}: ${what}, MiB a minute`] = Math.round(slope * 1000) / 1000
    stage.check(slope < MAX_MIB_PER_MINUTE, `${process}: ${what} grows by less than 1 MiB a minute`)
  }
  const handles = stage.series[`${process} handles`] ?? []
  const slope = slopePerMinute(handles)
  stage.figures[`${process}: handles a minute`] = Math.round(slope * 1000) / 1000
  // A connection comes and goes; one that stays each minute would be one too many.
  stage.check(slope < 0.5, `${process}: the number of handles is flat`)
}

const MANY = { records: 1_000_000, perDek: 100 } as const
const MANY_IN_SHORT_FORM = 20_000

const million: Schedule = {
  name: 'million',
  what: 'a million records with a DEK per 100: 10,000 DEKs in one topic, a cache of 1,000, and memory that stays flat',
  async run(stage) {
    const records = stage.isLong ? MANY.records : MANY_IN_SHORT_FORM
    const topic = await stage.topic('orders')
    const rotate = { maxMessages: MANY.perDek, allowFrequentRotation: true }
    const encryption = stage.encryption(await stage.keyring('main'), {
      ...NO_QUOTA,
      encrypt: { rotate },
      cache: { maxDeks: 1000 },
    })
    const load = { batch: 500, pauseMs: 0, keys: 1000, valueBytes: 100 }
    const producer = await stage.producer({ topic, encryption, count: records, ...load })
    const consumer = await stage.consumer({ topics: [topic], encryption, handler: 'eachBatch' })
    // Everything is in use, and the cache is full, after a fifth.
    await stage.until('a fifth', () => stage.delivered() >= records / 5, 10 * MINUTE_MS)
    const before = await consumer.memory()
    await stage.until('all', () => stage.delivered() === records, 15 * MINUTE_MS)
    const after = await consumer.memory()
    await stage.drained()
    stage.figures['DEKs'] = producer.heard('dek.created').length
    const grown = (after.heapBytes - before.heapBytes) / 2 ** 20
    stage.figures['heap added after a fifth, MiB'] = Math.round(grown * 10) / 10
    stage.check(grown < 8, 'the heap of the consumer is flat')
    stage.check(stage.figures['DEKs'] >= records / MANY.perDek, 'a DEK seals no more than its limit')
    stage.checkCalm(0)
  },
}

const schedules: readonly Schedule[] = [soak, million]
export default schedules
