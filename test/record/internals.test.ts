import type { Kafka, Producer } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import {
  decryptConsumer,
  encryptKafka,
  encryptionPartitioner,
  encryptProducer,
} from '../../src/clients/kafkajs/index.js'
import type { Encryption } from '../../src/index.js'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { thrownBy } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'

const producer = { send: () => undefined } as unknown as Producer
const consumer = { run: () => undefined, on: () => undefined }
const kafka = { producer: () => producer, consumer: () => consumer }

const calls: Record<string, (encryption: Encryption) => unknown> = {
  sealRecords: (encryption) => sealRecords(encryption, []),
  openRecords: (encryption) => openRecords(encryption, []),
  encryptProducer: (encryption) => encryptProducer(producer, encryption),
  decryptConsumer: (encryption) => decryptConsumer(consumer as never, encryption),
  encryptKafka: (encryption) => encryptKafka(kafka as unknown as Kafka, encryption),
  encryptionPartitioner: (encryption) => encryptionPartitioner(() => () => 0, encryption),
}

describe.each(Object.entries(calls))('%s', (name, call) => {
  it.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a text', 'encryption', 'a string'],
    ['a configuration', { kms: {} }, 'an object'],
    ['an encryption that was not awaited', Promise.resolve(), 'a Promise: await it'],
  ])('an entry point refuses %s in place of an encryption with CONFIG_INVALID', async (_, given, got) => {
    const error = await thrownBy(() => call(given as never))
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('mistake in the call') as string,
      issues: [
        {
          path: `${name}(…, encryption)`,
          message: `expected the object that createEncryption() resolves to, got ${got}`,
        },
      ],
    })
  })
})

it('an encryption that another version made is refused with CONFIG_INVALID, which names both versions', async () => {
  const other = Object.defineProperty({}, Symbol.for('kafka-envelope.internals'), {
    value: { version: '9.9.9', internals: {} },
  })
  await expect(sealRecords(other as Encryption, [])).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    issues: [{ message: 'created by kafka-envelope 9.9.9, but this is 0.1.0: install only one version' }],
  })
})

it('the internals of an encryption show neither in a copy of it nor among its members', async () => {
  const { encryption } = await memoryEncryption([{ match: ['t'], encrypt: { cmk: 'main' } }])
  expect(Reflect.ownKeys({ ...encryption }).filter((name) => typeof name === 'symbol')).toEqual([
    Symbol.asyncDispose,
  ])
  await expect(sealRecords({ ...encryption }, [])).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  await encryption.close()
})
