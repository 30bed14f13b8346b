import { configError } from '../errors.js'
import { nodeEngine, type Engine } from './engine.js'
import { nativeEngine, type NativeAddon } from './native-engine.js'

const VARIABLE = 'KAFKA_ENVELOPE_ENGINE'
const INTERFACE = 3

/** Imports the optional package, inside a `try`, which tells bundlers that it may be missing. */
async function importAddon(): Promise<unknown> {
  try {
    return await import('kafka-envelope-native')
  } catch (cause) {
    throw new Error('kafka-envelope-native cannot be loaded', { cause })
  }
}

/**
 * The native engine if `kafka-envelope-native` is installed, else the one on `node:crypto`.
 *
 * @param wanted `node`, or `native` to accept no other: the environment variable `KAFKA_ENVELOPE_ENGINE`
 * @throws EnvelopeError CONFIG_INVALID if the native engine is wanted and cannot be used, or `wanted` is another name
 */
export async function chooseEngine(
  wanted: string | undefined = process.env[VARIABLE],
  load: () => Promise<unknown> = importAddon,
): Promise<Engine> {
  if (wanted === 'node') return nodeEngine
  if (wanted !== undefined && wanted !== '' && wanted !== 'native')
    throw invalid(`expected "node" or "native", got ${JSON.stringify(wanted)}`)
  try {
    return nativeEngine(addonIn(await load()))
  } catch (error) {
    const reason = reasonOf(error)
    if (wanted === 'native') throw invalid(`the native engine cannot be used: ${reason}`)
    if (reason !== MISSING)
      process.emitWarning(
        `the native engine cannot be used (${reason}), so the one on node:crypto is`,
        'KafkaEnvelopeWarning',
      )
    return nodeEngine
  }
}

const MISSING = 'kafka-envelope-native is not installed'

/** @throws Error if this release cannot use the package */
function addonIn(module: unknown): NativeAddon {
  // The package is CommonJS: `default` has everything.
  const addon = ((module as { readonly default?: unknown }).default ?? module) as NativeAddon
  if (addon.interfaceVersion !== INTERFACE)
    throw new Error(
      `kafka-envelope-native has interface ${String(addon.interfaceVersion)}, not ${String(INTERFACE)}`,
    )
  return addon
}

/** Not by `instanceof`: under Jest, the errors of Node.js are of another realm. */
function reasonOf(error: unknown): string {
  const [outer, inner, innermost] = chainOf(error)
  if (inner === undefined) return outer?.message ?? 'unknown'
  // The path of a file in the package would mean that it is installed, and broken.
  const isMissing =
    (inner.code === 'ERR_MODULE_NOT_FOUND' || inner.code === 'MODULE_NOT_FOUND') &&
    inner.message.includes("'kafka-envelope-native'")
  if (isMissing) return MISSING
  return innermost === undefined ? inner.message : `${inner.message}: ${innermost.message}`
}

interface Thrown {
  readonly message: string
  readonly code?: unknown
  readonly cause?: unknown
}

/** An error and its causes. */
function chainOf(error: unknown): Thrown[] {
  const { message, cause } = (error ?? {}) as Partial<Thrown>
  return typeof message === 'string' ? [error as Thrown, ...chainOf(cause)] : []
}

function invalid(message: string): Error {
  return configError([{ path: VARIABLE, message }], { subject: 'the environment' })
}
