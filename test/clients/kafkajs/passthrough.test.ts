import type { Consumer, ConsumerRunConfig, EachBatchPayload, EachMessagePayload, KafkaMessage } from 'kafkajs'
import { expect, it } from 'vitest'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'
import { memoryEncryption } from '../../support/encryption.js'
import { message } from './consuming.js'

/** A wrapped consumer of a topic that stays plain, and what KafkaJS calls on it. */
async function running() {
  const { encryption } = await memoryEncryption([{ match: ['t'], passthrough: true }])
  const configs: ConsumerRunConfig[] = []
  const seeks: unknown[] = []
  const inner = {
    events: { CRASH: 'consumer.crash', STOP: 'consumer.stop', GROUP_JOIN: 'consumer.group_join' },
    on: () => () => undefined,
    run: (given: ConsumerRunConfig) => Promise.resolve(void configs.push(given)),
    stop: () => Promise.resolve(),
    seek: (to: unknown) => seeks.push(to),
  }
  const consumer = decryptConsumer(inner as unknown as Consumer, encryption)
  const delivered: string[] = []
  const resolved: string[] = []
  await consumer.run({
    eachMessage: ({ message: { offset } }) => Promise.resolve(void delivered.push(offset)),
  })
  await consumer.run({
    eachBatch: ({ batch }) =>
      Promise.resolve(void delivered.push(...batch.messages.map(({ offset }) => offset))),
  })
  const common = { heartbeat: () => Promise.resolve(), isStale: () => false, isRunning: () => true }
  return {
    consumer,
    encryption,
    delivered,
    resolved,
    seeks,
    eachMessage: async (given: KafkaMessage) => {
      const payload = { ...common, topic: 't', partition: 0, message: given }
      await configs[0]?.eachMessage?.(payload as unknown as EachMessagePayload)
    },
    eachBatch: async (...messages: KafkaMessage[]) => {
      const batch = { topic: 't', partition: 0, messages, lastOffset: () => messages.at(-1)?.offset }
      const resolveOffset = (offset: string): void => void resolved.push(offset)
      await configs[1]?.eachBatch?.({ ...common, resolveOffset, batch } as unknown as EachBatchPayload)
    },
  }
}

it('a passthrough topic is delivered as it was read, and resolved', async () => {
  const { eachMessage, eachBatch, delivered, resolved, seeks, encryption } = await running()
  await eachMessage(message(Buffer.from('x'), 4))
  await eachBatch(message(Buffer.from('x'), 5), message(null, 6))
  expect({ delivered, resolved, seeks }).toEqual({ delivered: ['4', '5', '6'], resolved: ['6'], seeks: [] })
  await encryption.close()
})

it('a passthrough topic is not delivered once the consumer was stopped, even if KafkaJS continues with the run', async () => {
  const { consumer, eachMessage, eachBatch, delivered, resolved, seeks, encryption } = await running()
  await consumer.stop()
  const given = message(Buffer.from('x'), 4)
  await eachMessage(given)
  await eachBatch(message(Buffer.from('x'), 5))
  expect({ delivered, resolved }).toEqual({ delivered: [], resolved: [] })
  // KafkaJS resolves the offset that the message has after the handler.
  expect(given.offset).toBe('3')
  expect(seeks).toEqual([
    { topic: 't', partition: 0, offset: '4' },
    { topic: 't', partition: 0, offset: '5' },
  ])
  await encryption.close()
})
