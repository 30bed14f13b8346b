/** `kafka-envelope/kms/tencent`: Tencent Cloud KMS. */
export { tencentKms } from './tencent-kms.js'
export type { CredentialProvider, TencentClient, TencentCredential } from './client.js'
export type { NamedProvider, TencentCredentials } from './credentials.js'
export type { EndpointOption } from './endpoint.js'
export type { Quota } from './limits.js'
export type { RsaCmkOptions, SymmetricCmkOptions, TencentCmkOptions, TencentKmsOptions } from './options.js'
export type { DekSource } from './symmetric.js'
