import { configError } from '../../errors.js'

/** The client that a function wraps, and how to recognise it. */
export interface Expected {
  /** For example `the producer of a client`. */
  readonly what: string
  readonly methods: readonly string[]
}

/**
 * @param call for example `encryptProducer(producer, …)`
 * @throws EnvelopeError CONFIG_INVALID if the value to wrap is not what the client makes
 */
export function checkGiven(given: unknown, { what, methods }: Expected, call: string): void {
  const members = (given ?? {}) as Readonly<Record<string, unknown>>
  if (methods.every((name) => typeof members[name] === 'function')) return
  const got = given === null ? 'null' : typeof given
  throw configError([{ path: call, message: `expected ${what}, got ${got}` }])
}
