import type {
  Consumer,
  ConsumerRunConfig,
  EachBatchPayload,
  EachMessageHandler,
  EachMessagePayload,
  KafkaMessage,
} from 'kafkajs'
import { expect, it, vi } from 'vitest'
import { decryptConsumer, envelopeOf } from '../../../src/clients/kafkajs/index.js'
import { Claims } from '../../../src/clients/shared/claims.js'
import { sealRecords } from '../../../src/record/index.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { message } from './consuming.js'

/** A wrapped consumer whose DEK is cached, with a sealed message. */
async function ready() {
  const decrypt = { cmk: 'main' }
  const { encryption } = await memoryEncryption([
    { match: ['t'], encrypt: { cmk: 'main' }, decrypt },
    { match: ['plain'], passthrough: true },
  ])
  const configs: ConsumerRunConfig[] = []
  const seeks: unknown[] = []
  const inner = {
    events: { CRASH: 'consumer.crash', STOP: 'consumer.stop', GROUP_JOIN: 'consumer.group_join' },
    on: () => () => undefined,
    run: (given: ConsumerRunConfig) => Promise.resolve(void configs.push(given)),
    seek: (to: unknown) => seeks.push(to),
    stop: () => Promise.resolve(),
  }
  const consumer = decryptConsumer(inner as unknown as Consumer, encryption)
  const delivered: KafkaMessage[] = []
  const handlers: { eachMessage: EachMessageHandler } = {
    eachMessage: ({ message }) => Promise.resolve(void delivered.push(message)),
  }
  await consumer.run({ eachMessage: (payload) => handlers.eachMessage(payload) })
  await consumer.run({ eachBatch: ({ batch }) => Promise.resolve(void delivered.push(...batch.messages)) })
  const [sealed] = await sealRecords(encryption, [{ topic: 't', value: CANARY }])
  const given = message(sealed?.value ?? null, 7)
  const common = { heartbeat: () => Promise.resolve(), isStale: () => false, resolveOffset: () => undefined }
  const eachMessage = (topic = 't') =>
    configs[0]?.eachMessage?.({
      ...common,
      topic,
      partition: 0,
      message: given,
    } as unknown as EachMessagePayload)
  const batch = { topic: 't', partition: 0, messages: [given], lastOffset: () => '7' }
  const eachBatch = () => configs[1]?.eachBatch?.({ ...common, batch } as unknown as EachBatchPayload)
  // The first message waits for its DEK.
  await eachMessage()
  delivered.length = 0
  return { encryption, consumer, handlers, given, delivered, seeks, eachMessage, eachBatch }
}

it.each(['eachMessage', 'eachBatch'] as const)(
  'the handler of %s runs within the call if the DEKs are cached',
  async (name) => {
    const { encryption, delivered, ...calls } = await ready()
    const call = calls[name]()
    expect(delivered.map(({ value }) => value?.toString())).toEqual([CANARY])
    await call
    await encryption.close()
  },
)

it('a handler that throws at once rejects the promise of its message', async () => {
  const { encryption, handlers, eachMessage } = await ready()
  handlers.eachMessage = () => {
    throw new RangeError('no')
  }
  const call = eachMessage()
  await expect(call).rejects.toThrow(RangeError)
  await encryption.close()
})

it.each(['t', 'plain'])('a handler that returns no promise ends its message of topic %s', async (topic) => {
  const { encryption, handlers, delivered, eachMessage } = await ready()
  handlers.eachMessage = ({ message }) => void delivered.push(message) as never
  const call = eachMessage(topic)
  expect(call).toBeInstanceOf(Promise)
  await call
  expect(delivered).toHaveLength(1)
  await encryption.close()
})

