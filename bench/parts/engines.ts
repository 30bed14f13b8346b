import { createRequire } from 'node:module'
import { createEncryption, type Encryption, type EncryptionConfig } from '../../src/index.js'

export type EngineName = 'node' | 'native'

/** In a process that measures one engine alone: its name. */
export const ALONE = 'KAFKA_ENVELOPE_BENCH_ENGINE'

/** The engines that are compared; each is a column. The names are the values of `KAFKA_ENVELOPE_ENGINE`. */
export const ENGINES: readonly [EngineName, ...EngineName[]] = alone() ?? ['node', ...native()]

function alone(): [EngineName] | undefined {
  const name = process.env[ALONE]
  if (name === undefined || name === 'node' || name === 'native') return name && [name]
  throw new Error(`${ALONE} is "${name}", not node or native`)
}

/** Nothing where it is not built: its floors are then not judged. */
function native(): EngineName[] {
  try {
    createRequire(import.meta.url)('kafka-envelope-native')
    return ['native']
  } catch {
    return []
  }
}

/** An encryption, and the engine that it runs on. */
export interface OnEngine {
  readonly engine: EngineName
  readonly encryption: Encryption
}

/** `createEncryption`, once for each engine. */
export async function onEachEngine(config: EncryptionConfig): Promise<[OnEngine, ...OnEngine[]]> {
  const [first, ...others] = ENGINES
  const made: [OnEngine, ...OnEngine[]] = [await onEngine(first, config)]
  for (const engine of others) made.push(await onEngine(engine, config))
  return made
}

/** `createEncryption` on an engine. */
export async function onEngine(engine: EngineName, config: EncryptionConfig): Promise<OnEngine> {
  process.env['KAFKA_ENVELOPE_ENGINE'] = engine
  try {
    return { engine, encryption: await createEncryption(config) }
  } finally {
    delete process.env['KAFKA_ENVELOPE_ENGINE']
  }
}

export async function closeAll(encryptions: readonly OnEngine[]): Promise<void> {
  await Promise.all(encryptions.map(({ encryption }) => encryption.close()))
}
