import * as v from 'valibot'
import { fileForm, type FileForm } from '../file-form.js'
import type { TencentCredential } from './client.js'
import { NAMED_PROVIDERS, type NamedProvider } from './credentials.js'
import { checkOptions, credential, plainOptions, type TencentKmsOptions } from './options.js'
import { tencentKms } from './tencent-kms.js'

/** Tencent Cloud KMS, in a configuration file. */
export interface TencentKmsInFile extends Omit<TencentKmsOptions, 'credentials' | 'client'> {
  /** The provider of the KMS: Tencent Cloud KMS. */
  readonly provider: 'tencent'
  /**
   * The credential, or one of the sources of the SDK: `environment`, `profile`, `cvm-role` or `tke-oidc`. May be absent
   * only if the process seals with pinned public keys alone.
   */
  readonly credentials?: TencentCredential | NamedProvider
}

export const inFile: FileForm = fileForm<TencentKmsInFile, TencentKmsOptions>({
  schema: v.strictObject({
    provider: v.literal('tencent'),
    credentials: v.optional(
      v.union(
        [v.picklist(NAMED_PROVIDERS), credential],
        `expected ${NAMED_PROVIDERS.join(', ')}, or {secretId, secretKey} with an optional token`,
      ),
    ),
    ...plainOptions,
  }),
  options: ({ provider: _, ...options }) => options,
  check: checkOptions,
  create: tencentKms,
})
