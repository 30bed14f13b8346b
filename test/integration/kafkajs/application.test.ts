import type { Consumer, Kafka, Producer } from 'kafkajs'
import { expect, expectTypeOf, it } from 'vitest'
import type { Encryption } from '../../../src/index.js'
import { CANARY } from '../../support/emissions.js'
import { CONSUMER, EACH_BATCH, EACH_MESSAGE, PRODUCER, runApplication, TRANSACTION } from '../../types/app.js'
import { groupsReady } from '../support/groups.js'
import { fixture } from '../support/pair.js'
import {
  decryptConsumer,
  encryptKafka,
  encryptProducer,
  type DecryptOptions,
} from '../../../src/clients/kafkajs/index.js'

it('wrapped clients have the types of KafkaJS, no more and no less', () => {
  expectTypeOf(encryptProducer).toEqualTypeOf<(producer: Producer, encryption: Encryption) => Producer>()
  expectTypeOf(decryptConsumer).toEqualTypeOf<
    (consumer: Consumer, encryption: Encryption, options?: DecryptOptions) => Consumer
  >()
  expectTypeOf(encryptKafka).toEqualTypeOf<(kafka: Kafka, encryption: Encryption) => Kafka>()
})

it('an application that uses every member of KafkaJS behaves the same with wrapped clients as with plain ones', async () => {
  await groupsReady()
  const [open, sealed] = [await fixture('law1.plain'), await fixture('law1.sealed')]
  const plain = await runApplication(open.kafka, open.topic, CANARY)
  const wrapped = await runApplication(encryptKafka(sealed.kafka, sealed.encryption), sealed.topic, CANARY)
  expect(wrapped.values).toEqual(plain.values)
  expect(wrapped.values).toEqual(
    Array.from({ length: 2 }, () => ['send', 'sendBatch', 'transaction', 'sendBatch'])
      .flat()
      .map((how) => `${CANARY} ${how}`),
  )
  expect(wrapped.metadata.map(({ topicName: _, ...rest }) => rest)).toEqual(
    plain.metadata.map(({ topicName: _, ...rest }) => rest),
  )
  for (const members of [EACH_BATCH, EACH_MESSAGE]) {
    expect([...wrapped.payloads]).toEqual(expect.arrayContaining([...members]))
  }
  expect(wrapped.payloads).toEqual(plain.payloads)
  expect(wrapped.producerEvents).toEqual(plain.producerEvents)
  for (const name of [
    'CONNECT',
    'GROUP_JOIN',
    'FETCH',
    'END_BATCH_PROCESS',
    'COMMIT_OFFSETS',
    'STOP',
  ] as const) {
    expect(wrapped.consumerEvents).toContain(name)
  }
  await Promise.all([open.end(), sealed.end()])
})

it('no member of the declared types is missing at runtime', async () => {
  const made = await fixture('law1.declared')
  const kafka = encryptKafka(made.kafka, made.encryption)
  const producer = kafka.producer({ transactionalId: made.topic, idempotent: true, maxInFlightRequests: 1 })
  expect(Object.keys(producer)).toEqual(expect.arrayContaining([...PRODUCER]))
  expect(Object.keys(kafka.consumer({ groupId: 'g' }))).toEqual(expect.arrayContaining([...CONSUMER]))
  await producer.connect()
  const transaction = await producer.transaction()
  expect(Object.keys(transaction)).toEqual(expect.arrayContaining([...TRANSACTION]))
  await transaction.abort()
  await producer.disconnect()
  await made.end()
})
