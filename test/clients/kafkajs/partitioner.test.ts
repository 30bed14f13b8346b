import type { Message, Producer, ProducerRecord } from 'kafkajs'
import { expect, it } from 'vitest'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { memoryEncryption } from '../../support/encryption.js'

/** The messages that KafkaJS gets in each of some sends. */
async function handedOver(sends: number): Promise<Message[][]> {
  const { encryption } = await memoryEncryption([{ match: ['t'], encrypt: { cmk: 'main' } }])
  const given: Message[][] = []
  const send = ({ messages }: ProducerRecord): Promise<[]> => {
    given.push(messages)
    return Promise.resolve([])
  }
  const producer = encryptProducer({ send } as Partial<Producer> as Producer, encryption)
  for (let n = 0; n < sends; n++)
    await producer.send({ topic: 't', messages: [{ value: 'first' }, { value: 'second' }] })
  await encryption.close()
  return given
}

/** As KafkaJS collects messages by partition. */
const choose = (messages: readonly Message[], see: (message: Message) => unknown): unknown =>
  messages.reduce((chosen, message) => ({ ...chosen, [String(see(message))]: message }), {})

it('a partitioner without plaintext is refused the first sealed value, also in a copy or an heir of its message', async () => {
  const [messages = []] = await handedOver(1)
  for (const see of [
    ({ value }: Message) => value,
    (message: Message) => ({ ...message }),
    (message: Message) => (Object.create(message) as Message).value,
    (message: Message) => new Proxy(message, {}).value,
  ])
    expect(() => choose(messages, see)).toThrow('PARTITIONER_WITHOUT_PLAINTEXT')
  expect(choose(messages, ({ key }) => key)).toBeTypeOf('object')
})

it('other code may read and replace the value of a message that partitioners may not read', async () => {
  const [[first] = []] = await handedOver(1)
  if (first === undefined) throw new Error('nothing was sent')
  const { value } = first
  expect(value).toBeInstanceOf(Buffer)
  expect({ ...first }).toEqual({ value })
  first.value = 'another'
  expect({ ...first }).toEqual({ value: 'another' })
})

it('nothing of a send stays in the accessor of its first message, which V8 keeps for long', async () => {
  const [one, another] = (await handedOver(2)).map(
    ([first]) => Object.getOwnPropertyDescriptor(first, 'value')?.get,
  )
  expect(one).toBeTypeOf('function')
  expect(another).toBe(one)
})
