import { createEncryption, type Encryption, type EncryptionConfig } from '../../src/index.js'

/** The engines that are compared; each is a column. The names are the values of `KAFKA_ENVELOPE_ENGINE`. */
export const ENGINES = ['node'] as const
export type EngineName = (typeof ENGINES)[number]

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

async function onEngine(engine: EngineName, config: EncryptionConfig): Promise<OnEngine> {
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
