import {
  CompressionTypes,
  Kafka,
  logLevel,
  type Producer,
  type ProducerBatch,
  type ProducerRecord,
} from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { memoryEncryption, type SeenEvent } from '../../support/encryption.js'

describe('the hint that batch compression would save much', () => {
  /** The topics of the hints that sends cause. A send is the number of its records, their size and how it is sent. */
  async function hintsAfter(
    sends: readonly (Partial<ProducerBatch> & { topic?: string; records: number; bytes: number })[],
  ): Promise<Extract<SeenEvent, { name: 'send.uncompressed' }>[]> {
    const { encryption, events } = await memoryEncryption([
      { match: ['a', 'b'], encrypt: { cmk: 'main' } },
      { match: ['plain'], passthrough: true },
    ])
    const inner: Producer = {
      ...new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING }).producer(),
      send: (_: ProducerRecord) => Promise.resolve([]),
      sendBatch: (_: ProducerBatch) => Promise.resolve([]),
    }
    const producer = encryptProducer(inner, encryption)
    for (const { topic = 'a', records, bytes, ...rest } of sends) {
      const messages = Array.from({ length: records }, (_, i) => ({ value: String(i).padEnd(bytes) }))
      await producer.sendBatch({ ...rest, topicMessages: [{ topic, messages }] })
      await producer.send({ ...rest, topic, messages })
    }
    return events.filter(({ name }) => name === 'send.uncompressed') as never
  }

  it('the hint comes once, for the first send whose heads repeat, and says what they take', async () => {
    const alone = { records: 1, bytes: 100 }
    const several = { topic: 'b', records: 20, bytes: 100 }
    const [hint, ...more] = await hintsAfter([alone, several, { records: 10, bytes: 100 }])
    expect(more).toEqual([])
    expect(hint).toMatchObject({ topic: 'b', messages: 20 })
    const overhead = (hint?.bytes ?? 0) - 20 * 100
    // All but the IV, the tag and the body's length, of all envelopes but the first.
    expect(hint?.repeatedBytes).toBeGreaterThan((overhead - 20 * 32) * (19 / 20))
    expect(hint?.repeatedBytes).toBeLessThan((overhead - 20 * 16) * (19 / 20))
  })

  it.each([
    ['the batches are compressed', { compression: CompressionTypes.GZIP, records: 20, bytes: 100 }],
    ['the send says that they are not', { compression: CompressionTypes.None, records: 20, bytes: 100 }],
    ['values are much larger than heads', { records: 20, bytes: 10_000 }],
    ['records go alone', { records: 1, bytes: 100 }],
    ['nothing is sealed', { topic: 'plain', records: 20, bytes: 100 }],
  ])('there is no hint if %s', async (_, send) => {
    expect(await hintsAfter([send])).toEqual([])
  })
})
