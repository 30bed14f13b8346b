import { MANY_DEKS, SHORTEST_SESSION_MS } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'

const producerKilled: Schedule = {
  name: 'producer-killed',
  what: 'producers are killed (SIGKILL) in the middle of traffic, and others take their place',
  async run(stage) {
    const kms = await stage.kms()
    const topic = await stage.topic('orders')
    const encryption = stage.encryption(kms, { encrypt: MANY_DEKS })
    await stage.consumer({ topics: [topic], encryption })
    for (let kills = 0; kills < (stage.isLong ? 8 : 2); kills++) {
      const producer = await stage.producer({ topic, encryption, pauseMs: 0 })
      await stage.flows(20)
      await stage.sleep(stage.random.int(0, 400))
      await producer.kill()
    }
    await stage.producer({ topic, encryption })
    await stage.flows(50)
    await stage.drained()
    stage.checkCalm(0)
  },
}

const consumerKilled: Schedule = {
  name: 'consumer-killed',
  what: 'consumers of a group are killed (SIGKILL) in the middle of traffic, and others take their place',
  mayDouble: { delivered: 'the next owner of a partition begins at the last commit of a killed consumer' },
  async run(stage) {
    const kms = await stage.kms()
    const topic = await stage.topic('orders')
    const encryption = stage.encryption(kms, { encrypt: MANY_DEKS })
    const join = () =>
      stage.consumer({ topics: [topic], encryption, sessionTimeoutMs: SHORTEST_SESSION_MS, handleMs: 2 })
    await stage.producer({ topic, encryption })
    let oldest = await join()
    for (let kills = 0; kills < (stage.isLong ? 6 : 1); kills++) {
      const next = await join()
      await stage.flows(50)
      await stage.sleep(stage.random.int(0, 1000))
      await oldest.kill()
      oldest = next
      await stage.flows(50)
    }
    await stage.drained()
  },
}

const schedules: readonly Schedule[] = [producerKilled, consumerKilled]
export default schedules
