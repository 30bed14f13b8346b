import type { EncryptionContext, GeneratedDek, KmsUse } from '../kms.js'
import type { CmkArn } from './cmk-arn.js'

/** The members of a call other than the CMK. */
export interface CallContext {
  readonly context: EncryptionContext
  readonly signal: AbortSignal
}

/** One CMK, with everything that depends on its type. */
export interface AwsCmk {
  /** The name on the wire. */
  readonly provider: string
  readonly publicKeyWraps: boolean
  /** Whether wrapping works without the service. */
  readonly offline: boolean
  generateDek(call: CallContext): Promise<GeneratedDek>
  wrapDek(dek: Uint8Array, call: CallContext): Promise<Uint8Array>
  unwrapDek(ciphertextDek: Uint8Array, call: CallContext): Promise<Uint8Array>
  /** Absent from a CMK that has a public key. */
  encryptSecret?(secret: Uint8Array, call: CallContext): Promise<Uint8Array>
  decryptSecret?(ciphertext: Uint8Array, call: CallContext): Promise<Uint8Array>
  /** Re-encrypts to a CMK that has this method too, in the same region. */
  rewrapDek?(ciphertextDek: Uint8Array, to: CmkArn, call: CallContext): Promise<Uint8Array>
  /** What `Kms.verify` does for each use. */
  readonly verify: Readonly<Record<KmsUse, (call: CallContext) => Promise<void>>>
}
