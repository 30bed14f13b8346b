import { context, propagation, trace } from '@opentelemetry/api'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { DataPointType, MeterProvider, type Histogram, type MetricData } from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node'
import { emitted } from './emissions.js'

type Labels = Readonly<Record<string, string>>

/** An instrument that measured something, and the attributes of each point. */
export interface Measured {
  readonly name: string
  readonly kind: 'counter' | 'upDownCounter' | 'histogram' | 'gauge'
  readonly unit: string
  readonly attributes: readonly Labels[]
}

/** The real SDK, in memory. Its exports are recorded for the after-all tests. */
export interface Telemetry {
  readonly meterProvider: MeterProvider
  readonly tracerProvider: NodeTracerProvider
  /** The sum of all points with these attributes, or the count of a histogram; undefined if there is none. */
  value(name: string, labels?: Labels): Promise<number | undefined>
  measured(): Promise<Measured[]>
  /** The text that Prometheus would get. */
  exposition(): Promise<string>
  /** Spans that ended, in that order. */
  spans(): readonly ReadableSpan[]
  end(): Promise<void>
}

/** Also makes it the global one for traces, so that contexts flow. */
export function telemetry(): Telemetry {
  const reader = new PrometheusExporter({ preventServerStart: true })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  tracerProvider.register()
  const exposition = async (): Promise<string> => {
    const { resourceMetrics } = await reader.collect()
    const text = new PrometheusSerializer().serialize(resourceMetrics)
    emitted('event', text)
    return text
  }
  return {
    meterProvider,
    tracerProvider,
    exposition,
    async value(name, labels = {}) {
      const { resourceMetrics } = await reader.collect()
      const points = resourceMetrics.scopeMetrics
        .flatMap(({ metrics }) => metrics)
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap((metric) => metric.dataPoints as { attributes: Labels; value: number | Histogram }[])
        .filter(({ attributes }) => Object.entries(labels).every(([key, value]) => attributes[key] === value))
      if (points.length === 0) return undefined
      return points.reduce((sum, { value }) => sum + (typeof value === 'number' ? value : value.count), 0)
    },
    async measured() {
      const { resourceMetrics } = await reader.collect()
      return resourceMetrics.scopeMetrics
        .flatMap(({ metrics }) => metrics)
        .map((metric) => ({
          name: metric.descriptor.name,
          kind: kindOf(metric),
          unit: metric.descriptor.unit,
          attributes: metric.dataPoints.map(({ attributes }) => attributes as Labels),
        }))
    },
    spans: () => exporter.getFinishedSpans(),
    async end() {
      await exposition()
      for (const { name, attributes, status, events, links } of exporter.getFinishedSpans()) {
        emitted('event', { name, attributes, status, events, links })
      }
      await Promise.all([meterProvider.shutdown(), tracerProvider.shutdown()])
      for (const api of [trace, context, propagation]) api.disable()
    },
  }
}

function kindOf(metric: MetricData): Measured['kind'] {
  if (metric.dataPointType === DataPointType.SUM) return metric.isMonotonic ? 'counter' : 'upDownCounter'
  return metric.dataPointType === DataPointType.GAUGE ? 'gauge' : 'histogram'
}
