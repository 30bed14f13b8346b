import kafkajs from 'kafkajs'
import { startBreakable } from '../harness/broker.js'
import type { ConsumerSetup } from '../harness/processes/setup.js'
import { SECONDS_MS } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'
import type { Stage } from '../harness/stage.js'

interface Trouble {
  readonly name: string
  readonly what: string
  /** Settings of the topic; undefined if it does not exist. */
  readonly settings: Readonly<Record<string, string>> | undefined
  /** What the consumer does meanwhile. */
  readonly meanwhile: 'waits' | 'stops'
}

const TROUBLES: readonly Trouble[] = [
  { name: 'missing', what: 'does not exist', settings: undefined, meanwhile: 'waits' },
  {
    name: 'refuses',
    what: 'refuses records of this size',
    settings: { 'max.message.bytes': '100' },
    meanwhile: 'stops',
  },
]

const [SENDS, BATCH] = [10, 10] as const

/** A topic with bad records in it, one with good records alone, and a consumer of both. */
async function poisoned(stage: Stage, consumes: Partial<ConsumerSetup> = {}) {
  const [bad, good] = [await stage.topic('bad', 1), await stage.topic('good', 1)]
  const policy = { deadLetter: stage.deadLetters }
  const keyring = await stage.keyring('main')
  const encryption = stage.encryption(keyring, { decrypt: { onInvalid: policy, onUnreadable: policy } })
  const at = stage.random.pick(['beginning', 'middle', 'end'] as const)
  const poison = { at, kinds: ['tampered'] as const }
  await stage.producer({ topic: bad, encryption, poison, batch: BATCH, count: SENDS * BATCH, pauseMs: 200 })
  await stage.producer({ topic: good, encryption, pauseMs: 50 })
  const consumer = await stage.consumer({ topics: [bad, good], encryption, ...consumes })
  return { bad, good, consumer }
}

function trouble({ name, what, settings, meanwhile }: Trouble): Schedule {
  const others = meanwhile === 'waits' ? ', and other topics go on' : ''
  return {
    name: `dead-letter-topic-${name}`,
    what: `the dead-letter topic ${what}: the consumer ${meanwhile}${others}`,
    async run(stage) {
      const letters = stage.deadLetters
      if (settings !== undefined) await stage.createDeadLetters(settings)
      const { bad, good, consumer } = await poisoned(stage)
      if (meanwhile === 'waits') await othersGoOn(stage, good)
      else await stage.until('the consumer to stop', () => consumer.heard('consumer.stopped').length > 0)
      stage.check(stage.delivered(bad) <= BATCH, 'nothing after the bad record is delivered')
      await mend(stage, settings)
      await stage.drained()
      await stage.until('the dead letters', async () => (await stage.written(letters)) >= SENDS)
      stage.check((await stage.written(letters)) === SENDS, 'each bad record is a dead letter once')
      if (meanwhile === 'waits')
        stage.check(consumer.heard('crash').length === 0, 'the consumer does not crash')
    },
  }
}

async function othersGoOn(stage: Stage, good: string): Promise<void> {
  await stage.until('a wait', () => stage.consumers[0]?.heard('consumer.waiting').length !== 0)
  for (let looks = 0; looks < 4; looks++) {
    const before = stage.delivered(good)
    await stage.until('deliveries from the other topic', () => stage.delivered(good) > before, SECONDS_MS)
    await stage.sleep(1000)
  }
}

async function mend(stage: Stage, settings: Trouble['settings']): Promise<void> {
  if (settings === undefined) {
    await stage.createDeadLetters()
    return
  }
  const sound: Readonly<Record<string, string>> = {
    'min.insync.replicas': '1',
    'max.message.bytes': '1048588',
  }
  const configEntries = Object.keys(settings).map((entry) => ({ name: entry, value: sound[entry] ?? '' }))
  await (
    await stage.admin()
  ).alterConfigs({
    validateOnly: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: stage.deadLetters, configEntries }],
  })
}

/** What a full disk does to a broker: it ends. Dead letters may go to a cluster of their own. */
const full: Schedule = {
  name: 'dead-letter-topic-full',
  what: 'the broker of the dead-letter topic ends, as one with a full disk does: the consumer waits, and other topics go on',
  async run(stage) {
    const other = await startBreakable()
    try {
      const admin = new kafkajs.Kafka({
        brokers: [...other.direct],
        logLevel: kafkajs.logLevel.NOTHING,
      }).admin()
      await admin.connect()
      await admin.createTopics({ topics: [{ topic: stage.deadLetters }] })
      await admin.disconnect()
      const { bad, good, consumer } = await poisoned(stage, { deadLetterBrokers: other.brokers })
      await stage.flows(20)
      await other.kill()
      await othersGoOn(stage, good)
      await other.restart()
      await stage.drained()
      stage.check(stage.delivered(bad) === SENDS * BATCH, 'the topic of the bad records goes on')
      stage.check(consumer.heard('crash').length === 0, 'the consumer does not crash')
    } finally {
      await other.stop()
    }
  },
}

const schedules: readonly Schedule[] = [...TROUBLES.map(trouble), full]
export default schedules
