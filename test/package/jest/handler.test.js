const { createEncryption } = require('kafka-envelope')
const { decryptConsumer } = require('kafka-envelope/kafkajs')
const { memoryConsumer, sealedMessages } = require('kafka-envelope/kafkajs/testing')
const { memoryKms } = require('kafka-envelope/kms/memory')

const kms = memoryKms({ cmks: ['orders'] })
let encryption

beforeEach(async () => {
  encryption = await createEncryption({
    kms: { dev: kms },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
    kmsRetries: 0,
  })
})
afterEach(() => encryption.close())

/** What stands for an application: it gets the wrapped consumer, and notes what it was delivered. */
async function startBilling(inner) {
  const billed = []
  const consumer = decryptConsumer(inner, encryption)
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders' })
  await consumer.run({
    eachMessage: async ({ message }) => void billed.push(JSON.parse(String(message.value)).total),
  })
  return { billed, consumer }
}

test('a handler is tried without a broker, on a record that is genuine and on one that was moved', async () => {
  const inner = memoryConsumer()
  const { billed, consumer } = await startBilling(inner)
  const messages = await sealedMessages(encryption, 'orders', [{ key: '42', value: '{"total":19.9}' }])
  expect(messages[0].value.includes('19.9')).toBe(false)
  expect(await inner.deliver('orders', messages)).toBe('1')
  expect(billed).toEqual([19.9])

  const moved = messages.map((message) => ({ ...message, key: Buffer.from('43') }))
  await expect(inner.deliver('orders', moved)).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
  expect(billed).toEqual([19.9])
  await consumer.disconnect()
})

test('a handler is not called while the KMS is away, and is called once it is back', async () => {
  const inner = memoryConsumer()
  const { billed } = await startBilling(inner)
  const messages = await sealedMessages(encryption, 'orders', [{ value: '{"total":7}' }])
  encryption.evict('orders')
  kms.setAvailable(false)
  expect(await inner.deliver('orders', messages)).toBe('0')
  expect(encryption.health()).toMatchObject({ status: 'degraded', waiting: [{ code: 'KMS_UNAVAILABLE' }] })
  kms.setAvailable(true)
  expect(await inner.deliver('orders', messages)).toBe('1')
  expect(billed).toEqual([7])
  expect(encryption.health().status).toBe('ok')
})
