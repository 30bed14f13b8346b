import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { Kafka, logLevel, type Admin } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBreakable, type BreakableBroker } from '../../faults/harness/broker.js'

const has = (program: string): boolean => spawnSync(program, ['-version']).status === 0
const possible = process.platform !== 'win32' && has('java') && has('mvn')

describe.skipIf(!possible)('a broker that can be broken', () => {
  let broker: BreakableBroker
  beforeAll(async () => {
    broker = await startBreakable()
  }, 240_000)
  afterAll(async () => {
    await broker.stop()
    expect(existsSync(broker.dataFolder)).toBe(false)
  })

  async function asked<T>(brokers: readonly string[], question: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Kafka({
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      retry: { retries: 1, initialRetryTime: 50 },
    }).admin()
    try {
      await admin.connect()
      return await question(admin)
    } finally {
      await admin.disconnect()
    }
  }
  const topics = (brokers: readonly string[]): Promise<string[]> =>
    asked(brokers, (admin) => admin.listTopics())

  it('clients learn the address of the proxy only, so that none goes past it', async () => {
    const cluster = await asked(broker.brokers, (admin) => admin.describeCluster())
    expect(cluster.brokers.map(({ host, port }) => `${host}:${String(port)}`)).toEqual(broker.brokers)
    broker.proxy.become({ refuses: true })
    await expect(topics(broker.brokers)).rejects.toThrow()
    expect(await topics(broker.direct)).toEqual([])
    broker.proxy.become({})
    expect(await topics(broker.brokers)).toEqual([])
  })

  it('a broker that was killed does not answer, and comes back on the same addresses with its data', async () => {
    await asked(broker.direct, (admin) => admin.createTopics({ topics: [{ topic: 'kept' }] }))
    await broker.kill()
    await expect(topics(broker.direct)).rejects.toThrow()
    await broker.restart()
    expect(await topics(broker.brokers)).toEqual(['kept'])
  }, 120_000)
})
