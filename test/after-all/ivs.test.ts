import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import avsc from 'avsc'
import { expect, it } from 'vitest'
import { testKafka } from '../support/broker.js'

interface Envelope {
  readonly header: Buffer
  readonly iv: Buffer
  readonly body: Buffer
  readonly tag: Buffer
}
interface Header {
  readonly sessionId: Buffer
  readonly commitment: Buffer
}

async function schema(name: string): Promise<avsc.Type> {
  const text = await readFile(new URL(`../../schemas/${name}.avsc`, import.meta.url), 'utf8')
  return avsc.Type.forSchema(JSON.parse(text) as avsc.Schema)
}

/** All values on the topics that the suite left behind, as a plain client sees them. */
async function leftBehind(onValue: (value: Buffer) => void): Promise<void> {
  const kafka = testKafka()
  const admin = kafka.admin()
  await admin.connect()
  const topics = (await admin.listTopics()).filter((t) => /\.[0-9a-f]{8}$/.test(t) && !t.startsWith('raw.'))
  const ends = new Map<string, bigint>()
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (BigInt(high) > BigInt(low)) ends.set(`${topic} ${String(partition)}`, BigInt(high))
    }
  }
  await admin.disconnect()
  const consumer = kafka.consumer({
    groupId: `aftermath.${String(Date.now())}`,
    maxWaitTimeInMs: 100,
    readUncommitted: true,
  })
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
          for (const { value } of batch.messages) if (value !== null) onValue(value)
          resolveOffset(batch.lastOffset())
          await heartbeat()
          const name = `${batch.topic} ${String(batch.partition)}`
          const end = ends.get(name)
          // Transactions end in control records, so the last offset may be after the last message.
          if (end !== undefined && BigInt(batch.lastOffset()) >= end - 2n) ends.delete(name)
          if (ends.size === 0) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
}

it('no (content key, IV) pair repeats over every envelope that the suite left on the broker', async () => {
  const envelopes = await schema('envelope.v1')
  const headers = await schema('header.v1')
  const seen = new Map<string, string>()
  let count = 0
  let repeats = 0
  await leftBehind((value) => {
    if (!value.subarray(0, 2).equals(Buffer.from('c301', 'hex'))) return
    const { header, iv, tag, body } = envelopes.fromBuffer(value.subarray(10)) as Envelope
    const { sessionId, commitment } = headers.fromBuffer(header) as Header
    const pair = Buffer.concat([sessionId, commitment, iv]).toString('hex')
    const sealed = createHash('sha256').update(header).update(tag).update(body).digest('hex')
    // The same bytes twice are one sealing that was sent twice, as by a retry.
    if (seen.has(pair) && seen.get(pair) !== sealed) repeats++
    seen.set(pair, sealed)
    count++
  })
  expect(count).toBeGreaterThan(1000)
  expect(repeats).toBe(0)
})
