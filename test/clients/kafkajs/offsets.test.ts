import type { Consumer, ConsumerRunConfig, EachBatchPayload, EachMessagePayload, KafkaMessage } from 'kafkajs'
import { expect, it } from 'vitest'
import type { DecryptRule } from '../../../src/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'

/** Runs a wrapped consumer, and gives it the messages that the test lets KafkaJS read. */
async function running(decrypt: Omit<DecryptRule, 'cmk'>, resolves?: readonly unknown[]) {
  const { encryption, events } = await memoryEncryption([
    { match: ['t'], decrypt: { cmk: 'main', ...decrypt } },
  ])
  const configs: ConsumerRunConfig[] = []
  const inner = {
    events: { CRASH: 'consumer.crash', STOP: 'consumer.stop', GROUP_JOIN: 'consumer.group_join' },
    on: () => () => undefined,
    run: (given: ConsumerRunConfig) => {
      configs.push(given)
      return Promise.resolve()
    },
  }
  const consumer = decryptConsumer(inner as unknown as Consumer, encryption)
  const delivered: string[] = []
  const resolved: string[] = []
  const handed = ({ value }: KafkaMessage): number => delivered.push(String(value))
  await consumer.run({
    eachMessage: ({ message }) => Promise.resolve(void handed(message)),
  })
  await consumer.run({
    eachBatchAutoResolve: resolves === undefined,
    eachBatch: ({ batch, resolveOffset }) => {
      for (const message of batch.messages) handed(message)
      for (const offset of resolves ?? []) resolveOffset(offset as string)
      return Promise.resolve()
    },
  })
  const [one, many] = configs
  const common = {
    heartbeat: () => Promise.resolve(),
    resolveOffset: (offset: string) => void resolved.push(offset),
    isStale: () => false,
    isRunning: () => true,
  }
  return {
    encryption,
    events,
    delivered,
    resolved,
    eachMessage: async (message: object) => {
      const payload = { ...common, topic: 't', partition: 0, message }
      await one?.eachMessage?.(payload as unknown as EachMessagePayload)
    },
    eachBatch: async (...messages: object[]) => {
      const batch = { topic: 't', partition: 0, messages }
      await many?.eachBatch?.({ ...common, batch } as unknown as EachBatchPayload)
    },
  }
}

it.each([['x'], [''], ['-1'], ['0x1'], ['1.5'], [7]])(
  'a message with offset %j, when plaintext is allowed up to an offset, is INVALID_RECORD, and is not delivered',
  async (offset) => {
    const { eachMessage, eachBatch, delivered, encryption } = await running({
      plaintext: { untilOffsets: { t: { 0: '10' } } },
    })
    const message = { key: null, value: Buffer.from(CANARY), headers: {}, timestamp: '0', attributes: 0 }
    for (const deliver of [eachMessage, eachBatch])
      expect(await thrownBy(() => deliver({ ...message, offset }))).toMatchObject({
        code: 'INVALID_RECORD',
        position: { topic: 't', partition: 0 },
        retriable: false,
      })
    expect(delivered).toEqual([])
    await eachMessage({ ...message, offset: '9' })
    await eachBatch({ ...message, offset: '9' })
    expect(delivered).toEqual([CANARY, CANARY])
    await encryption.close()
  },
)

it('a batch that stops at a message whose offset is not a number fails with an EnvelopeError', async () => {
  const { eachBatch, encryption } = await running({})
  const message = { key: null, value: Buffer.from(CANARY), headers: {}, timestamp: '0', attributes: 0 }
  const tombstone = { ...message, value: null, offset: '0' }
  expect(await thrownBy(() => eachBatch(tombstone, { ...message, offset: 'x' }))).toMatchObject({
    code: 'INVALID_RECORD',
  })
  await encryption.close()
})

it('a handler can resolve the delivered part of a batch that stops, with any form of an offset that KafkaJS accepts', async () => {
  const decrypt: Omit<DecryptRule, 'cmk'> = { plaintext: { untilOffsets: { t: { 0: '2' } } } }
  const { eachBatch, delivered, resolved, encryption } = await running(decrypt, ['-1', '0', 1, 1n, '2'])
  const message = { key: null, value: Buffer.from(CANARY), headers: {}, timestamp: '0', attributes: 0 }
  const batch = ['0', '1', '2', '3'].map((offset) => ({ ...message, offset }))
  expect(await thrownBy(() => eachBatch(...batch))).toMatchObject({ code: 'NOT_SEALED' })
  expect(delivered).toEqual([CANARY, CANARY])
  // No further than the record before the one that stopped it.
  expect(resolved).toEqual(['-1', '0', '1', '1', '1'])
  await encryption.close()
})

it('plaintext that is still allowed is counted for eachMessage and eachBatch, as far as it is delivered', async () => {
  const { eachMessage, eachBatch, delivered, events, encryption } = await running({
    plaintext: { untilOffsets: { t: { 0: '3' } } },
  })
  const message = { key: null, value: Buffer.from(CANARY), headers: {}, timestamp: '0', attributes: 0 }
  await eachMessage({ ...message, offset: '0' })
  await eachMessage({ ...message, offset: '1', value: null })
  const batch = ['1', '2', '3', '4'].map((offset) => ({ ...message, offset }))
  expect(await thrownBy(() => eachBatch(...batch))).toMatchObject({ code: 'NOT_SEALED' })
  expect(delivered).toEqual([CANARY, 'null', CANARY, CANARY])
  const told = events.filter(({ name }) => name === 'plaintext.delivered')
  const common = { name: 'plaintext.delivered', rule: 't', topic: 't', partition: 0, untilOffset: '3' }
  expect(told).toEqual([
    { ...common, messages: 1, bytes: CANARY.length, firstOffset: '0', lastOffset: '0' },
    { ...common, messages: 2, bytes: 2 * CANARY.length, firstOffset: '1', lastOffset: '2' },
  ])
  await encryption.close()
})
