import { DEK_BYTES } from '../../crypto/dek.js'
import { EnvelopeError } from '../../errors.js'
import { member } from '../json-member.js'
import { crc32c } from './crc32c.js'
import { described, invalidAnswer, type FailedCall } from './failures.js'

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** In characters. Checked before the form: a regular expression may overflow the stack over megabytes. */
const MAX_BASE64 = 65_536

/**
 * The ciphertext in an answer to `encrypt`. The service says that it got what was sent, and under which version of
 * the key it encrypted; the ciphertext fits its checksum.
 *
 * @throws EnvelopeError KMS_RESPONSE_INVALID
 */
export function encryptedBytes(
  body: unknown,
  /** Whether a context was sent, and how long the ciphertext may be. */
  { withContext, maxBytes }: { readonly withContext: boolean; readonly maxBytes: number },
  call: FailedCall,
): Uint8Array {
  const name = member(body, 'name')
  if (typeof name !== 'string' || !/^\/cryptoKeyVersions\/[1-9]\d{0,9}$/.test(afterPrefix(name, call.cmk.id)))
    throw invalidAnswer(call, 'without the name of a version of this key')
  if (member(body, 'verifiedPlaintextCrc32c') !== true)
    throw invalidAnswer(call, 'without having checked the plaintext')
  if (withContext && member(body, 'verifiedAdditionalAuthenticatedDataCrc32c') !== true)
    throw invalidAnswer(call, 'without having checked the encryption context')
  const ciphertext = bytesOf(body, 'ciphertext', call)
  if (ciphertext.length === 0 || ciphertext.length > maxBytes)
    throw invalidAnswer(call, 'without a valid ciphertext')
  return ciphertext
}

/**
 * The DEK in an answer to `decrypt`, in its own memory. The base64 text of the answer cannot be wiped.
 *
 * @throws EnvelopeError KMS_RESPONSE_INVALID; UNWRAP_FAILED if the ciphertext DEK holds something else than a DEK, which
 * its maker decided
 */
export function unwrappedDek(body: unknown, call: FailedCall): Uint8Array {
  const plaintext = decryptedBytes(body, call)
  if (plaintext.length === DEK_BYTES) return plaintext
  plaintext.fill(0)
  throw new EnvelopeError('UNWRAP_FAILED', `${described(call)} returned something other than a 32-byte DEK`)
}

/**
 * The bytes in an answer to `decrypt`, in their own memory.
 *
 * @throws EnvelopeError KMS_RESPONSE_INVALID
 */
export function decryptedBytes(body: unknown, call: FailedCall): Uint8Array {
  // JSON leaves out an empty plaintext. Its checksum is still there.
  const empty = member(body, 'plaintext') === undefined && member(body, 'plaintextCrc32c') === '0'
  return empty ? new Uint8Array() : bytesOf(body, 'plaintext', call)
}

/** The bytes of a member in base64, which fit the checksum beside it, in their own memory. */
function bytesOf(body: unknown, name: 'plaintext' | 'ciphertext', call: FailedCall): Uint8Array {
  const text = member(body, name)
  if (typeof text !== 'string' || text.length > MAX_BASE64 || !BASE64.test(text))
    throw invalidAnswer(call, `without a valid ${name}`)
  const bytes = new Uint8Array(Buffer.byteLength(text, 'base64'))
  Buffer.from(bytes.buffer).write(text, 'base64')
  // An int64, which JSON writes as text.
  if (member(body, `${name}Crc32c`) === String(crc32c(bytes))) return bytes
  bytes.fill(0)
  throw invalidAnswer(call, `with a ${name} that does not fit its checksum`)
}

function afterPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : ''
}
