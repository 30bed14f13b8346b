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
 * Metrics of what an owner does from now on, and a span around each of its calls to a KMS; all of them are described in
 * docs/operations.md. Call it once for each owner, after the SDK was started. Of rules with the same name in several
 * owners, times left are those of one.
 *
 * @returns what ends it: counts are complete then, and states back at 0
 */
export function instrument(encryption: Encryption, options: InstrumentOptions = {}): () => void {
  const { meterProvider = metrics.getMeterProvider(), tracerProvider = trace.getTracerProvider() } = options
  const meter = meterProvider.getMeter(NAME, VERSION)
  const instruments = createInstruments(meter)
  const sealed = new Tally(
    instruments['kafka_envelope.sealed.records'],
    instruments['kafka_envelope.sealed.bytes'],
  )
  const opened = new Tally(
    instruments['kafka_envelope.opened.records'],
    instruments['kafka_envelope.opened.bytes'],
  )
  const removers = [
    encryption.on('batch.sealed', (batch) => {
      sealed.add(batch)
    }),
    encryption.on('batch.opened', (batch) => {
      opened.add(batch)
    }),
    ...countEvents(encryption, instruments),
    readStates(encryption, meter, instruments, [sealed, opened]),
    encryption.trace(kmsTracer(tracerProvider.getTracer(NAME, VERSION))),
  ]
  return () => {
    for (const remove of removers.splice(0)) remove()
  }
}
