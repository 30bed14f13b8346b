import { randomBytes } from 'node:crypto'
import type { Consumer, ConsumerRunConfig, EachBatchPayload, KafkaMessage } from 'kafkajs'
import { expect, it } from 'vitest'
import { decodePreamble, DEFAULT_FORMAT } from '../../../src/envelope/formats.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { sealRecords } from '../../../src/record/index.js'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'

it('forged envelopes do not hold back good records forever, although they use up the rate limit: a refused DEK is not asked for again', async () => {
  const { encryption, kms } = await memoryEncryption(
    [
      {
        match: ['t'],
        encrypt: { cmk: 'main' },
        decrypt: { cmk: 'main', onInvalid: 'skip', maxInvalidShare: 1, retryFor: '30s' },
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
  const messages = values.map((one, i): KafkaMessage => ({
    key: null,
    value: one,
    offset: String(i),
    timestamp: '0',
    headers: {},
    attributes: 0,
  }))

  let config: ConsumerRunConfig = {}
  const inner = {
    events: { CRASH: 'consumer.crash', STOP: 'consumer.stop', GROUP_JOIN: 'consumer.group_join' },
    on: () => () => undefined,
    run: (given: ConsumerRunConfig) => {
      config = given
      return Promise.resolve()
    },
  }
  const delivered: string[] = []
  await decryptConsumer(inner as unknown as Consumer, encryption).run({
    eachBatch: ({ batch }) => {
      delivered.push(...batch.messages.map((message) => message.value?.toString() ?? 'null'))
      return Promise.resolve()
    },
  })
  const payload = {
    batch: { topic: 't', partition: 0, messages, lastOffset: () => '60' },
    heartbeat: () => Promise.resolve(),
    resolveOffset: () => undefined,
    isStale: () => false,
    isRunning: () => true,
  }
  await config.eachBatch?.(payload as unknown as EachBatchPayload)
  expect(delivered).toEqual([CANARY])
  expect(kms.calls.filter(({ operation }) => operation === 'unwrap')).toHaveLength(values.length)
  await encryption.close()
}, 60_000)
