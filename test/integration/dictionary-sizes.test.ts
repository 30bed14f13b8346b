import { CompressionTypes, type Producer } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { emulatedCmk, type EmulatedCmk } from '../../bench/parts/emulator.js'
import { sampleValues } from '../../bench/parts/samples/samples.js'
import { logSize } from '../../scripts/broker/log-size.js'
import { BATCHES, compareSizes } from '../../src/cli/dictionary/sizes.js'
import { trainDictionary } from '../../src/cli/dictionary/train.js'
import { encryptProducer } from '../../src/clients/kafkajs/index.js'
import { createEncryption, type TopicRule } from '../../src/index.js'
import { newTopic, removeTopics, testKafka } from '../support/broker.js'

const RECORDS = 200
/** KafkaJS gives each record its own time, which the estimate leaves out. */
const TOLERANCE = 0.02

let emulated: EmulatedCmk
beforeAll(async () => {
  emulated = await emulatedCmk()
})
afterAll(() => emulated.close())

it.each(['order', 'smallEvent'] as const)(
  'the sizes that kafka-envelope dictionary prints for %s are those of real batches on a broker',
  async (kind) => {
    const samples = sampleValues(kind, RECORDS, 1)
    const dictionary = trainDictionary(sampleValues(kind, 400, 2), 10)?.bytes ?? Buffer.alloc(0)
    const estimates = await compareSizes(samples, dictionary)
    expect(estimates.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['none', 'gzip', 'dictionary', 'not encrypted']),
    )
    for (const { name, sealed } of estimates) {
      const real = await onBroker(name, samples, dictionary)
      for (const [i, bytes] of real.entries()) {
        const estimate = sealed[i] ?? 0
        expect(Math.abs(estimate / bytes - 1), `${name}, batch of ${String(BATCHES[i])}`).toBeLessThan(
          TOLERANCE,
        )
      }
    }
  },
  120_000,
)

/** Bytes a record, for each size of a batch. */
async function onBroker(name: string, samples: readonly Buffer[], dictionary: Buffer): Promise<number[]> {
  // As long as the name of the topic in the estimate.
  const topic = await newTopic('sizes')
  const encryption = await createEncryption({
    kms: { tencent: emulated.newKms() },
    cmks: { main: [{ kms: 'tencent', id: emulated.id }] },
    dictionaries: { tried: { base64: dictionary.toString('base64') } },
    topics: [ruleFor(name, topic)],
  })
  const producer = encryptProducer(testKafka().producer(), encryption)
  const admin = testKafka().admin()
  await Promise.all([producer.connect(), admin.connect()])
  const sizes: number[] = []
  for (const size of BATCHES) {
    const before = await logSize(admin, topic)
    await sendInBatches(producer, topic, samples, size)
    sizes.push(((await logSize(admin, topic)) - before) / samples.length)
  }
  await Promise.all([producer.disconnect(), admin.disconnect()])
  await encryption.close()
  await removeTopics([topic])
  return sizes
}

function ruleFor(name: string, topic: string): TopicRule<'main', 'tried'> {
  if (name === 'not encrypted') return { match: [topic], passthrough: true }
  const compression =
    name === 'dictionary' ? { dictionary: 'tried' as const } : (name as 'none' | 'gzip' | 'zstd')
  return { match: [topic], encrypt: { cmk: 'main', compression } }
}

async function sendInBatches(
  producer: Producer,
  topic: string,
  samples: readonly Buffer[],
  size: number,
): Promise<void> {
  for (let at = 0; at < samples.length; at += size) {
    const messages = samples.slice(at, at + size).map((value) => ({ value }))
    await producer.send({ topic, messages, compression: CompressionTypes.GZIP })
  }
}
