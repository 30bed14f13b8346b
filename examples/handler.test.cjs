// A Jest test of your own handler, without a broker or files.
const { createEncryption } = require('kafka-envelope')
const { decryptConsumer } = require('kafka-envelope/kafkajs')
const { memoryConsumer, sealedMessages } = require('kafka-envelope/kafkajs/testing')
const { memoryKms } = require('kafka-envelope/kms/memory')

/** The code under test. It gets a wrapped consumer, as in production. */
async function startBilling(consumer, bill) {
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders' })
  await consumer.run({ eachMessage: async ({ message }) => bill(JSON.parse(String(message.value))) })
}

let encryption
let kms
beforeEach(async () => {
  kms = memoryKms({ cmks: ['orders'] })
  encryption = await createEncryption({
    kms: { dev: kms },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
  })
})
afterEach(() => encryption.close())

test('an order is billed', async () => {
  const inner = memoryConsumer()
  const bill = jest.fn()
  await startBilling(decryptConsumer(inner, encryption), bill)
  await inner.deliver(
    'orders',
    await sealedMessages(encryption, 'orders', [{ key: '42', value: '{"total":19.9}' }]),
  )
  expect(bill).toHaveBeenCalledWith({ total: 19.9 })
})

test('an order that was moved to another key is not billed', async () => {
  const inner = memoryConsumer()
  const bill = jest.fn()
  await startBilling(decryptConsumer(inner, encryption), bill)
  const [message] = await sealedMessages(encryption, 'orders', [{ key: '42', value: '{"total":19.9}' }])
  const moved = { ...message, key: Buffer.from('43') }
  await expect(inner.deliver('orders', [moved])).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
  expect(bill).not.toHaveBeenCalled()
})

test('an order is billed while the KMS is down, if its DEK is cached', async () => {
  const inner = memoryConsumer()
  const bill = jest.fn()
  await startBilling(decryptConsumer(inner, encryption), bill)
  const [a, b] = await sealedMessages(encryption, 'orders', [{ value: '1' }, { value: '2' }])
  await inner.deliver('orders', [a])
  kms.setAvailable(false)
  await inner.deliver('orders', [b])
  expect(bill).toHaveBeenCalledTimes(2)
})
