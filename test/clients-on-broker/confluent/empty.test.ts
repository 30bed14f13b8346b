import { describe, expect, it } from 'vitest'
import type { ConfluentProducer } from '../../../src/clients/confluent/client.js'
import { encryptProducer } from '../../../src/clients/confluent/index.js'
import { openRecords } from '../../../src/record/index.js'
import { standingOn } from '../../integration/support/letters.js'
import { newTopic } from '../../support/broker.js'
import { loadConfluent, whyNoConfluent } from '../../support/confluent.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'

describe.skipIf(whyNoConfluent !== undefined)(
  `what is empty in a record${whyNoConfluent === undefined ? '' : `, ${whyNoConfluent}`}`,
  () => {
    it('an empty key and an empty bound header are sent as they were sealed, although the client alone sends null', async () => {
      const topic = await newTopic('raw.confluent.empty')
      const { encryption } = await memoryEncryption([
        { match: [topic], encrypt: { cmk: 'main', bindHeaders: ['bound'] }, decrypt: { cmk: 'main' } },
      ])
      const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',')
      const kafka = new (loadConfluent().KafkaJS.Kafka)({ kafkaJS: { brokers, logLevel: 0 } })
      const producer = encryptProducer(kafka.producer() as unknown as ConfluentProducer, encryption)
      const messages = [Buffer.alloc(0), ''].flatMap((empty) => [
        { key: empty, value: CANARY },
        { key: null, value: CANARY, headers: { bound: empty } },
      ])
      await producer.connect()
      await producer.send({ topic, messages })
      await producer.disconnect()
      const standing = await standingOn(topic)
      const opened = await openRecords(
        encryption,
        standing.map((message) => ({ ...message, topic })),
      )
      expect(opened.map(({ error, value }) => error?.code ?? String(value))).toEqual(
        messages.map(() => CANARY),
      )
      await encryption.close()
    })
  },
)
