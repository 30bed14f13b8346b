import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import type { CmkDescription, EncryptionContext, GeneratedDek } from '../kms.js'
import type { CmkName } from './cmk-name.js'

/** What a call carries beside the CMK. */
export interface CallContext {
  readonly context: EncryptionContext
  readonly signal: AbortSignal
}

/** One CMK: all that depends on its type. */
export interface TencentCmk extends CmkDescription {
  /** Whether wrapping needs the service at all. */
  readonly offline: boolean
  generateDek(call: CallContext): Promise<GeneratedDek>
  wrapDek(dek: Uint8Array, call: CallContext): Promise<Uint8Array>
  unwrapDek(ciphertextDek: Uint8Array, call: CallContext): Promise<Uint8Array>
  verifyWrap(call: CallContext): Promise<void>
  verifyUnwrap(call: CallContext): Promise<void>
}

/** No cause and no reason: what is wrong with a ciphertext DEK is not disclosed. */
export function ciphertextDekInvalid(cmk: CmkName): EnvelopeError {
  return new EnvelopeError('CIPHERTEXT_DEK_INVALID', `CMK ${cmk.id} cannot unwrap the ciphertext DEK`)
}

/** Base64 without a copy of the bytes in between. The text cannot be wiped. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/**
 * Resolves where the service itself said that the bytes open nothing, and in no other case: our own refusal of a
 * ciphertext DEK, which carries no code of the service, proves nothing.
 *
 * @throws EnvelopeError what `unwrapping` rejects with else; KMS_RESPONSE_INVALID where the bytes opened
 */
export async function expectOpensNothing(unwrapping: Promise<Uint8Array>, cmk: CmkName): Promise<void> {
  let opened: Uint8Array
  try {
    opened = await unwrapping
  } catch (error) {
    if (isEnvelopeError(error) && error.code === 'CIPHERTEXT_DEK_INVALID' && error.kmsCode !== undefined)
      return
    throw error
  }
  opened.fill(0)
  throw new EnvelopeError('KMS_RESPONSE_INVALID', `CMK ${cmk.id} unwrapped bytes that were never wrapped`)
}

/** Wipes what came back. @throws EnvelopeError KMS_RESPONSE_INVALID where what came back is not what went in */
export function expectSame(wrapped: Uint8Array, unwrapped: Uint8Array, cmk: CmkName): void {
  const same = Buffer.compare(wrapped, unwrapped) === 0
  unwrapped.fill(0)
  if (same) return
  throw new EnvelopeError('KMS_RESPONSE_INVALID', `CMK ${cmk.id} did not unwrap what it wrapped`)
}
