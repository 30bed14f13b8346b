import * as v from 'valibot'
import { fileForm, type FileForm } from '../file-form.js'
import { awsKms } from './aws-kms.js'
import type { AwsCredentials } from './client.js'
import { checkOptions, plainOptions, visible, type AwsKmsOptions } from './options.js'

/** AWS KMS, in a configuration file. */
export interface AwsKmsInFile extends Omit<AwsKmsOptions, 'credentials' | 'client'> {
  /** The provider of the KMS: AWS KMS. */
  readonly provider: 'aws'
  /**
   * The credentials. By default those that the SDK finds itself: in the environment, shared files, a web identity, the
   * container or the machine.
   */
  readonly credentials?: Omit<AwsCredentials, 'expiration'>
}

export const inFile: FileForm = fileForm<AwsKmsInFile, AwsKmsOptions>({
  schema: v.strictObject({
    provider: v.literal('aws'),
    credentials: v.optional(
      v.strictObject({
        accessKeyId: visible,
        secretAccessKey: visible,
        sessionToken: v.optional(visible),
      }),
    ),
    ...plainOptions,
  }),
  options: ({ provider: _, ...options }) => options,
  check: checkOptions,
  create: awsKms,
})
