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
    await stage.consumer({ topics: [to], encryption, requestTimeoutMs: 2000 })
    await stage.recipe({ from, to, encryption, commitDelayMs: 20, requestTimeoutMs: 2000 })
    await stage.flows(50)
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
        await stage.flows(30)
      }
    }
    await stage.until('every invoice', () => stage.delivered() === count)
    await stage.drained()
  },
}

async function heard(stage: Stage, child: Child, what: string): Promise<void> {
  await stage.until(`${child.name}: ${what}`, () => child.heard(what).length > 0)
}

const schedules: readonly Schedule[] = [inTrouble, onBadNetwork]
export default schedules
