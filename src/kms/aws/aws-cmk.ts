import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import type { EncryptionContext, GeneratedDek } from '../kms.js'
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
  verifyWrap(call: CallContext): Promise<void>
  verifyUnwrap(call: CallContext): Promise<void>
}

/** Has no cause and no details: the defect of a ciphertext DEK is not disclosed. */
export function ciphertextDekInvalid(cmk: CmkArn): EnvelopeError {
  return new EnvelopeError('CIPHERTEXT_DEK_INVALID', `CMK ${cmk.id} cannot unwrap the ciphertext DEK`)
}

/**
 * Resolves only if the service itself says that the bytes do not open. Our own refusal of a ciphertext DEK, which has
 * no code of the service, proves nothing.
 *
 * @throws EnvelopeError the other errors of `unwrapping`; KMS_RESPONSE_INVALID if the bytes opened
 */
export async function expectOpensNothing(unwrapping: Promise<Uint8Array>, cmk: CmkArn): Promise<void> {
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

/** Wipes `unwrapped`. @throws EnvelopeError KMS_RESPONSE_INVALID if it differs from `wrapped` */
export function expectSame(wrapped: Uint8Array, unwrapped: Uint8Array, cmk: CmkArn): void {
  const same = Buffer.compare(wrapped, unwrapped) === 0
  unwrapped.fill(0)
  if (same) return
  throw new EnvelopeError('KMS_RESPONSE_INVALID', `CMK ${cmk.id} did not unwrap what it wrapped`)
}
