import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from 'kafkajs'
import type { Encryption } from '../src/index.js'
import { hugeOrder, orders, type DemoRecord } from './orders.js'
import type { Report } from './report.js'
import type { Stage } from './stage.js'
import { encryptProducer } from '../src/clients/kafkajs/index.js'

/** How many records must come back. */
export const RECORDS = 5000
const ABORTED = 150

/** A record and the topic that it was sent to. */
export interface Sent extends DemoRecord {
  readonly topic: string
}

/** The records that were sent. */
export interface Produced {
  readonly sent: readonly Sent[]
  /** Sent in a transaction that was aborted: no consumer may see them. */
  readonly aborted: readonly Sent[]
  /** Time spent sending, without the pauses in which a DEK ages. */
  readonly busyMs: number
}

const messages = (records: readonly DemoRecord[]): Message[] => records.map((record) => ({ ...record }))
const to = (topic: string, records: readonly DemoRecord[]): Sent[] =>
  records.map((record) => ({ ...record, topic }))

/** Sends orders with `send`, with `sendBatch` and in transactions. */
export async function produce(
  { kafka, topics, run }: Stage,
  encryption: Encryption,
  report: Report,
): Promise<Produced> {
  const sent: Sent[] = []
  let busyMs = 0
  const deliver = async (records: readonly Sent[], send: () => Promise<unknown>): Promise<void> => {
    const started = performance.now()
    await send()
    busyMs += performance.now() - started
    sent.push(...records)
    report.progress(sent.length, RECORDS, 'records sealed, sent and acknowledged')
  }

  const producer = encryptProducer(kafka.producer({ allowAutoTopicCreation: false }), encryption)
  const transactional = encryptProducer(
    kafka.producer({
      transactionalId: `demo.${run}`,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
    }),
    encryption,
  )
  await Promise.all([producer.connect(), transactional.connect()])
  try {
    // One by one, under DEKs that live for a second, so that their age ends some of them.
    for (let i = 0; i < 8; i++) {
      for (const record of orders(25)) {
        await deliver(to(topics.audit, [record]), () =>
          producer.send({ topic: topics.audit, messages: messages([record]) }),
        )
      }
      await sleep(300)
    }
    for (let i = 0; i < 23; i++) {
      const records = orders(100)
      await deliver(to(topics.orders, records), () =>
        producer.send({ topic: topics.orders, messages: messages(records) }),
      )
    }
    const huge = [hugeOrder()]
    await deliver(to(topics.payments, huge), () =>
      producer.send({ topic: topics.payments, messages: messages(huge) }),
    )
    for (let i = 0; i < 11; i++) {
      const [first, second] = [orders(100), orders(100, 600)]
      await deliver([...to(topics.orders, first), ...to(topics.payments, second)], () =>
        producer.sendBatch({
          topicMessages: [
            { topic: topics.orders, messages: messages(first) },
            { topic: topics.payments, messages: messages(second) },
          ],
        }),
      )
    }

    // The aborted transaction first: a consumer that reads the committed one has passed it.
    const lost = orders(ABORTED)
    const abort = await transactional.transaction()
    await abort.send({ topic: topics.orders, messages: messages(lost) })
    await abort.abort()
    const kept = orders(RECORDS - sent.length)
    const commit = await transactional.transaction()
    await deliver(to(topics.orders, kept), async () => {
      await commit.send({ topic: topics.orders, messages: messages(kept) })
      await commit.commit()
    })
    report.say(
      `  committed in a transaction: ${String(kept.length)}; aborted besides: ${String(lost.length)}`,
    )
    return { sent, aborted: to(topics.orders, lost), busyMs }
  } finally {
    await Promise.all([producer.disconnect(), transactional.disconnect()])
  }
}
