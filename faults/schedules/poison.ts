import type { ConsumerSetup, DecryptSetup, PoisonKind, PoisonSetup } from '../harness/processes/setup.js'
import type { Schedule } from '../harness/schedule.js'
import type { Stage } from '../harness/stage.js'

const INVALID: readonly PoisonKind[] = ['plaintext', 'tampered', 'cut']
const UNREADABLE: readonly PoisonKind[] = ['unknown']
const PLACES: readonly PoisonSetup['at'][] = ['beginning', 'middle', 'end']
const BATCH = 10

interface Policy {
  readonly name: string
  readonly what: string
  /** @param letters a dead-letter topic */
  rule(letters: string): Pick<DecryptSetup, 'onInvalid' | 'onUnreadable'> & Pick<ConsumerSetup, 'decides'>
  /** What a consumer does with the invalid, and with the unreadable ones. */
  readonly actions: readonly [string, string]
}

const POLICIES: readonly Policy[] = [
  {
    name: 'skip',
    what: '`onInvalid: skip`, `onUnreadable` with a dead-letter topic',
    rule: (deadLetter) => ({ onInvalid: 'skip', onUnreadable: { deadLetter } }),
    actions: ['skip', 'deadLetter'],
  },
  {
    name: 'dead-letter',
    what: 'a dead-letter topic',
    rule: (deadLetter) => ({ onInvalid: { deadLetter }, onUnreadable: { deadLetter } }),
    actions: ['deadLetter', 'deadLetter'],
  },
  {
    name: 'handler-skip',
    what: 'a function that skips',
    rule: () => ({ decides: 'skip' }),
    actions: ['skip', 'skip'],
  },
  {
    name: 'handler-replace',
    what: 'a function that replaces the value',
    rule: () => ({ decides: 'replace' }),
    actions: ['replace', 'replace'],
  },
  {
    name: 'handler-dead-letter',
    what: 'a function that names a dead-letter topic',
    rule: (deadLetter) => ({ decides: { deadLetter } }),
    actions: ['deadLetter', 'deadLetter'],
  },
]

/** For each place in a batch, a producer that puts poison there. */
async function poisoned(stage: Stage, sends: number): Promise<{ topics: string[]; encryption: Encryption }> {
  const encryption = stage.encryption(await stage.keyring('main'))
  const topics: string[] = []
  for (const at of PLACES) {
    const topic = await stage.topic(at, 1)
    topics.push(topic)
    const poison = { at, kinds: [...INVALID, ...UNREADABLE] }
    await stage.producer({ topic, encryption, poison, batch: BATCH, count: sends * BATCH, keys: 4 })
  }
  return { topics, encryption }
}

type Encryption = ReturnType<Stage['encryption']>

function withPolicy(encryption: Encryption, policy: Partial<DecryptSetup>): Encryption {
  return {
    ...encryption,
    topics: encryption.topics.map((rule) =>
      'decrypt' in rule ? { ...rule, decrypt: { ...rule.decrypt, ...policy } } : rule,
    ),
  }
}

function passed({ name, what, rule, actions }: Policy): Schedule {
  return {
    name: `poison-${name}`,
    what: `invalid and unreadable records at the beginning, in the middle and at the end of batches: ${what}`,
    async run(stage) {
      const sends = stage.isLong ? 200 : 20
      const letters = await stage.createDeadLetters()
      const { topics, encryption } = await poisoned(stage, sends)
      const { decides, ...policy } = rule(letters)
      const consumer = await stage.consumer({
        topics,
        encryption: withPolicy(encryption, policy),
        ...(decides === undefined ? {} : { decides }),
      })
      const batches = sends * PLACES.length
      const expected: Record<string, number> = {}
      expected[`${actions[0]} invalid`] = batches * INVALID.length
      expected[`${actions[1]} unreadable`] = batches * UNREADABLE.length
      await stage.drained()
      await stage.until('the last decision', async () => {
        const counts = await consumer.counts()
        return Object.entries(expected).every(([action, count]) => counts[action] === count)
      })
      const [invalid, unreadable] = [batches * INVALID.length, batches * UNREADABLE.length]
      const dead =
        (actions[0] === 'deadLetter' ? invalid : 0) + (actions[1] === 'deadLetter' ? unreadable : 0)
      stage.check((await stage.written(letters)) === dead, `${String(dead)} dead letters, each once`)
      stage.figures['bad records'] = invalid + unreadable
      stage.figures['dead letters'] = dead
      stage.checkCalm(0)
    },
  }
}

const stopped: Schedule = {
  name: 'poison-stop',
  what: 'invalid records at the beginning, in the middle and at the end of batches, with the default: the consumer stops exactly there, and goes on there once the rule is changed',
  async run(stage) {
    const { topics, encryption } = await poisoned(stage, 10)
    // A consumer for each, so that each stops at its own record.
    for (const [i, topic] of topics.entries()) {
      const [at] = [PLACES[i]]
      const group = `${stage.name}.${topic}`
      const consumer = await stage.consumer({ topics: [topic], encryption, group, isSupervised: false })
      await stage.until(`a stop (${String(at)})`, () => consumer.heard('consumer.stopped').length > 0)
      const before = { beginning: 0, middle: BATCH / 2, end: BATCH }[at ?? 'end']
      stage.check(
        stage.delivered(topic) === before,
        `nothing after the bad record is delivered (${String(at)})`,
      )
      await consumer.end()
      const skipping = withPolicy(encryption, { onInvalid: 'skip' })
      await stage.consumer({ topics: [topic], encryption: skipping, group, decides: 'skip' })
    }
    await stage.drained()
  },
}

const schedules: readonly Schedule[] = [...POLICIES.map(passed), stopped]
export default schedules
