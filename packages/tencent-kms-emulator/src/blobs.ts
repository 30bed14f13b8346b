import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

import { Refusal } from './refusal.js'

/*
 * CiphertextBlob = base64(header) "-k-" base64(iv) "-k-" base64(body): three segments, as the vendor's own
 * examples have them, with the same lengths (64, 16, and 36 more than the plaintext). The content is this
 * emulator's own; callers must not rely on it.
 *
 *   header  tag 16 ‖ AES-256-GCM under the root key (KeyId as text 36 ‖ u32 material from 0 ‖ zeros 8)
 *   iv      16 random bytes, used for both
 *   body    tag 16 ‖ AES-256-GCM under the material (20 random bytes ‖ plaintext), AAD = header ‖ context
 */

const JOINT = '-k-'
const TAG = 16
const IV = 16
const KEY_ID = 36
const HEADER = TAG + KEY_ID + 4 + 8
const FILLING = 20
/** Enough for 4,096 bytes of plaintext, with room to spare. */
const MAX_BLOB = 8192

/** The header of a blob, authenticated by the root key. */
export interface BlobHeader {
  readonly keyId: string
  /** Index into the materials of the CMK. */
  readonly material: number
}

interface ParsedBlob extends BlobHeader {
  readonly header: Buffer
  readonly iv: Buffer
  readonly body: Buffer
}

/** `key` is the material that `header` names; `context` is '' if the request has none. */
export function sealBlob(
  rootKey: Buffer,
  header: BlobHeader,
  key: Buffer,
  content: { readonly plaintext: Buffer; readonly context: string },
): string {
  const iv = randomBytes(IV)
  const inner = Buffer.alloc(HEADER - TAG)
  inner.write(header.keyId, 'latin1')
  inner.writeUInt32BE(header.material, KEY_ID)
  const outer = encrypt(rootKey, iv, inner, [])
  const filled = Buffer.concat([randomBytes(FILLING), content.plaintext])
  const body = encrypt(key, iv, filled, [outer, Buffer.from(content.context)])
  return [outer, iv, body].map((segment) => segment.toString('base64')).join(JOINT)
}

/** @throws Refusal InvalidParameterValue.InvalidCiphertext */
export function parseBlob(rootKey: Buffer, blob: string): ParsedBlob {
  const [header, iv, body, more] = blob.length > MAX_BLOB ? [] : blob.split(JOINT).map(fromBase64)
  if (!header || !iv || !body || more !== undefined) throw invalid()
  if (header.length !== HEADER || iv.length !== IV || body.length <= TAG + FILLING) throw invalid()
  const inner = decrypt(rootKey, iv, header, [])
  return {
    keyId: inner.toString('latin1', 0, KEY_ID),
    material: inner.readUInt32BE(KEY_ID),
    header,
    iv,
    body,
  }
}

/** @throws Refusal InvalidParameterValue.InvalidCiphertext */
export function openBlob(blob: ParsedBlob, key: Buffer, context: string): Buffer {
  return decrypt(key, blob.iv, blob.body, [blob.header, Buffer.from(context)]).subarray(FILLING)
}

/** The bytes of strict base64, else `undefined`: Node would skip what is not base64. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

function encrypt(key: Buffer, iv: Buffer, plaintext: Buffer, aad: readonly Buffer[]): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(Buffer.concat(aad))
  const ciphertext = [cipher.update(plaintext), cipher.final()]
  return Buffer.concat([cipher.getAuthTag(), ...ciphertext])
}

function decrypt(key: Buffer, iv: Buffer, sealed: Buffer, aad: readonly Buffer[]): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG })
  decipher.setAAD(Buffer.concat(aad))
  decipher.setAuthTag(sealed.subarray(0, TAG))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(TAG)), decipher.final()])
  } catch {
    throw invalid()
  }
}

/** One answer for all: it does not reveal whether key, context or ciphertext was wrong. */
function invalid(): Refusal {
  return new Refusal('InvalidParameterValue.InvalidCiphertext', 'The ciphertext is invalid.')
}
