import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { whyNoConfluent } from '../../support/confluent.js'
import { collecting, names, pause, rig, until } from './rig.js'

const suite = describe.skipIf(whyNoConfluent !== undefined)

suite(`stops of Confluent's client ${whyNoConfluent ?? ''}`, () => {
  for (const kind of ['eachMessage', 'eachBatch'] as const) {
    it(`a record that may not pass stops its partition alone, and is never committed past, in ${kind}`, async () => {
      const made = await rig(2)
      await made.write(0, 0, 6, [3])
      await made.write(1, 0, 40)
      const consumer = await made.consumer()
      const { got, ...handlers } = collecting()
      await consumer.run({ [kind]: handlers[kind] })
      await until(() => got.length === 43)
      await until(async () => (await made.committed()).join() === '3,40')
      await made.write(1, 40, 50)
      await until(() => got.length === 53)
      expect(got.filter((name) => name.startsWith('0/'))).toEqual(names(0, 0, 3))
      expect(got.filter((name) => name.startsWith('1/'))).toEqual(names(1, 0, 50))
      const place = { topic: made.topic, partition: 0, offset: '3' }
      expect(made.encryption.health()).toMatchObject({
        status: 'failed',
        stopped: [{ groupId: made.group, code: 'NOT_SEALED', ...place }],
      })
      expect(consumer.paused()).toEqual([])
      await until(async () => (await made.committed()).join() === '3,50')

      consumer.resume([{ topic: made.topic, partitions: [0] }])
      await until(() => made.events.filter(({ name }) => name === 'consumer.stopped').length === 2)
      expect(got).toHaveLength(53)
      consumer.seek({ ...place, offset: '4' })
      await until(() => got.length === 55)
      expect(got.slice(-2)).toEqual(names(0, 4, 6))
      expect(made.encryption.health().status).toBe('ok')
      await until(async () => (await made.committed()).join() === '6,50')
      await made.end()
    })
  }

  it('a partition waits for a KMS without a commit, and goes on in order', async () => {
    const made = await rig(2)
    await made.write(0, 0, 40)
    await made.write(1, 0, 5)
    made.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'down')
    const consumer = await made.consumer()
    const { got, eachMessage } = collecting()
    await consumer.run({ eachMessage, partitionsConsumedConcurrently: 2 })
    await until(() => made.encryption.health().waiting.length === 2)
    await pause(1500)
    expect(got).toEqual([])
    expect(made.encryption.health().status).toBe('degraded')
    expect(await made.committed()).toEqual(['0', '0'])
    made.kms.failure = undefined
    await until(() => got.length === 45)
    expect(got.filter((name) => name.startsWith('0/'))).toEqual(names(0, 0, 40))
    expect(got.filter((name) => name.startsWith('1/'))).toEqual(names(1, 0, 5))
    await until(async () => (await made.committed()).join() === '40,5')
    expect(made.encryption.health().status).toBe('ok')
    await made.end()
  })

  it('disconnect ends a wait for a KMS; the next consumer gets every record once', async () => {
    const made = await rig(1)
    await made.write(0, 0, 40)
    made.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'down')
    const first = await made.consumer()
    const early = collecting()
    await first.run({ eachMessage: early.eachMessage })
    await until(() => made.encryption.health().waiting.length === 1)
    await first.disconnect()
    expect(made.encryption.health()).toMatchObject({ waiting: [], stopped: [] })
    made.kms.failure = undefined
    const second = await made.consumer()
    const late = collecting()
    await second.run({ eachBatch: late.eachBatch })
    await until(() => late.got.length === 40)
    expect(early.got).toEqual([])
    expect(late.got).toEqual(names(0, 0, 40))
    await made.end()
  })

  it('a group that rebalances while partitions wait gets every record once', async () => {
    const made = await rig(2)
    await made.write(0, 0, 40)
    await made.write(1, 0, 40)
    made.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'down')
    const { got, eachMessage } = collecting()
    const one = await made.consumer()
    await one.run({ eachMessage })
    await until(() => made.encryption.health().waiting.length === 2)
    const two = await made.consumer()
    await two.run({ eachMessage })
    await until(() => one.assignment().length === 1 && two.assignment().length === 1)
    await until(() => made.encryption.health().waiting.length === 2)
    await two.disconnect()
    await until(() => one.assignment().length === 2)
    made.kms.failure = undefined
    await until(() => got.length >= 80)
    await pause(1000)
    expect(got.filter((name) => name.startsWith('0/'))).toEqual(names(0, 0, 40))
    expect(got.filter((name) => name.startsWith('1/'))).toEqual(names(1, 0, 40))
    await made.end()
  })
})
