import { configError } from '../errors.js'
import { nodeEngine, type Engine } from './engine.js'
import { nativeEngine, type NativeAddon } from './native-engine.js'

const VARIABLE = 'KAFKA_ENVELOPE_ENGINE'
const INTERFACE = 1

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
  const { cause, message } = error as {
    readonly cause?: { readonly code?: unknown; readonly message?: unknown }
  } & Error
  if (typeof cause?.message !== 'string') return message
  const isMissing =
    (cause.code === 'ERR_MODULE_NOT_FOUND' || cause.code === 'MODULE_NOT_FOUND') &&
    cause.message.includes('kafka-envelope-native')
  return isMissing ? MISSING : cause.message
}

function invalid(message: string): Error {
  return configError([{ path: VARIABLE, message }], { subject: 'the environment' })
}
