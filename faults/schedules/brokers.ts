import { MANY_DEKS, SHORTEST_SESSION_MS } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'
import type { ToxicProxy } from '../harness/toxic-proxy.js'
import type { Random } from '../harness/random.js'

const MAY_DOUBLE = {
  written: 'the broker had a send whose answer did not arrive, and KafkaJS sent it again',
  delivered: 'the last commit did not arrive, or the group rebalanced',
}

const killed: Schedule = {
  name: 'broker-killed',
  what: 'the broker is killed (SIGKILL) in the middle of traffic, and restarted on its data, several times',
  mayDouble: MAY_DOUBLE,
  breaksBroker: true,
  async run(stage) {
    const kms = await stage.kms()
    const topic = await stage.topic('orders')
    const encryption = stage.encryption(kms, { encrypt: MANY_DEKS })
    await stage.producer({ topic, encryption })
    // KafkaJS joins as a new member, and waits until the old one's session is over.
    await stage.consumer({ topics: [topic], encryption, sessionTimeoutMs: SHORTEST_SESSION_MS })
    await stage.flows(50)
    for (let kills = 0; kills < (stage.isLong ? 6 : 1); kills++) {
      await stage.sleep(stage.random.int(0, 1500))
      await stage.breakable.kill()
      await stage.sleep(stage.random.int(0, 2000))
      await stage.breakable.restart()
      await stage.flows(50)
    }
    await stage.drained()
  },
}

/** What a network does for a while, by name; at the end of that time it carries again. */
const TOXICS: Readonly<Record<string, (proxy: ToxicProxy, random: Random) => void>> = {
  slow: (proxy, random) => {
    proxy.become({ delayMs: random.int(50, 300) })
  },
  narrow: (proxy, random) => {
    proxy.become({ bytesPerSecond: random.int(20_000, 200_000) })
  },
  cut: (proxy) => {
    proxy.cut()
  },
  reset: (proxy) => {
    proxy.reset()
  },
  refusing: (proxy) => {
    proxy.become({ refuses: true })
    proxy.reset()
  },
  'swallows requests': (proxy) => {
    proxy.become({ swallow: 'requests' })
  },
  'swallows answers': (proxy) => {
    proxy.become({ swallow: 'answers' })
  },
}

const toxic: Schedule = {
  name: 'network-toxic',
  what: 'the network between clients and broker delays, narrows, cuts, resets, refuses and swallows',
  mayDouble: MAY_DOUBLE,
  breaksBroker: true,
  async run(stage) {
    const { proxy } = stage.breakable
    const kms = await stage.kms()
    const topic = await stage.topic('orders')
    const encryption = stage.encryption(kms, { encrypt: MANY_DEKS })
    const requestTimeoutMs = 2000
    await stage.producer({ topic, encryption, requestTimeoutMs })
    await stage.consumer({ topics: [topic], encryption, requestTimeoutMs })
    await stage.flows(50)
    for (let rounds = 0; rounds < (stage.isLong ? 5 : 1); rounds++) {
      for (const name of stage.random.shuffled(Object.keys(TOXICS))) {
        TOXICS[name]?.(proxy, stage.random)
        await stage.sleep(stage.random.int(200, stage.isLong ? 4000 : 1200))
        proxy.become({})
        // A network that lost bytes resets what is left of their connections.
        if (name.startsWith('swallows')) proxy.reset()
        await stage.flows(20)
      }
    }
    await stage.drained()
  },
}

const schedules: readonly Schedule[] = [killed, toxic]
export default schedules