it('no claim of a message stays open: if it opens, does not open, is kept from the handler, or ends the consumer', async () => {
  const { encryption, consumer, given, eachMessage } = await ready()
  const [begun, ended] = [vi.spyOn(Claims.prototype, 'begin'), vi.spyOn(Claims.prototype, 'end')]
  await eachMessage()
  const { value } = given
  given.value = Buffer.from('not sealed')
  await expect(eachMessage()).rejects.toMatchObject({ code: 'NOT_SEALED' })
  given.value = 'no bytes' as never
  await expect(eachMessage()).rejects.toMatchObject({ code: 'INVALID_RECORD' })
  given.value = value
  await consumer.stop()
  await eachMessage()
  const claims = begun.mock.results.map((result) => result.value as unknown)
  expect(claims).toHaveLength(4)
  for (const claim of claims) expect(ended.mock.calls.some(([one]) => one === claim)).toBe(true)
  vi.restoreAllMocks()
  await encryption.close()
})

it('the offset that a handler gives its message is the one that KafkaJS resolves, as without this library', async () => {
  const { encryption, handlers, given, eachMessage } = await ready()
  handlers.eachMessage = async ({ message }) => {
    await Promise.resolve()
    message.offset = '6'
  }
  await eachMessage()
  expect(given.offset).toBe('6')
  await encryption.close()
})

it('a message that the handler gets is a copy with the opened value, and says how it was sealed', async () => {
  const { encryption, given, delivered, eachMessage } = await ready()
  Object.assign(given, { isControlRecord: false })
  await eachMessage()
  const [message] = delivered as [KafkaMessage]
  expect(message).not.toBe(given)
  expect({ ...message }).toEqual({ ...given, ...message, value: Buffer.from(CANARY) })
  expect(envelopeOf(message)).toMatchObject({ topic: 't', keyBound: true })
  expect(envelopeOf(given)).toBeUndefined()
  await encryption.close()
})

it('a listener that seeks while a message is reported as opened keeps it from the handler', async () => {
  const { encryption, consumer, delivered, seeks, eachMessage, eachBatch } = await ready()
  encryption.on('batch.opened', () => {
    consumer.seek({ topic: 't', partition: 0, offset: '3' })
  })
  await eachMessage()
  await eachBatch()
  expect(delivered).toEqual([])
  expect(seeks).toEqual([
    { topic: 't', partition: 0, offset: '3' },
    { topic: 't', partition: 0, offset: '3' },
  ])
  await encryption.close()
})

it('the seek of a listener that stops the consumer as well is the last one', async () => {
  const { encryption, consumer, delivered, seeks, eachMessage } = await ready()
  const to = { topic: 't', partition: 0, offset: '3' }
  encryption.on('batch.opened', () => {
    consumer.seek(to)
    void consumer.stop()
  })
  await eachMessage()
  expect([delivered, seeks]).toEqual([[], [to]])
  await encryption.close()
})

it('a message that comes after the consumer was stopped is not opened', async () => {
  const { encryption, consumer, delivered, seeks, eachMessage } = await ready()
  let opened = 0
  encryption.on('batch.opened', ({ messages }) => (opened += messages))
  await consumer.stop()
  await eachMessage()
  expect([delivered, opened]).toEqual([[], 0])
  // This ends a run that KafkaJS has forgotten.
  expect(seeks).toEqual([{ topic: 't', partition: 0, offset: '7' }])
  await encryption.close()
})

it('the event loop turns between many messages, although no handler waits', async () => {
  const { encryption, delivered, eachMessage } = await ready()
  const turns: number[] = []
  const count = (): NodeJS.Immediate => setImmediate(() => turns.push(delivered.length) && (next = count()))
  let next = count()
  for (let i = 0; i < 3500; i++) await eachMessage()
  clearImmediate(next)
  // One was handled before, in this turn.
  expect(turns).toEqual([999, 1999, 2999])
  await encryption.close()
})

it('a seek while the event loop turns keeps the message from the handler', async () => {
  const { encryption, consumer, delivered, seeks, eachMessage } = await ready()
  for (let i = 0; i < 999; i++) await eachMessage()
  const call = eachMessage()
  consumer.seek({ topic: 't', partition: 0, offset: '3' })
  await call
  expect(delivered).toHaveLength(999)
  expect(seeks).toEqual([{ topic: 't', partition: 0, offset: '3' }])
  await encryption.close()
})
