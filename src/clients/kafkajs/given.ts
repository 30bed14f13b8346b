import { configError } from '../../errors.js'

const EXPECTED = { producer: ['send'], consumer: ['run', 'on'], kafka: ['producer', 'consumer'] } as const

/** @throws EnvelopeError CONFIG_INVALID if the value to wrap is not a client of KafkaJS */
export function checkGiven(given: unknown, kind: keyof typeof EXPECTED, call: string): void {
  const methods = (given ?? {}) as Readonly<Record<string, unknown>>
  if (EXPECTED[kind].every((name) => typeof methods[name] === 'function')) return
  const expected = kind === 'kafka' ? "an instance of KafkaJS's Kafka class" : `a KafkaJS ${kind}`
  const got = given === null ? 'null' : typeof given
  throw configError([{ path: `${call}(${kind}, …)`, message: `expected ${expected}, got ${got}` }])
}
