import { metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api'
import type { Encryption } from '../index.js'
import { VERSION } from '../version.js'
import { countEvents } from './events.js'
import { createInstruments } from './instruments.js'
import { readStates } from './states.js'
import { kmsTracer } from './kms-tracer.js'
import { Tally } from './tally.js'

export interface InstrumentOptions {
  /** Default: the global one. Metrics go nowhere if it is registered later. */
  readonly meterProvider?: MeterProvider
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider
}

const NAME = 'kafka-envelope'

/**
 * Records metrics of an encryption from now on, and a span around each of its calls to a KMS; docs/operations.md
 * describes all of them. Call it once per encryption, after the SDK has started. If several encryptions have a rule with
 * the same name, the times left are those of one of them.
 *
 * @returns a function that ends it: counts are then complete, and states are back at 0
 */
export function instrument(encryption: Encryption, options: InstrumentOptions = {}): () => void {
  const { meterProvider = metrics.getMeterProvider(), tracerProvider = trace.getTracerProvider() } = options
  const meter = meterProvider.getMeter(NAME, VERSION)
  const instruments = createInstruments(meter)
  const tallies = {
    'batch.sealed': new Tally(
      instruments['kafka_envelope.sealed.records'],
      instruments['kafka_envelope.sealed.bytes'],
    ),
    'batch.opened': new Tally(
      instruments['kafka_envelope.opened.records'],
      instruments['kafka_envelope.opened.bytes'],
    ),
    'sealed.passed': new Tally(instruments['kafka_envelope.passed.records']),
    'plaintext.delivered': new Tally(instruments['kafka_envelope.plaintext.records']),
  }
  const removers = [
    ...(Object.keys(tallies) as (keyof typeof tallies)[]).map((name) =>
      encryption.on(name, (batch) => {
        tallies[name].add(batch)
      }),
    ),
    ...countEvents(encryption, instruments),
    readStates(encryption, meter, instruments, Object.values(tallies)),
    encryption.trace(kmsTracer(tracerProvider.getTracer(NAME, VERSION))),
  ]
  return () => {
    for (const remove of removers.splice(0)) remove()
  }
}
