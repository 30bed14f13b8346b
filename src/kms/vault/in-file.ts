import * as v from 'valibot'
import { caFile, fileForm, type CaInFile, type FileForm } from '../file-form.js'
import { checkOptions, plainOptions, type VaultAuth, type VaultKmsOptions } from './options.js'
import { vaultKms } from './vault-kms.js'

/** The transit engine of HashiCorp Vault or OpenBao, in a configuration file. */
export interface VaultKmsInFile extends Omit<VaultKmsOptions, 'agent' | 'auth'>, CaInFile {
  /** The provider of the KMS: HashiCorp Vault or OpenBao. */
  readonly provider: 'vault'
  /** How this process gets its token. Files are relative to the folder of the configuration file. */
  readonly auth: VaultAuth
}

export const inFile: FileForm = fileForm<VaultKmsInFile, VaultKmsOptions>({
  schema: v.strictObject({ provider: v.literal('vault'), ...plainOptions, caFile }),
  options: ({ provider: _, auth, ...options }, at) => ({ ...options, auth: withAbsolutePaths(auth, at) }),
  check: checkOptions,
  create: vaultKms,
})

function withAbsolutePaths(auth: VaultAuth, at: (file: string) => string): VaultAuth {
  switch (auth.method) {
    case 'token':
      return auth
    case 'token-file':
      return { ...auth, file: at(auth.file) }
    case 'approle':
      return auth.secretIdFile === undefined ? auth : { ...auth, secretIdFile: at(auth.secretIdFile) }
    case 'kubernetes':
      return auth.tokenFile === undefined ? auth : { ...auth, tokenFile: at(auth.tokenFile) }
  }
}
