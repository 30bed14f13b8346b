import type { KafkaMessage } from 'kafkajs'
import { expect, it } from 'vitest'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'
import { createEncryption, type DecryptRule, type EncryptRule } from '../../../src/index.js'
import { sealRecords } from '../../../src/record/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { message, StandIn } from './stand-in.js'

/** A consumer with `eachMessage` whose DEK is cached, and the next message. */
async function consuming({
  encrypt = {},
  decrypt = {},
  headers = {},
}: {
  encrypt?: Partial<EncryptRule<'main'>>
  decrypt?: Partial<DecryptRule<'main'>>
  headers?: Record<string, string>
} = {}) {
  const rule = { match: ['t'], encrypt: { cmk: 'main', ...encrypt }, decrypt: { cmk: 'main', ...decrypt } }
  const { encryption } = await memoryEncryption([rule])
  const kafka = new StandIn()
  const consumer = decryptConsumer(kafka.consumer, encryption)
  const delivered: string[] = []
  await consumer.run({
    eachMessage: ({ message: { offset } }) => Promise.resolve(void delivered.push(offset)),
  })
  const [sealed] = await sealRecords(encryption, [{ topic: 't', value: CANARY, headers }])
  const messages = [0, 1].map((offset) => Object.assign(message(sealed?.value ?? null, offset), { headers }))
  await kafka.fetch(messages.slice(0, 1))
  expect(delivered).toEqual(['0'])
  return { encryption, kafka, consumer, delivered, messages }
}

it.each(['stop', 'skip'] as const)(
  'a listener that seeks while a bad message is reported decides where the partition goes on (%s)',
  async (onInvalid) => {
    const { encryption, kafka, consumer, delivered, messages } = await consuming({ decrypt: { onInvalid } })
    encryption.on('record.rejected', () => {
      consumer.seek({ topic: 't', partition: 0, offset: '0' })
    })
    const bad = Buffer.from(messages[1]?.value as Buffer)
    bad.writeUInt8(bad.readUInt8(bad.length - 1) ^ 1, bad.length - 1)
    const topic = [messages[0], { ...messages[1], value: bad }] as KafkaMessage[]
    await kafka.fetch(topic)
    // It was left as it is, not resolved.
    expect(kafka.position).toBe(1)
    await kafka.fetch(topic.slice(0, 1))
    expect(delivered).toEqual(['0', '0'])
    await encryption.close()
  },
)

it('a bound header that KafkaJS misreads, because every object has a member of its name, is read as it was written', async () => {
  const { encryption, kafka, delivered, messages } = await consuming({
    encrypt: { bindHeaders: ['constructor'] },
    headers: { constructor: 'one' },
  })
  const misread = { ...(messages[1] as KafkaMessage), headers: { constructor: [Object, Buffer.from('one')] } }
  await kafka.fetch([misread as never])
  expect(delivered).toEqual(['0', '1'])
  await encryption.close()
})

it('messages that open one by one count for the share of rejected records', async () => {
  const { encryption, kafka, messages } = await consuming({
    decrypt: { onInvalid: 'skip', maxInvalidShare: 0.001 },
  })
  const { value } = messages[0] as KafkaMessage
  const topic = Array.from({ length: 1004 }, (_, offset) => message(value, offset))
  // A thousand records later, the first is no longer counted.
  for (const offset of [1, 1002, 1003])
    Object.assign(topic[offset] as KafkaMessage, { value: Buffer.from('not sealed') })
  await kafka.fetch(topic.slice(0, 1003))
  expect(kafka.position).toBe(1003)
  expect(await thrownBy(() => kafka.fetch(topic))).toMatchObject({ code: 'TOO_MANY_BAD_RECORDS' })
  await encryption.close()
})

it('allowed plaintext is reported message by message, also to an owner that listens to nothing else', async () => {
  const encryption = await createEncryption({
    cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
    kms: { memory: new MemoryKms().client() },
    topics: [{ match: ['t'], decrypt: { cmk: 'main', plaintext: { untilOffsets: { t: { 0: '2' } } } } }],
  })
  const offsets: string[] = []
  encryption.on('plaintext.delivered', ({ firstOffset, lastOffset }) => offsets.push(firstOffset, lastOffset))
  const kafka = new StandIn()
  await decryptConsumer(kafka.consumer, encryption).run({ eachMessage: () => Promise.resolve() })
  await kafka.fetch([0, 1].map((offset) => message(Buffer.from('plain'), offset)))
  expect(offsets).toEqual(['0', '0', '1', '1'])
  await encryption.close()
})

it('the event loop turns between many bad messages that the policy skips', async () => {
  const decrypt = { onInvalid: 'skip', maxInvalidShare: 1 } as const
  const { encryption, kafka, delivered } = await consuming({ decrypt })
  const bad = Array.from({ length: 1000 }, (_, i) => message(Buffer.from('not sealed'), i + 1))
  let turns = 0
  const count = (): NodeJS.Immediate => setImmediate(() => turns++ >= 0 && (next = count()))
  let next = count()
  await kafka.fetch(bad)
  clearImmediate(next)
  expect([turns, delivered, kafka.position]).toEqual([4, ['0'], 1001])
  await encryption.close()
})
