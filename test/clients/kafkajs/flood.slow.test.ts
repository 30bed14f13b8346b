import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { decodePreamble, DEFAULT_FORMAT } from '../../../src/envelope/formats.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { message, StandIn } from './stand-in.js'
import { sealRecords } from '../../../src/record/index.js'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'

it('forged envelopes do not hold back good records forever, although they use up the rate limit: a refused DEK is not asked for again', async () => {
  const { encryption, kms } = await memoryEncryption(
    [
      {
        match: ['t'],
        encrypt: { cmk: 'main' },
        decrypt: { cmk: 'main', onInvalid: 'skip', maxInvalidShare: 1 },
      },
    ],
    { kmsTimeout: '500ms', kmsRateLimit: { opening: { perSecond: 100, burst: 1 } } },
  )
  const [good] = await sealRecords(encryption, [{ topic: 't', value: CANARY }])
  const value = good?.value as Buffer
  const { wrappedDeks, headerBytes, bytes } = decodePreamble(value)
  const forge = (): Buffer =>
    Buffer.concat([
      DEFAULT_FORMAT.encodePreamble(
        wrappedDeks.map((wrapped) => ({ ...wrapped, ciphertextDek: randomBytes(24) })),
        headerBytes,
      ),
      value.subarray(bytes.length),
    ])
  // Twice as many as there are turns within the time of one attempt, then the good one, whose DEK is not known yet.
  const values = [...Array.from({ length: 60 }, forge), value]
  const topic = values.map(message)
  const kafka = new StandIn()
  const delivered: string[] = []
  await decryptConsumer(kafka.consumer, encryption).run({
    eachBatch: ({ batch }) => {
      delivered.push(...batch.messages.map(({ value }) => value?.toString() ?? 'null'))
      return Promise.resolve()
    },
  })
  let fetches = 0
  for (; kafka.position < topic.length; fetches++) {
    await kafka.resumed()
    await kafka.fetch(topic)
  }
  expect(delivered).toEqual([CANARY])
  expect(fetches).toBeLessThan(20)
  expect(kms.calls.filter(({ operation }) => operation === 'unwrap')).toHaveLength(values.length)
  await encryption.close()
}, 60_000)
