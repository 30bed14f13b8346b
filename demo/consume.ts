import type { IHeaders } from 'kafkajs'
import { demoEncryption, demoKafka, topicsOf } from './setup.js'

/** What the consuming process tells its parent. */
export type FromConsumer =
  { readonly records: readonly Received[] } | { readonly kmsCalls: number } | { readonly failed: string }

/** A record that came back, its bytes in base64. */
export interface Received {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  /** In order, with the values of repeated headers one by one. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

const base64 = (bytes: Buffer | string | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString('base64')

export function flat(headers: IHeaders): (readonly [string, string])[] {
  return Object.entries(headers).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map(
      (value) => [name, base64(value ?? null) ?? 'null'] as const,
    ),
  )
}

/** The consuming process: opens what is on the topics and hands it to the parent, until it is told to end. */
async function main(keyring: string, run: string): Promise<void> {
  const tell = (message: FromConsumer): void => {
    process.send?.(message)
  }
  const topics = topicsOf(run)
  const encryption = await demoEncryption(keyring, topics)
  let kmsCalls = 0
  encryption.on('kms.call', ({ operation }) => {
    if (operation === 'unwrap') kmsCalls++
  })
  encryption.on('fatal', ({ message }) => {
    tell({ failed: message })
  })
  const consumer = encryption.consumer(
    demoKafka().consumer({ groupId: `demo.billing.${run}`, maxWaitTimeInMs: 100 }),
  )
  process.once('message', () => {
    void (async () => {
      await consumer.disconnect()
      await encryption.close()
      tell({ kmsCalls })
      process.disconnect()
    })()
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topics.orders, topics.payments, topics.audit], fromBeginning: true })
  await consumer.run({
    eachBatch: ({ batch: { topic, messages } }) => {
      tell({
        records: messages.map(({ key, value, headers = {} }) => ({
          topic,
          key: base64(key),
          value: base64(value),
          headers: flat(headers),
        })),
      })
      return Promise.resolve()
    },
  })
}

const [keyring, run] = process.argv.slice(2)
if (process.send && keyring !== undefined && run !== undefined) await main(keyring, run)
