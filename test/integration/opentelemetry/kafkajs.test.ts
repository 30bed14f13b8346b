import { createRequire } from 'node:module'
import { SpanKind, trace } from '@opentelemetry/api'
import { KafkaJsInstrumentation } from '@opentelemetry/instrumentation-kafkajs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import type { Consumer, Kafka, KafkaMessage, Producer, ProducerConfig, Sender } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { instrument } from '../../../src/opentelemetry/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { telemetry, type Telemetry } from '../../support/telemetry.js'
import { until } from '../support/pair.js'
import { decryptConsumer, encryptKafka, encryptProducer } from '../../../src/clients/kafkajs/index.js'

let instrumentation: KafkaJsInstrumentation
let seen: Telemetry

beforeAll(() => {
  seen = telemetry()
  instrumentation = new KafkaJsInstrumentation()
  instrumentation.setTracerProvider(seen.tracerProvider)
  // It patches what is required from now on; the class is the same for all who imported it before.
  createRequire(import.meta.url)('kafkajs')
})
afterAll(async () => {
  instrumentation.disable()
  await seen.end()
})

interface Clients {
  readonly producer: Producer
  readonly consumer: Consumer
}

/** How an application gets its clients: plain, or wrapped in either of two ways. */
interface Way {
  readonly name: string
  readonly clients: (
    kafka: Kafka,
    topic: string,
    config: ProducerConfig,
  ) => Promise<Clients & { end(): Promise<void> }>
}

async function wrapped(topic: string) {
  const { encryption } = await memoryEncryption([
    {
      name: 'orders',
      match: [topic],
      encrypt: { cmk: 'main', bindHeaders: ['type'] },
      decrypt: { cmk: 'main', require: { bindHeaders: ['type'] } },
    },
  ])
  const stop = instrument(encryption)
  return {
    encryption,
    end: async () => {
      stop()
      await encryption.close()
    },
  }
}

const group = (topic: string) => ({ groupId: `group.${topic}`, maxWaitTimeInMs: 50 })

const PLAIN: Way = {
  name: 'plain',
  clients: (kafka, topic, config) =>
    Promise.resolve({
      producer: kafka.producer(config),
      consumer: kafka.consumer(group(topic)),
      end: () => Promise.resolve(),
    }),
}
const WRAPPED: Way[] = [
  {
    name: 'wrapped one by one',
    clients: async (kafka, topic, config) => {
      const { encryption, end } = await wrapped(topic)
      return {
        producer: encryptProducer(kafka.producer(config), encryption),
        consumer: decryptConsumer(kafka.consumer(group(topic)), encryption),
        end,
      }
    },
  },
  {
    name: 'made by a wrapped client',
    clients: async (inner, topic, config) => {
      const { encryption, end } = await wrapped(topic)
      const kafka = encryptKafka(inner, encryption)
      return { producer: kafka.producer(config), consumer: kafka.consumer(group(topic)), end }
    },
  },
]

interface Traced {
  readonly message: KafkaMessage
  /** The span that was active in the handler. */
  readonly active: string | undefined
}

/** Sends two records within a span, handles each, and returns the records and spans. */
async function run({ clients }: Way, how: 'eachMessage' | 'eachBatch', transaction = false) {
  const topic = await newTopic('traced')
  const config = transaction ? { transactionalId: topic, idempotent: true, maxInFlightRequests: 1 } : {}
  const { producer, consumer, end } = await clients(testKafka(), topic, config)
  const before = seen.spans().length
  const messages = [
    { key: 'a', value: `${CANARY} 1`, headers: { type: 'created' } },
    { key: 'b', value: `${CANARY} 2`, headers: { type: 'changed' } },
  ]
  const atCall = structuredClone(messages)
  const received: Traced[] = []
  const note = (message: KafkaMessage): void => {
    received.push({ message, active: trace.getActiveSpan()?.spanContext().spanId })
  }
  await Promise.all([producer.connect(), consumer.connect()])
  await consumer.subscribe({ topic, fromBeginning: true })
  const application = trace.getTracer('application').startActiveSpan('order', async (span) => {
    const sent = async (sender: Sender): Promise<unknown> => sender.send({ topic, messages })
    if (transaction) {
      const transaction = await producer.transaction()
      await sent(transaction)
      await transaction.commit()
    } else await sent(producer)
    span.end()
    return span.spanContext().spanId
  })
  const order = await application
  await consumer.run(
    how === 'eachMessage'
      ? {
          eachMessage: ({ message }) => {
            note(message)
            return Promise.resolve()
          },
        }
      : {
          eachBatch: ({ batch }) => {
            batch.messages.forEach(note)
            return Promise.resolve()
          },
        },
  )
  await until('both records', () => received.length === 2)
  await Promise.all([producer.disconnect(), consumer.disconnect()])
  await end()
  const spans = seen.spans().slice(before)
  const named = (name: string): ReadableSpan[] => spans.filter((span) => span.name === name)
  return { topic, order, messages, atCall, received, spans, named }
}

