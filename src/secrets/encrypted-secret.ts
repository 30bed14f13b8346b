/**
 * An encrypted secret, as it is stored. `docs/secrets.md` specifies it:
 *
 *   "kesec" ‖ u8(1) ‖ u8(length of provider) ‖ provider ‖ u16(length of cmkId) ‖ cmkId ‖ ciphertext
 *
 * u16 big-endian. The ciphertext is the rest: what the KMS returned, unchanged. Nothing but the KMS authenticates the
 * parts before it: a changed CMK id leads to another CMK, which does not decrypt the ciphertext.
 */
import { CMK_ID, PROVIDER, type TextRule } from '../envelope/bounds.js'
import { EnvelopeError } from '../errors.js'
import { MAX_SECRET_CIPHERTEXT_BYTES } from '../kms/secret.js'

export interface EncryptedSecret {
  readonly provider: string
  readonly cmkId: string
  readonly ciphertext: Uint8Array
}

/** Every encrypted secret starts with these bytes, and with `a2VzZWMB` in base64. */
const START = Buffer.from('kesec\x01', 'latin1')

export function writeSecret({ provider, cmkId, ciphertext }: EncryptedSecret): Buffer {
  const cmkIdBytes = Buffer.alloc(2)
  cmkIdBytes.writeUInt16BE(cmkId.length)
  return Buffer.concat([
    START,
    Buffer.of(provider.length),
    Buffer.from(provider, 'latin1'),
    cmkIdBytes,
    Buffer.from(cmkId, 'latin1'),
    ciphertext,
  ])
}

/** @throws EnvelopeError SECRET_MALFORMED, without details of the bytes: they might be a secret in plain */
export function readSecret(bytes: Uint8Array): EncryptedSecret {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!view.subarray(0, START.length).equals(START)) throw malformed('is not an encrypted secret')
  const provider = textAt(view, START.length, 1, PROVIDER)
  const cmkId = textAt(view, provider.end, 2, CMK_ID)
  const length = view.length - cmkId.end
  if (length === 0) throw malformed('ends before its ciphertext')
  if (length > MAX_SECRET_CIPHERTEXT_BYTES) throw malformed('is longer than an encrypted secret')
  const ciphertext = Uint8Array.from(view.subarray(cmkId.end))
  return { provider: provider.text, cmkId: cmkId.text, ciphertext }
}

/**
 * The bytes of an encrypted secret in base64 (RFC 4648, section 4), padded. White space is ignored.
 * @throws EnvelopeError SECRET_MALFORMED
 */
export function fromBase64(text: string): Buffer {
  const base64 = text.replaceAll(/[ \t\r\n]/g, '')
  const bytes = Buffer.from(base64, 'base64')
  // A Buffer is lenient. Only text from which the same text is made again is base64.
  if (bytes.toString('base64') !== base64) throw malformed('is not base64')
  return bytes
}

/** A text after its length, which takes `lengthBytes`. */
function textAt(
  view: Buffer,
  at: number,
  lengthBytes: number,
  { pattern }: TextRule,
): { readonly text: string; readonly end: number } {
  const start = at + lengthBytes
  if (view.length < start) throw malformed('is cut short')
  const end = start + view.readUIntBE(at, lengthBytes)
  const text = view.toString('latin1', start, end)
  if (view.length < end) throw malformed('is cut short')
  if (!pattern.test(text)) throw malformed('does not name a CMK')
  return { text, end }
}

function malformed(how: string): EnvelopeError {
  return new EnvelopeError('SECRET_MALFORMED', `the value ${how}`)
}
