import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { createEncryption } from 'kafka-envelope'
import { decryptConsumer, encryptProducer, envelopeOf } from 'kafka-envelope/platformatic'

const encryption = await createEncryption({ kms: {}, cmks: {}, topics: [] })
const client = { clientId: 'shop', bootstrapBrokers: ['localhost:9092'] }
const bytes: Producer = encryptProducer(new Producer(client), encryption)
const producer: Producer<string, string, string, string> = encryptProducer(new Producer(client), encryption, {
  serializers: stringSerializers,
})
const consumer: Consumer<string, string, string, string> = decryptConsumer(
  new Consumer({ ...client, groupId: 'billing' }),
  encryption,
  { deserializers: stringDeserializers, deadLetters: new Producer(client) },
)
await bytes.send({ messages: [{ topic: 'orders', value: Buffer.from('secret') }] })
await producer.send({ messages: [{ topic: 'orders', value: 'secret' }] })
for await (const message of await consumer.consume({ topics: ['orders'] }))
  console.log(message.value.length, envelopeOf(message)?.topic)
// @ts-expect-error it is not a producer
encryptProducer({}, encryption)
