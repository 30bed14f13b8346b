/** What writes headers of certain names, by how these names begin. */
const FRAMEWORKS: readonly (readonly [RegExp, string])[] = [
  [/^(__TypeId__|__ContentTypeId__|__KeyTypeId__|spring_)/, 'Spring for Apache Kafka'],
  [/^(traceparent|tracestate|baggage)$/, 'OpenTelemetry or another W3C tracer'],
  [/^(b3|X-B3-.*)$/i, 'Zipkin or Brave'],
  [/^x-datadog-/i, 'Datadog'],
  [/^uber-trace-id$/i, 'Jaeger'],
  [/^elasticapm/i, 'Elastic APM'],
  [/^newrelic$/i, 'New Relic'],
  [/^ce_/, 'CloudEvents'],
  [/^__debezium\./, 'Debezium'],
  [/^(__connect\.|connect\.)/, 'Kafka Connect'],
  [/^NServiceBus\./, 'NServiceBus'],
  [/^MT-/, 'MassTransit'],
  [/^rbs2-/, 'Rebus'],
]

/** Anyone can write any header: a hint, no proof. */
export function frameworksOf(headers: readonly string[]): string[] {
  return FRAMEWORKS.filter(([pattern]) => headers.some((name) => pattern.test(name))).map(([, name]) => name)
}
