/**
 * Provider `pkcs11`, an AES-256 key in a token:
 *
 *   ciphertextDek = u8(1) ‖ u8(length of CKA_ID) ‖ CKA_ID 1 to 64 ‖ IV 12 random bytes ‖ ciphertext 32 ‖ tag 16
 *   AAD           = "kafka-envelope/pkcs11/v1" ‖ u32(length of cmkId) ‖ cmkId ‖ u8(length of CKA_ID) ‖ CKA_ID ‖ canonical context
 *
 * AES-256-GCM. Random IVs allow 2^32 wraps per key (NIST SP 800-38D, 8.3).
 */
import { canonicalContext } from '../../envelope/context.js'
import type { EncryptionContext } from '../kms.js'
import type { AadParts } from './messages.js'

const VERSION = 1
const DOMAIN = Buffer.from('kafka-envelope/pkcs11/v1', 'ascii')
const MAX_KEY_ID_BYTES = 64
const BODY_BYTES = 12 + 32 + 16

export interface CiphertextDek {
  readonly keyId: Uint8Array
  /** IV, ciphertext and tag, in a buffer of their own. */
  readonly body: Uint8Array<ArrayBuffer>
}

/** `wrapped` is what the thread returns: the length of the id, the id, IV, ciphertext and tag. */
export function writeCiphertextDek(wrapped: Uint8Array): Uint8Array | undefined {
  const bytes = Uint8Array.of(VERSION, ...wrapped)
  return readCiphertextDek(bytes) === undefined ? undefined : bytes
}

/** Undefined if the bytes do not have the form. */
export function readCiphertextDek(bytes: Uint8Array): CiphertextDek | undefined {
  const [version, idBytes = 0] = bytes
  if (version !== VERSION || idBytes === 0 || idBytes > MAX_KEY_ID_BYTES) return undefined
  const bodyAt = 2 + idBytes
  if (bytes.length !== bodyAt + BODY_BYTES) return undefined
  return { keyId: Uint8Array.from(bytes.subarray(2, bodyAt)), body: Uint8Array.from(bytes.subarray(bodyAt)) }
}

/** What comes before and after the id of the key, which the thread chooses. */
export function aadParts(cmkId: string, context: EncryptionContext): AadParts {
  const id = Buffer.from(cmkId)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(id.length)
  return {
    head: Uint8Array.from(Buffer.concat([DOMAIN, length, id])),
    tail: Uint8Array.from(Buffer.from(canonicalContext(context))),
  }
}
