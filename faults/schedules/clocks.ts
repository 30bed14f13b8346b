import { SHORTEST_SESSION_MS } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000] as const
const MAX_AGE_MS = HOUR

const stepped: Schedule = {
  name: 'clock-stepped',
  what: 'the wall clock of producer and consumer steps both ways, by seconds to days',
  mayDouble: {
    written: 'after a step forward, KafkaJS takes a send in progress for too late, and repeats it',
    delivered: 'after a step back, KafkaJS sends no heartbeats, and the group rebalances',
  },
  async run(stage) {
    // A KMS on the machine: a service refuses calls of a machine whose clock is minutes off.
    const keyring = await stage.keyring('main')
    // Kafka refuses records of producers whose clock is an hour ahead; here it must not.
    const topic = await stage.topic('orders', 3, { 'message.timestamp.after.max.ms': String(1000 * DAY) })
    const rotate = { maxAge: MAX_AGE_MS, prefetch: 0 }
    const encryption = stage.encryption(keyring, { encrypt: { rotate } })
    const producer = await stage.producer({ topic, encryption })
    const consumer = await stage.consumer({
      topics: [topic],
      encryption,
      sessionTimeoutMs: SHORTEST_SESSION_MS,
    })
    await stage.flows(50)
    for (let rounds = 0; rounds < (stage.isLong ? 5 : 1); rounds++) {
      for (const size of stage.random.shuffled([
        SECOND,
        MINUTE,
        2 * HOUR,
        -SECOND,
        -MINUTE,
        -2 * HOUR,
        3 * DAY,
        -DAY,
      ])) {
        const stepClockMs = size * stage.random.int(1, 3)
        const deks = producer.heard('dek.created').length
        producer.ask({ stepClockMs })
        if (stage.random.chance(0.7)) consumer.ask({ stepClockMs })
        // Longer than a session: KafkaJS sends no heartbeats after a step back.
        if (stage.isLong) await stage.sleep(stage.random.int(0, 2 * SHORTEST_SESSION_MS))
        await stage.flows(30)
        if (stepClockMs > MAX_AGE_MS)
          await stage.until(
            'a DEK for one that is now too old',
            () => producer.heard('dek.created').length > deks,
          )
      }
    }
    await stage.drained()
  },
}

const schedules: readonly Schedule[] = [stepped]
export default schedules
