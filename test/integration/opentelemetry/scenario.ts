import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MeterProvider } from '@opentelemetry/api'
import { openAuditLog } from '../../../src/audit/index.js'
import { systemClock } from '../../../src/clock.js'
import type { DekStore } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { instrument } from '../../../src/opentelemetry/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import type { Telemetry } from '../../support/telemetry.js'
import { until } from '../support/pair.js'
import { sealRecords } from '../../../src/record/index.js'
import { decryptConsumer, encryptProducer } from '../../../src/clients/kafkajs/index.js'

const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')
const refuses = (): Promise<never> => Promise.reject(new Error('refused'))
const brokenStore: DekStore = { load: refuses, save: refuses, remove: refuses }

/** Names of the instruments that are created, whether they measure anything or not. */
function recording(inner: MeterProvider): { meterProvider: MeterProvider; created: string[] } {
  const created: string[] = []
  const getMeter: MeterProvider['getMeter'] = (...scope) =>
    new Proxy(inner.getMeter(...scope), {
      get(meter, member, receiver) {
        const method = Reflect.get(meter, member, receiver) as (...args: unknown[]) => unknown
        return (...args: unknown[]) => {
          if (String(member).startsWith('create')) created.push(args[0] as string)
          return method.apply(meter, args)
        }
      },
    })
  return { meterProvider: { getMeter }, created }
}

/**
 * Everything that there is an instrument for, on a real broker: plaintext of a migration, envelopes that pass, sends
 * that are split and that wait in vain, a grace, a store that fails, an audit log whose file is deleted, records that are
 * skipped, one of them by an override, a consumer that waits for the KMS, and one that stops permanently.
 */
export async function everything(seen: Telemetry): Promise<{ created: string[]; topics: string[] }> {
  const [orders, payments] = [await newTopic('all.orders'), await newTopic('all.payments')]
  const { encryption, kms, events } = await memoryEncryption(
    [
      {
        name: 'orders',
        match: [orders],
        encrypt: {
          cmk: 'main',
          rotate: { maxMessages: 10, allowFrequentRotation: true, grace: '1h' },
          maxBatchBytes: '64KiB',
          passSealed: true,
        },
        decrypt: {
          cmk: 'main',
          onInvalid: 'skip',
          plaintext: { untilOffsets: { [orders]: { 0: '1' } } },
        },
      },
      { name: 'payments', match: [payments], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } },
    ],
    {
      dekStore: brokenStore,
      // The last of seven records, which is not sealed.
      overrides: [
        {
          ...{ topic: orders, partition: 0, offset: '6', code: 'NOT_SEALED', action: 'skip' },
          ...{ until: new Date(systemClock.wallMs() + 3_600_000).toISOString(), by: 'ops', why: 'INC-42' },
        },
      ],
    },
  )
  const { meterProvider, created } = recording(seen.meterProvider)
  const end = instrument(encryption, { meterProvider })
  const folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-test-'))
  const audit = await openAuditLog(encryption, { file: join(folder, 'audit.jsonl') })
  await rm(join(folder, 'audit.jsonl'))
  const kafka = testKafka({ retry: { initialRetryTime: 50, maxRetryTime: 300 } })
  const producer = encryptProducer(kafka.producer(), encryption)
  const plain = kafka.producer()
  const consumers = [orders, payments].map((topic) => ({
    topic,
    consumer: decryptConsumer(kafka.consumer({ groupId: `group.${topic}`, maxWaitTimeInMs: 50 }), encryption),
  }))
  const happened = (name: (typeof events)[number]['name']): Promise<void> =>
    until(name, () => events.some((event) => event.name === name))

  await Promise.all([producer, plain, ...consumers.map(({ consumer }) => consumer)].map((c) => c.connect()))
  await plain.send({ topic: orders, messages: [{ value: CANARY }] })
  const big = `${CANARY} `.padEnd(30_000)
  await producer.send({
    topic: orders,
    messages: Array.from({ length: 4 }, () => ({ key: 'key-of-a-record', value: big })),
  })
  const [sealed] = await sealRecords(encryption, [{ topic: orders, value: CANARY }])
  await producer.send({ topic: orders, messages: [{ value: sealed?.value ?? null }] })
  for (const topic of [orders, payments])
    await plain.send({ topic, messages: [{ key: 'plain', value: CANARY }] })

  kms.failure = away
  await producer.send({ topic: orders, messages: Array.from({ length: 10 }, () => ({ value: CANARY })) })
  await happened('dek.grace')
  await producer.send({ topic: payments, messages: [{ value: CANARY }] }).catch(() => undefined)
  for (const { topic, consumer } of consumers) {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage: () => Promise.resolve() })
  }
  await happened('consumer.waiting')
  await seen.exposition()
  kms.failure = undefined
  await happened('batch.opened')
  await happened('plaintext.delivered')
  await happened('record.rejected')
  await happened('consumer.stopped')
  await until('a record that was skipped', () =>
    events.some((event) => event.name === 'record.rejected' && event.action === 'skip'),
  )
  encryption.evict('cmk')
  await producer.send({ topic: payments, messages: [{ value: CANARY }] })
  await seen.exposition()
  await Promise.all(
    [producer, plain, ...consumers.map(({ consumer }) => consumer)].map((c) => c.disconnect()),
  )
  await audit.close()
  await rm(folder, { recursive: true })
  end()
  await encryption.close()
  return { created, topics: [orders, payments] }
}
