import { expect, it } from 'vitest'
import { InFlight, Sends } from '../../../src/clients/shared/sends.js'
import { EnvelopeError } from '../../../src/errors.js'
import { internalsOf } from '../../../src/record/internals.js'
import { memoryEncryption } from '../../support/encryption.js'

const batch = (...values: string[]) => ({
  topic: 't',
  records: values.map((value) => ({ value })),
  pathOf: (i: number) => `records[${String(i)}]`,
})

async function sending() {
  const rule = { match: ['t'], encrypt: { cmk: 'main', maxBatchBytes: 2000 } }
  const { encryption, kms } = await memoryEncryption([rule], { kmsRetries: 0 })
  const inFlight = new InFlight()
  return { encryption, kms, inFlight, sends: new Sends(internalsOf(encryption, 'a test'), [inFlight]) }
}

it('a send ends, and the sends after it may continue, once a part of it has failed', async () => {
  const { encryption, inFlight, sends } = await sending()
  const split = sends.begin([batch('1'.repeat(1500), '2'.repeat(1500))])
  expect(split.isReady).toBe(false)
  await split.ready()
  const handedOver: unknown[] = []
  const handOver = (): void => {
    for (const part of split.parts()) {
      handedOver.push(part.map(({ messages, plain }) => [messages.length, plain]))
      throw new Error('refused')
    }
  }
  expect(handOver).toThrow('refused')
  expect(handedOver).toEqual([[[1, [{ value: '1'.repeat(1500) }]]]])
  await inFlight.ended()
  const next = sends.begin([batch('v')])
  expect(next.isReady).toBe(true)
  expect([...next.parts()]).toHaveLength(1)
  await encryption.close()
})

it('a send ends, and the sends after it may continue, once its wait for a DEK has failed', async () => {
  const { encryption, kms, inFlight, sends } = await sending()
  kms.failure = new EnvelopeError('KMS_DENIED', 'no')
  const failing = sends.begin([batch('v')]).ready()
  const behind = sends.begin([batch('w')])
  expect(behind.isReady).toBe(false)
  await expect(failing).rejects.toMatchObject({ code: 'KMS_DENIED' })
  kms.failure = undefined
  await behind.ready()
  expect([...behind.parts()]).toHaveLength(1)
  await inFlight.ended()
  await encryption.close()
})
