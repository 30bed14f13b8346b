/** `kafka-envelope/kms/vault`: the transit engine of HashiCorp Vault and OpenBao. */
export { vaultKms } from './vault-kms.js'
export type {
  AppRoleAuth,
  KubernetesAuth,
  TokenAuth,
  TokenFileAuth,
  VaultAuth,
  VaultKmsOptions,
} from './options.js'