type Run = Awaited<ReturnType<typeof run>>
const ids = (spans: readonly ReadableSpan[]): string[] => spans.map((span) => span.spanContext().spanId)
const parents = (spans: readonly ReadableSpan[]): (string | undefined)[] =>
  spans.map(({ parentSpanContext }) => parentSpanContext?.spanId)

/** The spans that the tracer of KafkaJS makes in a run: names, kinds and links. */
function shape({ topic, order, spans }: Run): string[] {
  const byId = new Map(spans.map((span) => [span.spanContext().spanId, span]))
  const nameOf = (id: string | undefined): string =>
    id === undefined ? 'nobody' : id === order ? 'order' : (byId.get(id)?.name ?? 'a stranger')
  return spans
    .filter(({ instrumentationScope }) => instrumentationScope.name.endsWith('instrumentation-kafkajs'))
    .map(({ name, kind, parentSpanContext, links }) => {
      const linked = links.map(({ context }) => nameOf(context.spanId)).join()
      return `${name} (${SpanKind[kind]}) in ${nameOf(parentSpanContext?.spanId)}, linked to [${linked}]`.replaceAll(
        topic,
        'TOPIC',
      )
    })
    .sort()
}

it.each(['eachMessage', 'eachBatch'] as const)(
  'spans of the tracer of KafkaJS are those of plain clients, and its headers arrive (%s)',
  async (how) => {
    const plain = await run(PLAIN, how)
    expect(shape(plain)).toHaveLength(how === 'eachMessage' ? 4 : 5)
    expect(shape(plain).join('\n')).not.toContain('stranger')
    for (const way of WRAPPED) {
      const made = await run(way, how)
      expect(shape(made), way.name).toEqual(shape(plain))
      const sent = ids(made.named(`send ${made.topic}`))
      for (const [i, { message, active }] of made.received.entries()) {
        expect(message.value?.toString()).toBe(`${CANARY} ${String(i + 1)}`)
        // The tracer adds headers after sealing, so a bound header still verifies.
        expect(message.headers?.['type']?.toString()).toBe(i === 0 ? 'created' : 'changed')
        expect(message.headers?.['traceparent']?.toString()).toMatch(
          new RegExp(`^00-[0-9a-f]{32}-${sent[i] ?? ''}-01$`),
        )
        expect(ids(made.spans)).toContain(active)
      }
    }
  },
)

it('calls to the KMS are in the trace: for sealing within the span of the application, for opening within that of the consumer', async () => {
  const [way] = WRAPPED as [Way]
  const made = await run(way, 'eachMessage')
  const [generate, ...more] = made.named('generate memory')
  const [unwrap, ...others] = made.named('unwrap memory')
  expect([...more, ...others]).toEqual([])
  expect(parents([generate as ReadableSpan])).toEqual([made.order])
  expect(parents([unwrap as ReadableSpan])).toEqual(ids(made.named(`process ${made.topic}`)).slice(0, 1))
  // One trace from the application through the broker to the consumer.
  expect(new Set(made.spans.map((span) => span.spanContext().traceId)).size).toBe(1)
})

it('messages of the caller are not changed, although the tracer changes those of plain clients', async () => {
  const plain = await run(PLAIN, 'eachMessage')
  expect(plain.messages[0]?.headers).toHaveProperty('traceparent')
  for (const way of WRAPPED) {
    const made = await run(way, 'eachMessage')
    expect(made.messages, way.name).toEqual(made.atCall)
  }
})

it('sends in a transaction are traced as those of plain clients', async () => {
  const plain = await run(PLAIN, 'eachMessage', true)
  expect(shape(plain)).toEqual([
    'process TOPIC (CONSUMER) in send TOPIC, linked to []',
    'process TOPIC (CONSUMER) in send TOPIC, linked to []',
    'send TOPIC (PRODUCER) in transaction, linked to []',
    'send TOPIC (PRODUCER) in transaction, linked to []',
    'transaction (INTERNAL) in order, linked to []',
  ])
  for (const way of WRAPPED)
    expect(shape(await run(way, 'eachMessage', true)), way.name).toEqual(shape(plain))
})
