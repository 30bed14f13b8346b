import { OUTAGES, type Outage } from '../harness/kms.js'
import { MANY_DEKS } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'

const downAtStart: Schedule = {
  name: 'kms-down-at-start',
  what: 'the KMS is down when producer and consumer start, and comes up later',
  async run(stage) {
    const kms = await stage.kms()
    const topic = await stage.topic('orders')
    const encryption = stage.encryption(kms, { encrypt: MANY_DEKS })
    await kms.begin('down')
    await stage.consumer({ topics: [topic], encryption })
    const producer = await stage.producer({ topic, encryption })
    await stage.until('a send that fails', () => producer.heard('refused').length > 0)
    await stage.sleep(stage.random.int(500, 3000))
    stage.check(stage.acknowledged === 0, 'nothing is sent without a DEK')
    await kms.recover()
    await stage.flows(100)
    await stage.drained()
    stage.checkCalm(0)
  },
}

/** A storm of this kind of outage, in the middle of the work. */
function storm(outage: Outage): Schedule {
  return {
    name: `kms-${outage.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    what: `the KMS goes away in the middle, several times: ${OUTAGES[outage]}`,
    async run(stage) {
      const kms = await stage.kms()
      const topic = await stage.topic('orders')
      const encryption = stage.encryption(kms, { encrypt: MANY_DEKS })
      await stage.producer({ topic, encryption })
      for (let times = 0; times < 2; times++) await stage.consumer({ topics: [topic], encryption })
      await stage.flows(100)
      const settled = performance.now()
      const times = stage.isLong ? 6 : 2
      for (let time = 0; time < times; time++) {
        await kms.begin(outage)
        await stage.sleep(stage.random.int(1000, stage.isLong ? 8000 : 4000))
        await kms.recover()
        await stage.flows(50)
      }
      await stage.drained()
      stage.checkCalm(settled)
    },
  }
}

const schedules: readonly Schedule[] = [downAtStart, ...(Object.keys(OUTAGES) as Outage[]).map(storm)]
export default schedules
