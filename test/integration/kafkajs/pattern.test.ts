import { randomUUID } from 'node:crypto'
import type { Consumer } from 'kafkajs'
import { afterEach, expect, it } from 'vitest'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { until } from '../support/pair.js'
import { encryptKafka } from '../../../src/clients/kafkajs/index.js'

const ended: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

it('a new topic that matches a subscribed pattern but no rule stops the group, at the restart after it was created', async () => {
  const prefix = `pattern.${randomUUID()}`
  const known = await newTopic(`${prefix}.known`, 1)
  const { encryption } = await memoryEncryption([
    {
      match: [known],
      encrypt: { cmk: 'main' },
      decrypt: { cmk: 'main', onInvalid: 'skip', onUnreadable: () => 'skip' },
    },
  ])
  ended.push(() => encryption.close())
  const producer = encryptKafka(testKafka(), encryption).producer()
  const plain = testKafka().producer()
  await Promise.all([producer.connect(), plain.connect()])
  ended.push(async () => {
    await Promise.all([producer.disconnect(), plain.disconnect()])
  })

  const delivered: string[] = []
  const crashes: unknown[] = []
  const start = async (): Promise<Consumer> => {
    const consumer = encryptKafka(testKafka(), encryption).consumer({ groupId: prefix, maxWaitTimeInMs: 50 })
    ended.push(() => consumer.disconnect())
    consumer.on('consumer.crash', ({ payload }) => crashes.push(payload.error))
    await consumer.connect()
    await consumer.subscribe({ topics: [new RegExp(`^${prefix}`)], fromBeginning: true })
    await consumer.run({
      eachMessage: ({ topic, message }) => {
        delivered.push(`${topic} ${String(message.value?.length)}`)
        return Promise.resolve()
      },
    })
    return consumer
  }
  const send = () => producer.send({ topic: known, messages: [{ value: CANARY }] })

  const before = await start()
  await send()
  await until('the first record', () => delivered.length === 1)
  const hostile = await newTopic(`${prefix}.hostile`, 1)
  await plain.send({ topic: hostile, messages: [{ value: 'x' }] })
  await send()
  await until('the second record', () => delivered.length === 2)
  expect(crashes).toEqual([])

  await before.disconnect()
  await start()
  await until('a stop', () => crashes.length > 0)
  expect(crashes).toMatchObject([{ retriable: false, cause: { code: 'TOPIC_NOT_CONFIGURED' } }])
  expect(delivered.filter((each) => each.startsWith(hostile))).toEqual([])
})
