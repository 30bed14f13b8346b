/**
 * What Azure returns does not name the version of the key, and only that version opens it. So a ciphertext DEK is
 *
 *   0x01 ‖ version of the key (16) ‖ RSA-OAEP ciphertext, as long as the modulus        RSA
 *   0x01 ‖ version of the key (16) ‖ IV (12) ‖ ciphertext (32) ‖ tag (16)               AES
 *   0x02 ‖ version of the key (16) ‖ IV (12) ‖ ciphertext, as long as the secret ‖ tag (16)   a secret, AES
 *
 * Azure writes a version as 32 hexadecimal digits. The first byte is the layout.
 */
import { DEK_BYTES } from '../../crypto/dek.js'
import { MAX_SECRET_BYTES } from '../secret.js'

const LAYOUT = 1
const LAYOUT_OF_SECRET = 2
const HEAD_BYTES = 17
export const IV_BYTES = 12
export const TAG_BYTES = 16
const BOX_BYTES = IV_BYTES + DEK_BYTES + TAG_BYTES
/** In bytes. Key Vault has RSA keys of 2,048, 3,072 and 4,096 bits. */
const MODULI: readonly number[] = [256, 384, 512]

export const VERSION = /^[0-9a-f]{32}$/

/** A DEK under one version of a key. */
export interface Sealed {
  readonly version: string
  readonly bytes: Uint8Array
}

/** A DEK or a secret under one version of an AES key. */
export interface Box {
  readonly version: string
  readonly iv: Uint8Array
  readonly ciphertext: Uint8Array
  readonly tag: Uint8Array
}

/** @param version as {@link VERSION} */
export function joinRsa(sealed: Sealed): Uint8Array {
  return join(sealed, LAYOUT)
}

/** Undefined if the bytes do not have this layout. */
export function splitRsa(ciphertextDek: Uint8Array): Sealed | undefined {
  const sealed = split(ciphertextDek)
  return sealed !== undefined && MODULI.includes(sealed.bytes.length) ? sealed : undefined
}

export function joinAes({ version, iv, ciphertext, tag }: Box): Uint8Array {
  return joinRsa({ version, bytes: Buffer.concat([iv, ciphertext, tag]) })
}

/** Undefined if the bytes do not have this layout. */
export function splitAes(ciphertextDek: Uint8Array): Box | undefined {
  const sealed = split(ciphertextDek)
  return sealed?.bytes.length === BOX_BYTES ? boxIn(sealed) : undefined
}

export function joinSecret({ version, iv, ciphertext, tag }: Box): Uint8Array {
  return join({ version, bytes: Buffer.concat([iv, ciphertext, tag]) }, LAYOUT_OF_SECRET)
}

/** Undefined if the bytes do not have this layout. */
export function splitSecret(bytes: Uint8Array): Box | undefined {
  const sealed = split(bytes, LAYOUT_OF_SECRET)
  const length = (sealed?.bytes.length ?? 0) - IV_BYTES - TAG_BYTES
  return sealed !== undefined && length > 0 && length <= MAX_SECRET_BYTES ? boxIn(sealed) : undefined
}

function boxIn({ version, bytes }: Sealed): Box {
  return {
    version,
    iv: bytes.subarray(0, IV_BYTES),
    ciphertext: bytes.subarray(IV_BYTES, -TAG_BYTES),
    tag: bytes.subarray(-TAG_BYTES),
  }
}

function join({ version, bytes }: Sealed, layout: number): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.of(layout), Buffer.from(version, 'hex'), bytes]))
}

function split(bytes: Uint8Array, layout = LAYOUT): Sealed | undefined {
  if (bytes.length <= HEAD_BYTES || bytes[0] !== layout) return undefined
  const version = Buffer.from(bytes.subarray(1, HEAD_BYTES)).toString('hex')
  return { version, bytes: bytes.subarray(HEAD_BYTES) }
}
