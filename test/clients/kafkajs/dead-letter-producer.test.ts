import type { Kafka, Producer, RecordMetadata } from 'kafkajs'
import { expect, it } from 'vitest'
import { OwnedDeadLetterProducer } from '../../../src/clients/kafkajs/dead-letter-producer.js'
import { thrownBy } from '../../support/emissions.js'

/** A client whose producers record the calls that they get. */
function client(behaviour: { connect?: () => Promise<void>; send?: () => Promise<RecordMetadata[]> } = {}) {
  const calls: string[] = []
  const note = (call: string) => () => {
    calls.push(call)
    return Promise.resolve()
  }
  const producer = {
    connect: async () => {
      await note('connect')()
      await behaviour.connect?.()
    },
    disconnect: note('disconnect'),
    send: async () => {
      await note('send')()
      return (await behaviour.send?.()) ?? []
    },
  } as unknown as Producer
  return { calls, box: new OwnedDeadLetterProducer({ producer: () => producer } as unknown as Kafka) }
}

const record = { topic: 't', messages: [] }

it('a dead-letter producer connects once, before the first send at the latest, and again after it was disconnected', async () => {
  const { box, calls } = client()
  await box.send(record)
  await box.connect()
  await box.send(record)
  await box.disconnect()
  await box.connect()
  expect(calls).toEqual(['connect', 'send', 'send', 'disconnect', 'connect'])
})

it('a connection that failed is tried again', async () => {
  let failures = 1
  const { box, calls } = client({
    connect: () => (failures-- > 0 ? Promise.reject(new Error('down')) : Promise.resolve()),
  })
  expect(await thrownBy(() => box.connect())).toMatchObject({ message: 'down' })
  await box.send(record)
  expect(calls).toEqual(['connect', 'connect', 'send'])
})

it('a send that outlives its consumer leaves no connection behind', async () => {
  let end = (): void => undefined
  const { box, calls } = client({
    send: () =>
      new Promise(
        (resolve) =>
          (end = () => {
            resolve([])
          }),
      ),
  })
  const sending = box.send(record)
  await new Promise((resolve) => setImmediate(resolve))
  await box.disconnect()
  end()
  await sending
  expect(calls).toEqual(['connect', 'send', 'disconnect', 'disconnect'])
})
