// Metrics for Prometheus, and a span around each call to a KMS.
import { metrics } from '@opentelemetry/api'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { ConsoleSpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { Kafka } from 'kafkajs'
import { createEncryption } from 'kafka-envelope'
import { encryptProducer } from 'kafka-envelope/kafkajs'
import { localKms } from 'kafka-envelope/kms/local'
import { instrument } from 'kafka-envelope/opentelemetry'

// The SDK starts first, as usual.
const port = Number(process.env.METRICS_PORT ?? 9464)
const meterProvider = new MeterProvider({ readers: [new PrometheusExporter({ port })] })
metrics.setGlobalMeterProvider(meterProvider)
const spanProcessors = [new SimpleSpanProcessor(new ConsoleSpanExporter())]
const tracerProvider = new NodeTracerProvider({ spanProcessors })
tracerProvider.register()

const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: './dev.keyring' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: ['otel.orders'], encrypt: { cmk: 'orders' } }],
})
const stopInstrumenting = instrument(encryption)

const kafka = new Kafka({ brokers: [process.env.KAFKA_BROKERS ?? 'localhost:9092'] })
const admin = kafka.admin()
const producer = encryptProducer(kafka.producer(), encryption)
await Promise.all([admin.connect(), producer.connect()])
await admin.createTopics({ topics: [{ topic: 'otel.orders' }] })
await producer.send({ topic: 'otel.orders', messages: [{ value: 'a' }, { value: 'b' }] })

// The metrics that Prometheus would scrape.
const scraped = await fetch(`http://localhost:${String(port)}/metrics`)
for (const line of (await scraped.text()).split('\n')) {
  if (line.startsWith('kafka_envelope_sealed_')) console.log(line)
}

await Promise.all([admin.disconnect(), producer.disconnect()])
stopInstrumenting()
await encryption.close()
await Promise.all([meterProvider.shutdown(), tracerProvider.shutdown()])
