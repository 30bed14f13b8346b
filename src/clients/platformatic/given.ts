import { configError, type EnvelopeError } from '../../errors.js'

const EXPECTED = { producer: ['send', 'asStream'], consumer: ['consume', 'on'] } as const
/** The client keeps its options under a symbol with this description (1.35 and 2.12). */
const OPTIONS = 'plt.kafka.base.options'
/** They would run on ciphertext, or see plaintext that must not leave. */
const HOOKS = ['registry', 'beforeSerialization', 'beforeDeserialization'] as const
const SERDES = { producer: 'serializers', consumer: 'deserializers' } as const

/** The options that a client was created with. */
export type ClientOptions = Readonly<Record<string, unknown>>

/**
 * The options of a client that is to send or read bytes. It must have neither serializers nor hooks of its own: they
 * cannot be turned off.
 *
 * @param path the argument, as in an error
 * @throws EnvelopeError CONFIG_INVALID if it is not a client of `@platformatic/kafka`, or has such options
 */
export function optionsOf(given: unknown, kind: keyof typeof EXPECTED, path: string): ClientOptions {
  const methods = (given ?? {}) as Readonly<Record<PropertyKey, unknown>>
  const symbol = Object.getOwnPropertySymbols(methods).find(({ description }) => description === OPTIONS)
  const options = symbol && methods[symbol]
  if (!EXPECTED[kind].every((name) => typeof methods[name] === 'function') || !isObject(options))
    throw wrong(
      path,
      `expected a ${kind} of @platformatic/kafka 1.35 or 2.x, got ${given === null ? 'null' : typeof given}`,
    )
  refuseHooks(options, path)
  const serdes = SERDES[kind]
  const own: unknown = options[serdes]
  if (isObject(own) && Object.values(own).some((one) => one !== undefined))
    throw wrong(
      path,
      `this ${kind} has ${serdes} of its own, which would run on ciphertext; create it without, and pass them to the wrapper: { ${serdes} }`,
    )
  return options
}

/** @throws EnvelopeError CONFIG_INVALID if options have one of the experimental hooks of the client */
export function refuseHooks(options: ClientOptions, path: string, names: readonly string[] = HOOKS): void {
  for (const name of names)
    if (options[name] !== undefined)
      throw wrong(path, `${name} is not supported: it would run on ciphertext; remove it`)
}

function wrong(path: string, message: string): EnvelopeError {
  return configError([{ path, message }])
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
