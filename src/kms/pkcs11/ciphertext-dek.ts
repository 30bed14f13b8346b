/**
 * Provider `pkcs11`, an AES-256 key in a token:
 *
 *   ciphertextDek = u8(1) ‖ u8(length of CKA_ID) ‖ CKA_ID 1 to 64 ‖ IV 12 random bytes ‖ ciphertext 32 ‖ tag 16
 *   AAD           = "kafka-envelope/pkcs11/v1" ‖ u32(length of cmkId) ‖ cmkId ‖ u8(length of CKA_ID) ‖ CKA_ID ‖ canonical context
 *
 * A secret starts with u8(2), has a ciphertext of its length, and "kafka-envelope/pkcs11/secret/v1" in its AAD.
 * AES-256-GCM. Random IVs allow 2^32 wraps and secrets per key (NIST SP 800-38D, 8.3).
 */
import { DEK_BYTES } from '../../crypto/dek.js'
import { canonicalContext } from '../../envelope/context.js'
import type { EncryptionContext } from '../kms.js'
import { MAX_SECRET_BYTES } from '../secret.js'
import type { AadParts } from './messages.js'

/** What a ciphertext holds. */
export interface Form {
  readonly firstByte: number
  readonly domain: Buffer
  readonly minBytes: number
  readonly maxBytes: number
}

export const DEK: Form = {
  firstByte: 1,
  domain: Buffer.from('kafka-envelope/pkcs11/v1', 'ascii'),
  minBytes: DEK_BYTES,
  maxBytes: DEK_BYTES,
}
export const SECRET: Form = {
  firstByte: 2,
  domain: Buffer.from('kafka-envelope/pkcs11/secret/v1', 'ascii'),
  minBytes: 1,
  maxBytes: MAX_SECRET_BYTES,
}
const MAX_KEY_ID_BYTES = 64
/** IV and tag. */
const ADDED_BYTES = 12 + 16

export interface Ciphertext {
  readonly keyId: Uint8Array
  /** IV, ciphertext and tag, in a buffer of their own. */
  readonly body: Uint8Array<ArrayBuffer>
}

/** `wrapped` is what the thread returns: the length of the id, the id, IV, ciphertext and tag. */
export function writeCiphertext(form: Form, wrapped: Uint8Array): Uint8Array | undefined {
  const bytes = new Uint8Array(1 + wrapped.length)
  bytes[0] = form.firstByte
  bytes.set(wrapped, 1)
  return readCiphertext(form, bytes) === undefined ? undefined : bytes
}

/** Undefined if the bytes do not have the form. */
export function readCiphertext(form: Form, bytes: Uint8Array): Ciphertext | undefined {
  const [firstByte, idBytes = 0] = bytes
  if (firstByte !== form.firstByte || idBytes === 0 || idBytes > MAX_KEY_ID_BYTES) return undefined
  const bodyAt = 2 + idBytes
  const length = bytes.length - bodyAt - ADDED_BYTES
  if (length < form.minBytes || length > form.maxBytes) return undefined
  return { keyId: Uint8Array.from(bytes.subarray(2, bodyAt)), body: Uint8Array.from(bytes.subarray(bodyAt)) }
}

/** What comes before and after the id of the key, which the thread chooses. */
export function aadParts({ domain }: Form, cmkId: string, context: EncryptionContext): AadParts {
  const id = Buffer.from(cmkId)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(id.length)
  return {
    head: Uint8Array.from(Buffer.concat([domain, length, id])),
    tail: Uint8Array.from(Buffer.from(canonicalContext(context))),
  }
}
