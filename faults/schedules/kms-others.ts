import type { FaultyKms } from '../harness/kms.js'
import { MANY_DEKS, SECONDS_MS } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'
import type { Stage } from '../harness/stage.js'

interface Load {
  readonly topics: readonly string[]
  /** The producer whose records wait, and the other. */
  readonly waiting: string
  readonly others: string
  readonly encryption: ReturnType<Stage['encryption']>
}

/** One of two KMSs goes away. Everything under the other goes on, in one consumer. */
function othersGoOn(
  name: string,
  what: string,
  load: (stage: Stage, broken: FaultyKms, sound: FaultyKms) => Promise<Load>,
): Schedule {
  return {
    name,
    what,
    async run(stage) {
      const [broken, sound] = [await stage.kms(), await stage.kms()]
      const { topics, encryption, waiting, others } = await load(stage, broken, sound)
      // One consumer alone, which has all partitions.
      await stage.consumer({ topics, encryption, concurrency: stage.random.int(1, 4) })
      await stage.flows(100)
      const settled = performance.now()
      await broken.begin(stage.random.pick(['down', 'halfOpen', 'throttled', 'garbage']))
      await stage.until('a wait', () => stage.consumers[0]?.heard('consumer.waiting', settled).length !== 0)
      let slowest = 0
      for (let looks = 0; looks < (stage.isLong ? 30 : 8); looks++) {
        const [before, began] = [stage.delivered(others), performance.now()]
        await stage.until('deliveries of the others', () => stage.delivered(others) > before, SECONDS_MS)
        slowest = Math.max(slowest, performance.now() - began)
        await stage.sleep(1000)
      }
      stage.figures['longest wait of others, ms'] = Math.round(slowest)
      await broken.recover()
      const before = stage.delivered(waiting)
      await stage.until('what waited to go on', () => stage.delivered(waiting) > before + 50)
      await stage.drained()
      stage.checkCalm(settled)
    },
  }
}

const topics = othersGoOn(
  'kms-other-topics-go-on',
  'one of two KMSs goes away: topics under the other go on within seconds, in one consumer',
  async (stage, broken, sound) => {
    const pair = [await stage.topic('broken'), await stage.topic('sound')] as const
    const rule = (cmk: string, topic: string) => ({
      match: [topic],
      encrypt: { cmk, ...MANY_DEKS },
      decrypt: { cmk },
    })
    const encryption = {
      ...underTwo(broken, sound),
      topics: [rule('broken', pair[0]), rule('sound', pair[1])],
    }
    for (const topic of pair) await stage.producer({ topic, encryption })
    return { topics: pair, encryption, waiting: pair[0], others: pair[1] }
  },
)

const partitions = othersGoOn(
  'kms-other-partitions-go-on',
  'one of two KMSs goes away: partitions of the same topic under the other go on within seconds, in one consumer',
  async (stage, broken, sound) => {
    const topic = await stage.topic('orders', 2)
    const rule = (cmk: string) => ({
      ...underTwo(broken, sound),
      topics: [{ match: [topic], encrypt: { cmk, ...MANY_DEKS }, decrypt: { cmk: ['broken', 'sound'] } }],
    })
    const [first, second] = [rule('broken'), rule('sound')]
    const { name: waiting } = await stage.producer({ topic, encryption: first, partition: 0 })
    const { name: others } = await stage.producer({ topic, encryption: second, partition: 1 })
    return { topics: [topic], encryption: first, waiting, others }
  },
)

function underTwo(broken: FaultyKms, sound: FaultyKms): Pick<Load['encryption'], 'kms' | 'cmks'> {
  return {
    kms: { broken: broken.options, sound: sound.options },
    cmks: { broken: [{ kms: 'broken', id: broken.cmkId }], sound: [{ kms: 'sound', id: sound.cmkId }] },
  }
}

const schedules: readonly Schedule[] = [topics, partitions]
export default schedules
