/** `kafka-envelope/kms/tencent`: Tencent Cloud KMS. */
export { tencentKms } from './tencent-kms.js'
export type { TencentClient } from './client.js'
export type {
  CredentialProvider,
  NamedProvider,
  TencentCredential,
  TencentCredentials,
} from './credentials.js'
export type { EndpointOption } from './endpoint.js'
export type { Quota } from './limits.js'
export type { RsaCmkOptions, SymmetricCmkOptions, TencentCmkOptions, TencentKmsOptions } from './options.js'
export type { DekSource } from './symmetric.js'
