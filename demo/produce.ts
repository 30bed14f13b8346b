import { setTimeout as sleep } from 'node:timers/promises'
import type { Kafka, Message } from 'kafkajs'
import type { Encryption } from '../src/index.js'
import { hugeOrder, orders, type DemoRecord } from './orders.js'
import type { DemoTopics } from './setup.js'

/** A record that the demo expects to get back from a topic. */
export interface Sent extends DemoRecord {
  readonly topic: string
}

const messages = (records: readonly DemoRecord[]): Message[] => records.map((record) => ({ ...record }))

/** Sends 5,000 records that shall come back, and some in a transaction that is aborted. */
export async function produce(
  kafka: Kafka,
  encryption: Encryption,
  topics: DemoTopics,
  progress: (text: string) => void,
): Promise<{ sent: Sent[]; aborted: number; busyMs: number }> {
  const sent: Sent[] = []
  let busyMs = 0
  const deliver = async (
    topic: string,
    records: DemoRecord[],
    send: () => Promise<unknown>,
  ): Promise<void> => {
    const started = performance.now()
    await send()
    busyMs += performance.now() - started
    sent.push(...records.map((record) => ({ ...record, topic })))
    progress(`sealed and sent ${sent.length.toLocaleString('en')} records`)
  }

  const producer = encryption.producer(kafka.producer())
  const transactional = encryption.producer(
    kafka.producer({ transactionalId: topics.orders, idempotent: true, maxInFlightRequests: 1 }),
  )
  await Promise.all([producer.connect(), transactional.connect()])
  try {
    // One by one, on a key that lives a second: its age ends it on the way.
    for (let i = 0; i < 8; i++) {
      const records = orders(25)
      await deliver(topics.audit, records, async () => {
        for (const message of messages(records))
          await producer.send({ topic: topics.audit, messages: [message] })
      })
      await sleep(300)
    }
    for (let i = 0; i < 23; i++) {
      const records = orders(100)
      await deliver(topics.orders, records, () =>
        producer.send({ topic: topics.orders, messages: messages(records) }),
      )
    }
    for (let i = 0; i < 11; i++) {
      const [first, second] = [orders(100), orders(100, 600)]
      await deliver(topics.orders, first, () =>
        producer.sendBatch({
          topicMessages: [
            { topic: topics.orders, messages: messages(first) },
            { topic: topics.payments, messages: messages(second) },
          ],
        }),
      )
      sent.push(...second.map((record) => ({ ...record, topic: topics.payments })))
    }
    const huge = [hugeOrder()]
    await deliver(topics.payments, huge, () =>
      producer.send({ topic: topics.payments, messages: messages(huge) }),
    )

    const committed = orders(299)
    const commit = await transactional.transaction()
    await deliver(topics.orders, committed, async () => {
      await commit.send({ topic: topics.orders, messages: messages(committed) })
      await commit.commit()
    })
    const lost = orders(50)
    const abort = await transactional.transaction()
    await abort.send({ topic: topics.orders, messages: messages(lost) })
    await abort.abort()
    progress(
      `sealed and sent ${sent.length.toLocaleString('en')} records; ${String(lost.length)} more in an aborted transaction`,
    )
    return { sent, aborted: lost.length, busyMs }
  } finally {
    await Promise.all([producer.disconnect(), transactional.disconnect()])
  }
}
