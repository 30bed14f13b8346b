import * as v from 'valibot'
import { caFile, fileForm, type CaInFile, type FileForm } from '../file-form.js'
import { accessToken } from '../service-options.js'
import { azureKms } from './azure-kms.js'
import { checkOptions, plainOptions, type AzureKmsOptions } from './options.js'

/** Azure Key Vault or Managed HSM, in a configuration file. */
export interface AzureKmsInFile extends Omit<AzureKmsOptions, 'credential' | 'agent'>, CaInFile {
  /** The provider of the KMS: Azure Key Vault or Managed HSM. */
  readonly provider: 'azure'
  /**
   * An access token for the vault or HSM, such as `az account get-access-token` prints. It is not renewed: enough for a
   * command.
   */
  readonly token: string
}

export const inFile: FileForm = fileForm<AzureKmsInFile, AzureKmsOptions>({
  schema: v.strictObject({
    provider: v.literal('azure'),
    token: accessToken,
    ...plainOptions,
    caFile,
  }),
  options: ({ provider: _, token, ...options }) => ({
    ...options,
    credential: { getToken: () => Promise.resolve({ token }) },
  }),
  check: checkOptions,
  create: azureKms,
})
