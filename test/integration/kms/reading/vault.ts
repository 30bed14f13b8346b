import { vaultKms, type VaultKmsOptions } from '../../../../src/kms/vault/index.js'
import type { Kms } from '../../../../src/kms/kms.js'

export const readingKms = (options: VaultKmsOptions): Kms => vaultKms(options)
