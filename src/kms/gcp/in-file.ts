import * as v from 'valibot'
import { caFile, fileForm, type CaInFile, type FileForm } from '../file-form.js'
import { accessToken } from '../service-options.js'
import { gcpKms } from './gcp-kms.js'
import { checkOptions, plainOptions, type GcpKmsOptions } from './options.js'

/** Google Cloud KMS, in a configuration file. */
export interface GcpKmsInFile extends Omit<GcpKmsOptions, 'accessToken' | 'agent'>, CaInFile {
  /** The provider of the KMS: Google Cloud KMS. */
  readonly provider: 'gcp'
  /** An access token, such as `gcloud auth print-access-token` prints. It is not renewed: enough for a command. */
  readonly token: string
}

export const inFile: FileForm = fileForm<GcpKmsInFile, GcpKmsOptions>({
  schema: v.strictObject({
    provider: v.literal('gcp'),
    token: accessToken,
    ...plainOptions,
    caFile,
  }),
  options: ({ provider: _, token, ...options }) => ({
    ...options,
    accessToken: () => Promise.resolve(token),
  }),
  check: checkOptions,
  create: gcpKms,
})
