import type { DekStore, EncryptionConfig, Kms } from '../index.js'
import type { ConfigFile } from '../config/config.js'
import { readConfigFile } from './read-file.js'
import type { Environment } from './substitute.js'

/** The parts of a configuration that a file cannot contain. */
export interface LoadOptions {
  /** KMS clients by the names that the file uses. */
  readonly kms: Readonly<Record<string, Kms>>
  readonly dekStore?: DekStore
  /** Variables for `${NAME}` in the file. Default `process.env`. */
  readonly env?: Environment
}

/**
 * Reads a configuration for `createEncryption` from a file: YAML 1.2 or JSON in UTF-8, at most 256KiB, as
 * `schemas/config.schema.json` and docs/configuration.md describe it. Unknown members are errors.
 *
 * In texts, but not in the names of members, `${NAME}` is replaced by the environment variable NAME, which must be set
 * and not empty; `$${` is replaced by `${`.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes, each with its path, line and column
 */
export async function loadConfig(
  file: string,
  { kms, dekStore, env = process.env }: LoadOptions,
): Promise<EncryptionConfig> {
  const { value, dictionaries } = await readConfigFile(file, env, { kms, ...(dekStore && { dekStore }) })
  const { $schema: _, version: __, ...config } = value as ConfigFile
  return {
    ...config,
    ...(dictionaries.size > 0 && { dictionaries: Object.fromEntries(dictionaries) }),
    kms,
    ...(dekStore && { dekStore }),
  }
}
