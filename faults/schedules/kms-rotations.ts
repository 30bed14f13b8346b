import type { Schedule } from '../harness/schedule.js'

const LIMIT = 200
const BATCH = 10
const LAST_SEND = LIMIT - BATCH

/** The KMS goes away when the DEK in use has one send left. */
function atRotation(grace: '0s' | '10m'): Schedule {
  const isGraced = grace !== '0s'
  return {
    name: `rotation-${isGraced ? 'with' : 'without'}-grace`,
    what: `the KMS goes away exactly at a rotation, ${isGraced ? 'with' : 'without'} \`grace\``,
    async run(stage) {
      const kms = await stage.kms()
      const topic = await stage.topic('orders')
      const rotate = { maxMessages: LIMIT, allowFrequentRotation: true, prefetch: 0, grace } as const
      const encryption = stage.encryption(kms, { encrypt: { rotate } })
      // The last send of the first DEK, and everything after it, finds the KMS away.
      const producer = await stage.producer({ topic, encryption, batch: BATCH, pausesAt: LAST_SEND })
      await stage.consumer({ topics: [topic], encryption })
      await stage.until('the sends before', () => stage.acknowledged === LAST_SEND)
      await stage.until('their deliveries', () => stage.delivered() === LAST_SEND)
      await kms.begin(stage.random.pick(['down', 'throttled', 'unavailable', 'garbage', 'reset']))
      const began = performance.now()
      producer.ask('continue')
      if (isGraced) {
        await stage.until('sends past the limit', () => stage.acknowledged >= LIMIT + 100)
        stage.check(producer.heard('dek.grace').length > 0, 'the producer says that it uses the grace')
        await stage.until('their deliveries', () => stage.delivered() >= LIMIT + 100)
      } else {
        await stage.until('a send that fails', () => producer.heard('refused').length > 0)
        await stage.sleep(stage.random.int(500, 4000))
        stage.check(stage.acknowledged === LIMIT, 'nothing is sealed past the limit')
      }
      await kms.recover()
      await stage.until('another DEK', () => producer.heard('dek.created').length > 1)
      await stage.flows(50)
      await stage.drained()
      stage.checkCalm(began)
    },
  }
}

const schedules: readonly Schedule[] = [atRotation('0s'), atRotation('10m')]
export default schedules
