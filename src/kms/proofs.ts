/** What providers share: DEKs that are made here, and proofs that a CMK unwraps. */
import { randomFillSync } from 'node:crypto'
import { DEK_BYTES } from '../crypto/dek.js'
import { EnvelopeError, isEnvelopeError } from '../errors.js'
import type { GeneratedDek } from './kms.js'

/** A DEK made in this process. It is wiped if it cannot be wrapped. */
export async function madeHere(wrap: (dek: Uint8Array) => Promise<Uint8Array>): Promise<GeneratedDek> {
  const dek = randomFillSync(new Uint8Array(DEK_BYTES))
  try {
    return { dek, ciphertextDek: await wrap(dek) }
  } catch (error) {
    dek.fill(0)
    throw error
  }
}

/** Wipes a DEK that was made only to prove that it can be. */
export async function wipeMade(made: Promise<GeneratedDek>): Promise<void> {
  ;(await made).dek.fill(0)
}

/**
 * Unwraps what was just wrapped, and wipes both.
 *
 * @throws EnvelopeError KMS_RESPONSE_INVALID if they differ, or the error of `unwrap`
 */
export async function expectRoundTrip(
  { dek, ciphertextDek }: GeneratedDek,
  unwrap: (ciphertextDek: Uint8Array) => Promise<Uint8Array>,
  cmkId: string,
): Promise<void> {
  try {
    const unwrapped = await unwrap(ciphertextDek).catch((error: unknown) => {
      throw ofOwnDek(error, cmkId)
    })
    const same = Buffer.compare(dek, unwrapped) === 0
    unwrapped.fill(0)
    if (!same) throw new EnvelopeError('KMS_RESPONSE_INVALID', `CMK ${cmkId} did not unwrap what it wrapped`)
  } finally {
    dek.fill(0)
  }
}

/** What was wrapped here a moment ago was neither damaged nor forged, as the remedy of the code says. */
function ofOwnDek(error: unknown, cmkId: string): unknown {
  if (!isEnvelopeError(error) || error.code !== 'CIPHERTEXT_DEK_INVALID') return error
  const { code, kmsCode, requestId } = error
  return new EnvelopeError(code, `CMK ${cmkId} cannot unwrap a DEK that was just wrapped for it`, {
    kmsCode,
    requestId,
    remedy:
      'If its public key is pinned, check that it is that of this CMK, and of the version if one is pinned; else look for what changes requests on their way',
  })
}

/**
 * Resolves only if the service itself says that the bytes do not open. Our own refusal of a ciphertext DEK, which has
 * no code of the service, proves nothing.
 *
 * @throws EnvelopeError the other errors of `unwrapping`; KMS_RESPONSE_INVALID if the bytes opened
 */
export async function expectOpensNothing(unwrapping: Promise<Uint8Array>, cmkId: string): Promise<void> {
  let opened: Uint8Array
  try {
    opened = await unwrapping
  } catch (error) {
    if (isEnvelopeError(error) && error.code === 'CIPHERTEXT_DEK_INVALID' && error.kmsCode !== undefined)
      return
    throw error
  }
  opened.fill(0)
  throw new EnvelopeError('KMS_RESPONSE_INVALID', `CMK ${cmkId} unwrapped bytes that were never wrapped`)
}

/** Has no cause and no details: the defect of a ciphertext DEK is not disclosed. */
export function ciphertextDekInvalid(cmkId: string): EnvelopeError {
  return new EnvelopeError('CIPHERTEXT_DEK_INVALID', `CMK ${cmkId} cannot unwrap the ciphertext DEK`)
}
