import { OUTAGES, type Outage, type Refusal } from '../harness/kms.js'
import { MANY_DEKS } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'

/** As long as the vendor's slowest answers that still work with the defaults. */
const SLOW_MS = 5000

const slow: Schedule = {
  name: 'kms-slow',
  what: 'every call to the KMS takes five seconds, with the defaults',
  async run(stage) {
    const kms = await stage.kms()
    const topic = await stage.topic('orders')
    // Few DEKs: each takes five seconds here and there.
    const rotate = { maxMessages: 100, allowFrequentRotation: true }
    const encryption = stage.encryption(kms, { encrypt: { rotate } })
    kms.slow(SLOW_MS)
    const producer = await stage.producer({ topic, encryption, pauseMs: 100 })
    await stage.consumer({ topics: [topic], encryption })
    await stage.until('sends under several DEKs', () => stage.acknowledged >= 250)
    await stage.drained()
    const used = producer.heard('dek.created').length
    const made = kms.succeeded('GenerateDataKey')
    stage.figures['DEKs made'] = made
    stage.figures['DEKs used'] = used
    // One may be fetched for later.
    stage.check(made <= used + 1, `no DEK is made in vain (${String(made)} made, ${String(used)} used)`)
    stage.check(producer.heard('refused').length === 0, 'no send fails')
    stage.checkCalm(0)
  },
}

/** Someone takes a permission away or disables the CMK, and gives it back. */
function refused(refusal: Refusal, what: string): Schedule {
  return {
    name: `kms-${refusal}`,
    what,
    async run(stage) {
      const kms = await stage.kms()
      const topic = await stage.topic('orders')
      const encryption = stage.encryption(kms, { encrypt: MANY_DEKS })
      const producer = await stage.producer({ topic, encryption })
      const consumer = await stage.consumer({ topics: [topic], encryption })
      await stage.flows(100)
      kms.refuse(refusal)
      await stage.until('sends to fail', () => producer.heard('refused').length > 0)
      await stage.until('the consumer to stop or to have all', () => {
        const stopped = consumer.heard('consumer.stopped').length > 0
        return stopped || stage.delivered() === stage.acknowledged
      })
      await stage.sleep(stage.random.int(500, 3000))
      await kms.recover()
      await stage.flows(100)
      await stage.drained()
      stage.figures['stops of the consumer'] = consumer.heard('consumer.stopped').length
    },
  }
}

const mixed: Schedule = {
  name: 'kms-mixed',
  what: 'outages of all kinds in random order and length, with more producers and consumers',
  async run(stage) {
    const kms = await stage.kms()
    const topic = await stage.topic('orders', 6)
    const encryption = stage.encryption(kms, { encrypt: MANY_DEKS })
    for (let i = 0; i < 2; i++) await stage.producer({ topic, encryption, keys: stage.random.int(1, 50) })
    for (let i = 0; i < 2; i++) await stage.consumer({ topics: [topic], encryption })
    await stage.flows(100)
    const settled = performance.now()
    for (let outages = 0; outages < (stage.isLong ? 25 : 4); outages++) {
      await kms.begin(stage.random.pick(Object.keys(OUTAGES) as Outage[]))
      await stage.sleep(stage.random.int(100, 3000))
      await kms.recover()
      await stage.sleep(stage.random.int(0, 1500))
    }
    await stage.drained()
    stage.checkCalm(settled)
  },
}

const schedules: readonly Schedule[] = [
  slow,
  refused('denied', 'the KMS denies producer and consumer, until someone grants the permission again'),
  refused('disabled', 'the CMK is disabled, and enabled again'),
  mixed,
]
export default schedules
