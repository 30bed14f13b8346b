import * as v from 'valibot'
import { fileForm, type FileForm } from '../file-form.js'
import { checkOptions, plainOptions, type Pkcs11KmsOptions } from './options.js'
import { pkcs11Kms } from './pkcs11-kms.js'

/** An HSM, through PKCS#11, in a configuration file. */
export interface Pkcs11KmsInFile extends Omit<Pkcs11KmsOptions, 'pinFile'> {
  /** The provider of the KMS: an HSM, through PKCS#11. */
  readonly provider: 'pkcs11'
  /** File that holds the PIN instead, relative to the folder of the configuration file. Read for each login. Default none. */
  readonly pinFile?: string
}

const PIN_FILE = 'expected the path of a file'

export const inFile: FileForm = fileForm<Pkcs11KmsInFile, Pkcs11KmsOptions>({
  schema: v.strictObject({
    provider: v.literal('pkcs11'),
    ...plainOptions,
    pinFile: v.optional(v.pipe(v.string(PIN_FILE), v.minLength(1, PIN_FILE))),
  }),
  options: ({ provider: _, pinFile, ...options }, at) => ({
    ...options,
    ...(pinFile !== undefined && { pinFile: at(pinFile) }),
  }),
  check: checkOptions,
  create: pkcs11Kms,
})
