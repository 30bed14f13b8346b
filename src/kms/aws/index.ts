/** `kafka-envelope/kms/aws`: AWS KMS. */
export { awsKms } from './aws-kms.js'
export type { AwsCredentialProvider, AwsCredentials, AwsKmsClient } from './client.js'
export type { Quota } from './limits.js'
export type { AwsCmkOptions, AwsKmsOptions, AwsRsaCmkOptions, AwsSymmetricCmkOptions } from './options.js'
export type { RsaType } from './rsa.js'
export type { DekSource } from './symmetric.js'
