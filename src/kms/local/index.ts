/** `kafka-envelope/kms/local`: a KMS in a file, and the functions that manage the file. */
export { localKms, type LocalKmsOptions } from './local-kms.js'
export type { CmkType } from './local-cmk.js'
export {
  addCmk,
  createKeyring,
  exportPublicKey,
  importPublicKey,
  listCmks,
  rotateCmk,
  setCmkEnabled,
  type CmkSummary,
  type NewCmkOptions,
} from './manage-keyring.js'
