import { OUTAGES, type Outage } from '../harness/kms.js'
import { MANY_DEKS } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'

const inOutage: Schedule = {
  name: 'rebalance-in-outage',
  what: 'consumers join and leave their group while the KMS is away',
  mayDouble: { delivered: 'a rebalance: the next owner begins at the last commit' },
  async run(stage) {
    const kms = await stage.kms()
    const topic = await stage.topic('orders', 4)
    const encryption = stage.encryption(kms, { encrypt: MANY_DEKS })
    const join = () => stage.consumer({ topics: [topic], encryption })
    await stage.producer({ topic, encryption })
    const first = await join()
    await stage.flows(100)
    for (let outages = 0; outages < (stage.isLong ? 4 : 1); outages++) {
      await kms.begin(stage.random.pick(Object.keys(OUTAGES) as Outage[]))
      await stage.sleep(stage.random.int(500, 2500))
      const before = performance.now()
      const second = await join()
      await stage.until('both in the group', () => second.heard('joined').length > 0, 20_000)
      stage.figures['time to join, ms'] = Math.round(performance.now() - before)
      await stage.sleep(stage.random.int(0, 1500))
      if (stage.random.chance(0.5)) await second.end()
      await kms.recover()
      await stage.flows(50)
    }
    await stage.drained()
    stage.check(first.heard('crash').length === 0, 'the consumer that stays does not crash')
  },
}

const schedules: readonly Schedule[] = [inOutage]
export default schedules
