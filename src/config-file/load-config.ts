import type { DekStore, EncryptionConfig, Kms } from '../index.js'
import type { ConfigFile } from './config-file.js'
import { makeKmses } from './kms-section.js'
import { readConfigFile } from './read-file.js'
import type { Environment } from './substitute.js'

/** The parts of a configuration that code adds to a file. */
export interface LoadOptions {
  /**
   * KMS clients by the names that the file uses, for what a file cannot describe. A client replaces the KMS that the file
   * describes under the same name, which is then ignored: its variables need not be set. Default none.
   */
  readonly kms?: Readonly<Record<string, Kms>>
  readonly dekStore?: DekStore
  /** Variables for `${NAME}` in the file. Default `process.env`. */
  readonly env?: Environment
}

/**
 * Reads a configuration for `createEncryption` from a file: YAML 1.2 or JSON in UTF-8, at most 256KiB, as
 * `schemas/config.schema.json` and docs/configuration.md describe it. Unknown members are errors.
 *
 * The KMSs that the file describes under `kms` are made here. Only their providers are loaded; their files are relative to
 * the folder of the configuration file; nothing is contacted. The encryption closes them.
 *
 * In texts, but not in the names of members, `${NAME}` is replaced by the environment variable NAME, which must be set
 * and not empty; `$${` is replaced by `${`.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes, each with its path, line and column
 */
export async function loadConfig(
  file: string,
  { kms = {}, dekStore, env = process.env }: LoadOptions = {},
): Promise<EncryptionConfig> {
  const fromCode = { kms, ...(dekStore && { dekStore }) }
  const { value, dictionaries, kms: described } = await readConfigFile(file, env, { fromCode })
  const { $schema: _, version: __, ...config } = value as ConfigFile
  return {
    ...config,
    ...(dictionaries.size > 0 && { dictionaries: Object.fromEntries(dictionaries) }),
    kms: { ...(await makeKmses(described)), ...kms },
    ...(dekStore && { dekStore }),
  }
}
