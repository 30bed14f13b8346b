import { stringDeserializers, stringSerializers, type Message } from '@platformatic/kafka'
import { expect, it } from 'vitest'
import { decryptConsumer, encryptProducer, envelopeOf } from '../../../src/clients/platformatic/index.js'
import { CANARY } from '../../support/emissions.js'
import { newTopic } from '../../support/broker.js'
import { close, fixture, fromStart, plainConsumer, plainProducer, take, valuesOf } from './support.js'

const seen = ({
  key,
  value,
  headers,
  partition,
  offset,
  timestamp,
}: Message<unknown, unknown, unknown, unknown>) => ({
  ...{ key, value, partition, offset, timestamp },
  headers: [...headers],
})

it('Platformatic: keys, headers, tombstones, timestamps, partitions and offsets are those of the plain client', async () => {
  const made = await fixture('plt.round', { tombstones: 'pass' }, 3)
  const other = await newTopic('plt.plain', 3)
  const options = { serializers: stringSerializers }
  const producers = [
    plainProducer(options),
    encryptProducer(plainProducer(), made.encryption, options),
  ] as const
  const decrypting = { deserializers: stringDeserializers }
  const consumers = [
    plainConsumer(undefined, decrypting),
    decryptConsumer(plainConsumer(), made.encryption, decrypting),
  ] as const
  const read: unknown[] = []
  for (const [i, topic] of [other, made.topic].entries()) {
    const messages = Array.from({ length: 30 }, (_, n) => ({
      topic,
      key: `key ${String(n % 7)}`,
      timestamp: 1_700_000_000_000n + BigInt(n),
      headers: { a: String(n), ünï: 'x' },
      ...(n % 5 === 0 ? {} : { value: `${CANARY} ${String(n)}` }),
    }))
    const producer = producers[i] as (typeof producers)[1]
    await producer.send({ messages, acks: -1, compression: 'gzip' })
    const consumer = consumers[i] as unknown as (typeof consumers)[0]
    const stream = await consumer.consume(fromStart(topic))
    const got = (await take(stream as never, 30)).map(seen)
    read.push(got.toSorted((a, b) => a.partition - b.partition || Number(a.offset - b.offset)))
    await close(consumer)
    await producer.close()
  }
  expect(read[1]).toEqual(read[0])
  await made.end()
})

it('Platformatic: a plain client finds no plaintext on the broker, and 10,000 messages keep their order', async () => {
  const made = await fixture('plt.order', {}, 2)
  const producer = made.producer()
  for (let at = 0; at < 10_000; at += 1000)
    await producer.send({
      messages: Array.from({ length: 1000 }, (_, n) => ({
        topic: made.topic,
        partition: n % 2,
        value: Buffer.from(`${CANARY} ${String(at + n)}`),
      })),
    })
  const stream = await made.consumer().consume(fromStart(made.topic))
  const got = await take(stream, 10_000)
  for (const partition of [0, 1]) {
    const numbers = valuesOf(got.filter((one) => one.partition === partition)).map((value) =>
      Number(value.slice(CANARY.length)),
    )
    expect(numbers).toEqual(Array.from({ length: 5000 }, (_, i) => 2 * i + partition))
  }
  expect(envelopeOf(got[0] as object)).toMatchObject({ topic: made.topic })
  const raw = await take(await made.plain().consumer.consume(fromStart(made.topic)), 100)
  expect(Buffer.concat(raw.map(({ value }) => value)).toString('latin1')).not.toContain(CANARY)
  await made.end()
})

it('Platformatic: transactions commit and abort sealed messages, and commit offsets', async () => {
  const made = await fixture('plt.tx')
  const producer = made.producer({ idempotent: true, transactionalId: made.topic })
  const send = (value: string) => ({ messages: [{ topic: made.topic, value: Buffer.from(value) }] })
  const aborted = await producer.beginTransaction()
  await aborted.send(send(`${CANARY} aborted`))
  await aborted.abort()
  const committed = await producer.beginTransaction()
  await committed.send(send(`${CANARY} 1`))
  await producer.transaction?.send(send(`${CANARY} 2`))
  await committed.commit()
  const consumer = made.consumer('plt.tx.group')
  const got = await take(await consumer.consume(fromStart(made.topic)), 2)
  expect(valuesOf(got)).toEqual([`${CANARY} 1`, `${CANARY} 2`])
  const offsets = await producer.beginTransaction()
  await offsets.addConsumer(consumer)
  await offsets.addOffset(got[1] as Message)
  await offsets.commit()
  const topics = [{ topic: made.topic, partitions: [0] }]
  let position: bigint | undefined = -1n
  // The coordinator writes the end of the transaction a little later.
  while (position === -1n) position = (await consumer.listCommittedOffsets({ topics })).get(made.topic)?.[0]
  expect(position).toBe((got[1] as Message).offset + 1n)
  await made.end()
})

it('Platformatic: a stream of messages to send seals them', async () => {
  const made = await fixture('plt.stream')
  const stream = made.producer().asStream({ batchSize: 10 })
  for (let n = 0; n < 25; n++) stream.write({ topic: made.topic, value: Buffer.from(String(n)) })
  await stream.close()
  const got = await take(await made.consumer().consume(fromStart(made.topic)), 25)
  expect(valuesOf(got)).toEqual(Array.from({ length: 25 }, (_, n) => String(n)))
  await made.end()
})
