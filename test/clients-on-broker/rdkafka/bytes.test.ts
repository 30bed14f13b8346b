import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import { standingOn } from '../../integration/support/letters.js'
import { newTopic } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { CLIENTS, type RdkafkaClient } from './clients.js'

interface Given {
  readonly key?: Buffer | string | null
  readonly headers?: readonly Readonly<Record<string, Buffer | string>>[]
}

/** What comes of records that are sealed, produced, and read with KafkaJS: `ok`, or the code of the error. */
async function outcomes(client: RdkafkaClient, given: readonly Given[]): Promise<string[]> {
  const topic = await newTopic('raw.rdkafka')
  const { encryption } = await memoryEncryption([
    { match: [topic], encrypt: { cmk: 'main', bindHeaders: ['bound'] }, decrypt: { cmk: 'main' } },
  ])
  const { Producer } = client.load()
  const producer = new Producer({ 'metadata.broker.list': process.env['KAFKA_BROKERS'], 'linger.ms': 0 })
  await promisify(producer.connect.bind(producer))({})
  const records = given.map((record) => ({ ...record, topic, value: CANARY }))
  for (const { value, key, headers } of await sealRecords(encryption, records))
    producer.produce(topic, null, value, key, null, undefined, headers)
  await promisify(producer.flush.bind(producer))(20_000)
  await promisify(producer.disconnect.bind(producer))()
  const standing = await standingOn(topic)
  const opened = await openRecords(
    encryption,
    standing.map((message) => ({ ...message, topic })),
  )
  await encryption.close()
  return opened.map(({ error, value }) => error?.code ?? (String(value) === CANARY ? 'ok' : 'changed'))
}

for (const client of CLIENTS) {
  describe.skipIf(client.whyNot !== undefined)(client.suite, () => {
    it('a key of any text or bytes, an empty or no key, and a header of any text are sent as they were sealed', async () => {
      const given: Given[] = [
        {},
        { key: null },
        { key: '' },
        { key: 'schlüssel' },
        { key: Buffer.from([0, 255, 0, 128]) },
        { headers: [] },
        { headers: [{ bound: 'größe' }, { other: 'x' }] },
        { headers: [{ bound: 'a' }, { bound: Buffer.from('b') }] },
        { headers: [{ bound: '' }] },
      ]
      expect(await outcomes(client, given)).toEqual(given.map(() => 'ok'))
    })

    it(`a bound header whose bytes are no text ${client.keepsHeaderBytes ? 'opens' : 'does not open, because the client changes it'}`, async () => {
      expect(await outcomes(client, [{ headers: [{ bound: Buffer.from([0xc3, 0x28, 0]) }] }])).toEqual([
        client.keepsHeaderBytes ? 'ok' : 'AUTHENTICATION_FAILED',
      ])
    })

    it('an empty Buffer as key or bound header is not sent as such, so the record does not open', async () => {
      const given = [{ key: Buffer.alloc(0) }, { headers: [{ bound: Buffer.alloc(0) }] }]
      expect(await outcomes(client, given)).toEqual([
        'AUTHENTICATION_FAILED',
        client.keepsHeaderBytes ? 'AUTHENTICATION_FAILED' : 'ok',
      ])
    })

    it('a second header in one object is not sent, so a record that binds it does not open', async () => {
      expect(await outcomes(client, [{ headers: [{ other: 'x', bound: 'y' }] }])).toEqual([
        'AUTHENTICATION_FAILED',
      ])
    })
  })
}
