import type { KafkaMessage } from 'kafkajs'
import { expect, it } from 'vitest'
import { openValues } from '../../../src/cli/dictionary/open-values.js'
import { EnvelopeError } from '../../../src/errors.js'
import { sealRecords } from '../../../src/record/index.js'
import { memoryEncryption } from '../../support/encryption.js'

it('values are opened again after a failure of the KMS that passes, with a heartbeat each time', async () => {
  const rule = { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } } as const
  const { encryption: sealer, kms } = await memoryEncryption([rule])
  const [sealed] = await sealRecords(sealer, [{ topic: 't', value: 'a' }])
  const { encryption } = await memoryEncryption([rule], { kms, kmsRetries: 0 })
  const message = { value: sealed?.value, key: null, offset: '7', headers: {} } as unknown as KafkaMessage
  let heartbeats = 0
  const batch = {
    topic: 't',
    partition: 0,
    heartbeat: () => {
      if (++heartbeats === 2) kms.failure = undefined
      return Promise.resolve()
    },
  }
  kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'the KMS is away')
  expect(await openValues(encryption, batch, [message])).toEqual([Buffer.from('a')])
  expect(heartbeats).toBe(3)
})
