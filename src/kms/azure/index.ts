/** `kafka-envelope/kms/azure`: Azure Key Vault and Managed HSM. */
export { azureKms } from './azure-kms.js'
export type { TokenCredential } from './azure-api.js'
export type { HolderType, HostOptions } from './key-id.js'
export type { AzureCmkOptions, AzureKmsOptions } from './options.js'
export type { ServiceOptions } from '../service-options.js'
