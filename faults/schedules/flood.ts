import { NO_QUOTA } from '../harness/rules.js'
import type { Schedule } from '../harness/schedule.js'

const flood: Schedule = {
  name: 'flood',
  what: 'forged envelopes, each under a DEK of its own, with good records between them',
  async run(stage) {
    const count = stage.isLong ? 100_000 : 3000
    const topic = await stage.topic('orders')
    const [own, foreign] = [await stage.keyring('own'), await stage.keyring('foreign')]
    const encryption = stage.encryption(own, {
      ...NO_QUOTA,
      decrypt: { onInvalid: 'skip', maxInvalidShare: 1 },
    })
    const forging = stage.encryption(foreign, {
      ...NO_QUOTA,
      encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true } },
    })
    await stage.producer({ topic, encryption })
    const consumer = await stage.consumer({ topics: [topic], encryption })
    await stage.flows(50)
    const before = await consumer.memory()
    const forger = await stage.forger({ topic, encryption: forging, count })
    const skipped = async (): Promise<number> => (await consumer.counts())['skip invalid'] ?? 0
    await stage.until('the flood', () => forger.heard('finished').length > 0, 600_000)
    await stage.until('its end', async () => (await skipped()) === count, 600_000)
    await stage.drained()
    const after = await consumer.memory()
    stage.figures['forged'] = count
    stage.figures['heap added, MiB'] = Math.round((after.heapBytes - before.heapBytes) / 2 ** 20)
    stage.check(after.heapBytes < before.heapBytes + 32 * 2 ** 20, 'forged envelopes leave no memory behind')
    stage.checkCalm(0)
  },
}

const schedules: readonly Schedule[] = [flood]
export default schedules
