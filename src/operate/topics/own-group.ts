import { hostname } from 'node:os'
import type { Admin, Consumer, ConsumerConfig, Kafka } from 'kafkajs'

export interface OwnGroupOptions {
  readonly kafka: Kafka
  /** For the name of the consumer group: `kafka-envelope-<purpose>-<host>-<process>-<random>`. */
  readonly purpose: string
  readonly topics: readonly string[]
  readonly settings: Omit<ConsumerConfig, 'groupId' | 'allowAutoTopicCreation'>
}

/** A consumer that is alone in its group. */
export interface OwnGroup {
  readonly consumer: Consumer
  readonly admin: Admin
  /** Disconnects, and deletes the group. */
  leave(): Promise<void>
}

/** Connects a consumer, which does not run yet, in a group of its own. Creates no topic. */
export async function ownGroup({ kafka, purpose, topics, settings }: OwnGroupOptions): Promise<OwnGroup> {
  // Nobody else may be in the group, be it in a container whose process has the same number: each would read a part.
  const groupId = `kafka-envelope-${purpose}-${hostname()}-${String(process.pid)}-${crypto.randomUUID()}`
  const consumer = kafka.consumer({ ...settings, groupId, allowAutoTopicCreation: false })
  const admin = kafka.admin()
  const leave = async (): Promise<void> => {
    await consumer.disconnect()
    // A broker may have dropped it: it is empty and has no offsets.
    await admin.deleteGroups([groupId]).catch(() => undefined)
    await admin.disconnect()
  }
  await admin.connect()
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
  } catch (error) {
    await leave()
    throw error
  }
  return { consumer, admin, leave }
}
