/** `kafka-envelope/kms/gcp`: Google Cloud KMS. */
export { gcpKms } from './gcp-kms.js'
export type { AccessTokenProvider, AccessTokenSource, GcpKmsOptions } from './options.js'
export type { ServiceOptions } from '../service-options.js'
