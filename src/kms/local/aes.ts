/**
 * Provider `local`, an AES-256 CMK:
 *
 *   ciphertextDek = u32(version of the CMK) ‖ IV 12 random bytes ‖ ciphertext 32 ‖ tag 16
 *   AAD           = "kafka-envelope/local/v1" ‖ u32(length of cmkId) ‖ cmkId ‖ canonical context
 *
 * A secret is the same with a ciphertext of its length, and "kafka-envelope/local/secret/v1". AES-256-GCM, u32
 * big-endian. Random IVs allow 2^32 wraps and secrets per version (NIST SP 800-38D, 8.3).
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomFillSync,
  type KeyObject,
} from 'node:crypto'

import { DEK_BYTES } from '../../crypto/dek.js'
import { canonicalContext } from '../../envelope/context.js'
import { configError, EnvelopeError } from '../../errors.js'
import type { EncryptionContext } from '../kms.js'
import { MAX_SECRET_BYTES } from '../secret.js'
import {
  ciphertextDekInvalid,
  createdNow,
  named,
  type AesCmk,
  type AesVersion,
  type CmkRow,
} from './local-cmk.js'

const CIPHER = 'aes-256-gcm'
const DEKS = Buffer.from('kafka-envelope/local/v1', 'ascii')
const SECRETS = Buffer.from('kafka-envelope/local/secret/v1', 'ascii')
const KEY_BYTES = 32
const IV_AT = 4
const BODY_AT = IV_AT + 12
const TAG_BYTES = 16
/** Of a ciphertext without its body. */
const HEAD_AND_TAG = BODY_AT + TAG_BYTES
const MAX_VERSION = 0xffff_ffff

/** Unlike an RSA CMK, it is made synchronously. */
type AesRow = CmkRow<AesCmk> & { create(id: string, modulusLength?: number): AesCmk }

export const aes: AesRow = {
  provider: 'local',
  publicKeyWraps: false,

  create(id, modulusLength) {
    if (modulusLength !== undefined) {
      const message = 'only RSA CMKs have a modulus length'
      throw configError([{ path: 'modulusLength', message }], { subject: 'the new CMK' })
    }
    return { id, type: 'aes-256', enabled: true, versions: [newVersion(1)] }
  },

  rotate(cmk) {
    const version = newest(cmk).version + 1
    if (version > MAX_VERSION)
      throw new EnvelopeError('CMK_UNUSABLE', `${named(cmk.id)} has no versions left`)
    return { ...cmk, versions: [...cmk.versions, newVersion(version)] }
  },

  versions: (cmk) => cmk.versions.map(({ version, createdAt }) => ({ version, createdAt })),

  canUnwrap: () => true,

  publicKey(cmk) {
    throw new EnvelopeError('CMK_UNUSABLE', `${named(cmk.id)} is symmetric and has no public key`)
  },

  wrap: (cmk, dek, context) => sealed(cmk, dek, aadOf(DEKS, cmk.id, context)),

  unwrap(cmk, ciphertextDek, context) {
    if (ciphertextDek.length !== HEAD_AND_TAG + DEK_BYTES) throw ciphertextDekInvalid(cmk.id)
    return opened(cmk, ciphertextDek, aadOf(DEKS, cmk.id, context))
  },

  encrypt: (cmk, secret, context) => sealed(cmk, secret, aadOf(SECRETS, cmk.id, context)),

  decrypt(cmk, ciphertext, context) {
    const { length } = ciphertext
    if (length <= HEAD_AND_TAG || length > HEAD_AND_TAG + MAX_SECRET_BYTES) throw ciphertextDekInvalid(cmk.id)
    return opened(cmk, ciphertext, aadOf(SECRETS, cmk.id, context))
  },
}

function sealed(cmk: AesCmk, plain: Uint8Array, aad: Buffer): Buffer {
  const version = newest(cmk)
  const out = Buffer.alloc(HEAD_AND_TAG + plain.length)
  out.writeUInt32BE(version.version, 0)
  const iv = randomFillSync(out.subarray(IV_AT, BODY_AT))
  const cipher = createCipheriv(CIPHER, keyOf(version), iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad)
  out.set(cipher.update(plain), BODY_AT)
  cipher.final()
  out.set(cipher.getAuthTag(), BODY_AT + plain.length)
  return out
}

/** @param bytes longer than head and tag */
function opened(cmk: AesCmk, bytes: Uint8Array, aad: Buffer): Uint8Array {
  const { buffer, byteOffset, byteLength } = bytes
  const number = new DataView(buffer, byteOffset, byteLength).getUint32(0)
  const version = cmk.versions.find((candidate) => candidate.version === number)
  if (version === undefined) {
    if (number === 0) throw ciphertextDekInvalid(cmk.id)
    // The CMK was rotated elsewhere. Another copy of the keyring may have this version, so the record is not to
    // blame.
    throw new EnvelopeError(
      'CMK_NOT_FOUND',
      `${named(cmk.id)} has no version ${String(number)} in this keyring`,
    )
  }
  const iv = bytes.subarray(IV_AT, BODY_AT)
  const decipher = createDecipheriv(CIPHER, keyOf(version), iv, { authTagLength: TAG_BYTES })
  decipher.setAAD(aad)
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  const plain = decipher.update(bytes.subarray(BODY_AT, -TAG_BYTES))
  try {
    decipher.final()
    return new Uint8Array(plain)
  } catch {
    throw ciphertextDekInvalid(cmk.id)
  } finally {
    plain.fill(0)
  }
}

function newest(cmk: AesCmk): AesVersion {
  const version = cmk.versions.at(-1)
  if (version === undefined) throw new EnvelopeError('KEYRING_INVALID', `${named(cmk.id)} has no version`)
  return version
}

function newVersion(version: number): AesVersion {
  const bytes = randomFillSync(Buffer.alloc(KEY_BYTES))
  try {
    return { version, createdAt: createdNow(), key: bytes.toString('base64') }
  } finally {
    bytes.fill(0)
  }
}

/**
 * The bytes are wiped immediately. Node cannot wipe the base64 string that they came from, nor the `KeyObject`, so
 * these last until the memory is used again.
 */
function keyOf(version: AesVersion): KeyObject {
  const bytes = Buffer.alloc(KEY_BYTES)
  try {
    bytes.write(version.key, 'base64')
    return createSecretKey(bytes)
  } finally {
    bytes.fill(0)
  }
}

function aadOf(domain: Buffer, cmkId: string, context: EncryptionContext): Buffer {
  const id = Buffer.from(cmkId)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(id.length)
  return Buffer.concat([domain, length, id, Buffer.from(canonicalContext(context))])
}
