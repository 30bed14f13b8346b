import * as v from 'valibot'
import { fileForm, type FileForm } from '../file-form.js'
import { localKms, type LocalKmsOptions } from './local-kms.js'

/** A KMS in a keyring file, in a configuration file. */
export interface LocalKmsInFile {
  /** The provider of the KMS: a keyring file. */
  readonly provider: 'local'
  /** Path of the keyring, relative to the folder of the configuration file. */
  readonly keyring: string
}

const KEYRING = 'expected the path of a keyring file'

export const inFile: FileForm = fileForm<LocalKmsInFile, LocalKmsOptions>({
  schema: v.strictObject({
    provider: v.literal('local'),
    keyring: v.pipe(v.string(KEYRING), v.minLength(1, KEYRING)),
  }),
  options: ({ keyring }, at) => ({ keyring: at(keyring) }),
  check: () => undefined,
  create: localKms,
})
