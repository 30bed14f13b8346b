import type { AwsKmsInFile } from '../kms/aws/in-file.js'
import type { AzureKmsInFile } from '../kms/azure/in-file.js'
import type { GcpKmsInFile } from '../kms/gcp/in-file.js'
import type { LocalKmsInFile } from '../kms/local/in-file.js'
import type { Pkcs11KmsInFile } from '../kms/pkcs11/in-file.js'
import type { TencentKmsInFile } from '../kms/tencent/in-file.js'
import type { VaultKmsInFile } from '../kms/vault/in-file.js'

/** What a file says about a KMS. Its row in `providers.ts` is the counterpart for machines. */
export type KmsInFile =
  | LocalKmsInFile
  | TencentKmsInFile
  | AwsKmsInFile
  | VaultKmsInFile
  | GcpKmsInFile
  | AzureKmsInFile
  | Pkcs11KmsInFile
