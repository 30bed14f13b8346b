import type { EncryptionConfig } from '../config/config.js'
import type { KmsInFile } from './kms-in-file.js'

/** The content of a configuration file: the same members as in code, but KMSs by their providers, no other objects, and the version of the file. */
export interface ConfigFile extends Pick<
  EncryptionConfig,
  'cmks' | 'topics' | 'dictionaries' | 'overrides' | 'cache' | 'kmsTimeout' | 'kmsRetries' | 'kmsRateLimit'
> {
  /** Where editors find the JSON Schema of the file; otherwise ignored. Default none. */
  readonly $schema?: string
  /** The version of the file format: 1. */
  readonly version: 1
  /**
   * KMSs, under names of your choice. Default none: code passes them. If code passes one under the same name, that
   * replaces the one of the file, which is then ignored.
   */
  readonly kms?: Readonly<Record<string, KmsInFile>>
}
