import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import type { Broker } from '../../scripts/broker/broker.js'

const ATTEMPTS = 200

/** Resolves once the broker serves groups. Their first use creates a topic, and consumers that are too early crash. */
export async function coordinatorReady({ brokers }: Pick<Broker, 'brokers'>): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        await admin.fetchOffsets({ groupId: 'coordinator-ready' })
        return
      } catch (error) {
        if (attempt === ATTEMPTS) throw error
        await sleep(100)
      }
    }
  } finally {
    await admin.disconnect()
  }
}
