import type { Child } from '../harness/child.js'
import { MANY_DEKS, NO_QUOTA, SHORTEST_SESSION_MS } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'
import type { Stage } from '../harness/stage.js'

/*
 * The program of docs/recipes.md reads `orders`, which nobody doubles, and writes `invoices`, which a consumer of
 * committed records accounts for. A record that is committed twice has two offsets, so it is `written` twice.
 */

const OUTAGES = ['sealing outage', 'opening outage'] as const
const CRASHES = ['crash before commit', 'crash after commit', 'killed', 'frozen'] as const

function eventsOf({ isLong, random }: Stage) {
  const chosen = isLong ? [...OUTAGES, ...CRASHES] : [random.pick(OUTAGES), random.pick(CRASHES)]
  return random.shuffled(['abort', ...chosen] as const)
}

const inTrouble: Schedule = {
  name: 'exactly-once',
  what: 'the recipe for exactly once, with outages of the KMS, aborts, crashes before, after and between commits, and a process that freezes and wakes up too late',
  async run(stage) {
    const kms = await stage.kms()
    const [from, to] = [await stage.topic('orders', 2), await stage.topic('invoices', 2)]
    const encryption = stage.encryption(kms, { ...NO_QUOTA, encrypt: { ...MANY_DEKS, dekTimeout: '2s' } })
    const join = () => stage.recipe({ from, to, encryption })
    await stage.producer({ topic: from, encryption, pauseMs: 100 })
    await stage.consumer({ topics: [to], encryption })
    let worker = await join()
    await stage.flows(50)
    for (let rounds = 0; rounds < (stage.isLong ? 5 : 1); rounds++) {
      for (const event of eventsOf(stage)) {
        await stage.sleep(stage.random.int(0, 500))
        if (event === 'sealing outage' || event === 'opening outage') {
          kms.beginOn(event === 'sealing outage' ? 'sealing' : 'opening')
          await stage.sleep(stage.random.int(1000, 4000))
          await kms.recover()
        } else if (event === 'abort') {
          worker.ask('abort')
          await heard(stage, worker, 'aborted')
        } else {
          // The next worker is there before, and takes over.
          const next = await join()
          await heard(stage, next, 'ready')
          if (event === 'frozen') {
            // It wakes up when its partitions have another owner, and goes on with what it had begun.
            worker.freeze()
            await stage.sleep(SHORTEST_SESSION_MS)
            await stage.flows(30)
            worker.thaw()
            await stage.flows(30)
            await worker.kill()
          } else await (event === 'killed' ? worker.kill() : worker.crash(event))
          worker = next
        }
        await stage.flows(30)
      }
    }
    await stage.drained()
  },
}

const NETWORK = ['cut', 'reset', 'answers lost'] as const
/** Longer than KafkaJS takes where it recovers. */
const STALLED_MS = 20_000
const LONG_MS = 600_000

const onBadNetwork: Schedule = {
  name: 'exactly-once-network',
  what: 'the recipe for exactly once, with a network that cuts, resets and loses answers',
  mayDouble: { delivered: 'the accounting consumer itself loses its last commits' },
  breaksBroker: true,
  async run(stage) {
    const { breakable } = stage
    const kms = await stage.kms()
    const [from, to] = [await stage.topic('orders', 2), await stage.topic('invoices', 2)]
    const encryption = stage.encryption(kms, { ...NO_QUOTA, encrypt: { ...MANY_DEKS, dekTimeout: '2s' } })
    // All orders are there before anything breaks: a producer may double what it sends on such a network.
    const count = stage.isLong ? 10_000 : 1500
    const producer = await stage.producer({ topic: from, encryption, count, pauseMs: 0 })
    await stage.until('all orders', () => producer.heard('finished').length > 0)
    const requestTimeoutMs = 2000
    const start = async (): Promise<readonly Child[]> => [
      await stage.consumer({ topics: [to], encryption, requestTimeoutMs }),
      await stage.recipe({ from, to, encryption, commitDelayMs: 20, requestTimeoutMs }),
    ]
    const platform = new Platform(stage, start, await start())
    await platform.until(50)
    for (let rounds = 0; rounds < (stage.isLong ? 5 : 1); rounds++) {
      for (const event of stage.random.shuffled(NETWORK)) {
        await stage.sleep(stage.random.int(0, 500))
        if (event === 'cut') breakable.proxy.cut()
        else if (event === 'reset') breakable.proxy.reset()
        else {
          breakable.proxy.become({ swallow: 'answers' })
          await stage.sleep(stage.random.int(50, 500))
          breakable.proxy.become({})
          breakable.proxy.reset()
        }
        stage.check(stage.delivered() < count, 'there is work left while things break')
        await platform.until(stage.delivered() + 30)
      }
    }
    await platform.until(count)
    await stage.drained()
  },
}

/**
 * Restarts processes that ended or stand still, as platforms do. After a reset in the middle of an answer, KafkaJS does
 * either: see docs/failures.md. What stands still without a sign of that is not restarted, and fails the schedule.
 */
class Platform {
  readonly #stage: Stage
  readonly #start: () => Promise<readonly Child[]>
  #processes: readonly Child[]

  constructor(stage: Stage, start: () => Promise<readonly Child[]>, processes: readonly Child[]) {
    this.#stage = stage
    this.#start = start
    this.#processes = processes
    stage.figures['restarts'] = 0
  }

  /** Waits until so many records are delivered. */
  async until(count: number): Promise<void> {
    const stage = this.#stage
    for (;;) {
      let before = stage.delivered()
      let since = performance.now()
      const isStuck = (): boolean => {
        const now = stage.delivered()
        if (now > before) [before, since] = [now, performance.now()]
        return this.#processes.some(({ isGone }) => isGone) || performance.now() - since > STALLED_MS
      }
      await stage.until('deliveries', () => stage.delivered() >= count || isStuck(), LONG_MS)
      if (stage.delivered() >= count) return
      stage.check(
        this.#processes.some((one) =>
          one.isGone
            ? one.printed.includes('ERR_BUFFER_OUT_OF_BOUNDS')
            : one.heard('request timed out', since).length > 0,
        ),
        'KafkaJS is to blame',
      )
      stage.figures['restarts'] = (stage.figures['restarts'] ?? 0) + 1
      for (const one of this.#processes) await one.kill()
      this.#processes = await this.#start()
    }
  }
}

async function heard(stage: Stage, child: Child, what: string): Promise<void> {
  await stage.until(`${child.name}: ${what}`, () => child.heard(what).length > 0)
}

const schedules: readonly Schedule[] = [inTrouble, onBadNetwork]
export default schedules
