import type {
  Counter,
  Histogram,
  Meter,
  MetricOptions,
  ObservableGauge,
  UpDownCounter,
} from '@opentelemetry/api'

interface Kinds {
  readonly counter: Counter
  readonly upDownCounter: UpDownCounter
  readonly histogram: Histogram
  readonly gauge: ObservableGauge
}

interface Row {
  readonly kind: keyof Kinds
  /** UCUM. */
  readonly unit: string
  readonly description: string
  /** Upper bounds of buckets; histograms only. */
  readonly buckets?: number[]
}

/** From the duration of a call within one zone up to the default `kmsTimeout` and `dekTimeout`. */
const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30]

/** Every instrument by its name. A test compares the table in docs/operations.md with it. */
const INSTRUMENTS = {
  'kafka_envelope.sealed.records': {
    kind: 'counter',
    unit: '{record}',
    description: 'Records sealed.',
  },
  'kafka_envelope.sealed.bytes': {
    kind: 'counter',
    unit: 'By',
    description: 'Bytes of values sealed, before compression.',
  },
  'kafka_envelope.opened.records': {
    kind: 'counter',
    unit: '{record}',
    description: 'Records opened.',
  },
  'kafka_envelope.opened.bytes': {
    kind: 'counter',
    unit: 'By',
    description: 'Bytes of values opened, after decompression.',
  },
  'kafka_envelope.passed.records': {
    kind: 'counter',
    unit: '{record}',
    description: 'Envelopes that were sent unchanged, because a rule has `passSealed`.',
  },
  'kafka_envelope.plaintext.records': {
    kind: 'counter',
    unit: '{record}',
    description: 'Plaintext records delivered, because a rule still allows them.',
  },
  'kafka_envelope.rejected.records': {
    kind: 'counter',
    unit: '{record}',
    description: 'Records that did not open, by the action taken.',
  },
  'kafka_envelope.override.count': {
    kind: 'upDownCounter',
    unit: '{override}',
    description: 'Overrides in the configuration, whether used or not, by whether they have ended.',
  },
  'kafka_envelope.override.records': {
    kind: 'counter',
    unit: '{record}',
    description: 'Records that did not open and that an override let pass.',
  },
  'kafka_envelope.cmk.rules': {
    kind: 'upDownCounter',
    unit: '{rule}',
    description: 'Rules that name a CMK, whether or not it was used yet.',
  },
  'kafka_envelope.dek.count': {
    kind: 'upDownCounter',
    unit: '{dek}',
    description: 'DEKs that this process holds.',
  },
  'kafka_envelope.dek.created': {
    kind: 'counter',
    unit: '{dek}',
    description: 'Sealing sessions opened, each under a DEK of its own.',
  },
  'kafka_envelope.dek.retired': {
    kind: 'counter',
    unit: '{dek}',
    description: 'DEKs that stopped sealing.',
  },
  'kafka_envelope.dek.destroyed': {
    kind: 'counter',
    unit: '{dek}',
    description: 'DEKs destroyed.',
  },
  'kafka_envelope.dek.time_to_rotation': {
    kind: 'gauge',
    unit: 's',
    description: 'Time until the current DEK ends by age. 0 if there is none, or during a grace.',
  },
  'kafka_envelope.dek.wait.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long sends waited for a DEK.',
    buckets: SECONDS,
  },
  'kafka_envelope.dek_store.failures': {
    kind: 'counter',
    unit: '{failure}',
    description: 'Failures of the DEK store; sealing continues without it.',
  },
  'kafka_envelope.grace.started': {
    kind: 'counter',
    unit: '{grace}',
    description: 'DEKs that went on past a limit because the KMS failed.',
  },
  'kafka_envelope.grace.records': {
    kind: 'counter',
    unit: '{record}',
    description: 'Records sealed past a limit, counted when the DEK retires.',
  },
  'kafka_envelope.grace.time_left': {
    kind: 'gauge',
    unit: 's',
    description: 'Time until a grace ends and sends fail. 0 if there is none.',
  },
  'kafka_envelope.kms.call.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Calls to a KMS, including retries and the wait for their turn.',
    buckets: SECONDS,
  },
  'kafka_envelope.key.lookups': {
    kind: 'counter',
    unit: '{lookup}',
    description: 'Look-ups of opening keys, one for each sealing session in a batch.',
  },
  'kafka_envelope.audit.failures': {
    kind: 'counter',
    unit: '{failure}',
    description: 'Attempts to write to an audit log that failed, and audit files that someone else changed.',
  },
  'kafka_envelope.send.splits': {
    kind: 'counter',
    unit: '{send}',
    description: 'Sends that were split because sealing made them too large.',
  },
  'kafka_envelope.process.start_time': {
    kind: 'gauge',
    unit: 's',
    description: 'When this process started, in seconds since the Unix epoch.',
  },
  'kafka_envelope.consumer.waits': {
    kind: 'counter',
    unit: '{wait}',
    description: 'Reports of partitions that wait for a KMS or a dead-letter topic.',
  },
  'kafka_envelope.consumer.waiting': {
    kind: 'upDownCounter',
    unit: '{record}',
    description: 'Records that currently hold up a consumer.',
  },
  'kafka_envelope.consumer.stopped': {
    kind: 'upDownCounter',
    unit: '{consumer}',
    description: 'Consumers that stopped permanently and were neither run again nor disconnected.',
  },
} as const satisfies Record<string, Row>

type Rows = typeof INSTRUMENTS
export type Instruments = { readonly [N in keyof Rows]: Kinds[Rows[N]['kind']] }

export function createInstruments(meter: Meter): Instruments {
  return Object.fromEntries(
    Object.entries<Row>(INSTRUMENTS).map(([name, row]) => [name, create(meter, name, row)]),
  ) as unknown as Instruments
}

function create(meter: Meter, name: string, { kind, unit, description, buckets }: Row): Kinds[keyof Kinds] {
  const options: MetricOptions = {
    unit,
    description,
    ...(buckets ? { advice: { explicitBucketBoundaries: buckets } } : {}),
  }
  switch (kind) {
    case 'counter':
      return meter.createCounter(name, options)
    case 'upDownCounter':
      return meter.createUpDownCounter(name, options)
    case 'histogram':
      return meter.createHistogram(name, options)
    case 'gauge':
      return meter.createObservableGauge(name, options)
  }
}
