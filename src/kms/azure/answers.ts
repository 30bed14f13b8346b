import { createPublicKey, type KeyObject } from 'node:crypto'
import { DEK_BYTES } from '../../crypto/dek.js'
import { EnvelopeError, type ErrorCode } from '../../errors.js'
import { member } from '../json-member.js'
import { modulusBits, whyUnusable } from '../rsa-public-key.js'
import { IV_BYTES, TAG_BYTES, VERSION, type Box } from './ciphertext-dek.js'
import { described, invalidAnswer, type FailedCall } from './failures.js'

const BASE64URL = /^[A-Za-z0-9_-]*$/
const MAX_CHARACTERS = 8192
/** The sizes of RSA keys in vaults. */
export const BITS: readonly number[] = [2048, 3072, 4096]

/** The public key of one version of an RSA key. */
export interface PublicVersion {
  readonly version: string
  readonly key: KeyObject
}

/**
 * The current version of a key, in an answer to `get`. Wrapping happens here, so it is here that a version which is
 * disabled, has expired or is not yet valid must be refused.
 *
 * @param nowSeconds since the epoch
 * @throws EnvelopeError KMS_RESPONSE_INVALID, CMK_DISABLED, CMK_UNUSABLE
 */
export function publicVersion(body: unknown, nowSeconds: number, call: FailedCall): PublicVersion {
  const jwk = member(body, 'key')
  const version = versionIn(member(jwk, 'kid'), call, 'KMS_RESPONSE_INVALID')
  const unusable = (why: string, code: ErrorCode = 'CMK_UNUSABLE'): EnvelopeError =>
    new EnvelopeError(code, `version ${version} of CMK ${call.key.id} ${why}`)
  const kty = member(jwk, 'kty')
  if (kty !== 'RSA' && kty !== 'RSA-HSM') throw unusable('is not an RSA key')
  const operations = member(jwk, 'key_ops')
  if (!Array.isArray(operations) || !operations.includes('unwrapKey'))
    throw unusable('is not for the operation unwrapKey')
  const attributes = member(body, 'attributes')
  if (member(attributes, 'enabled') !== true) throw unusable('is disabled', 'CMK_DISABLED')
  const [start, end] = [member(attributes, 'nbf') ?? 0, member(attributes, 'exp') ?? Infinity]
  if (typeof start !== 'number' || typeof end !== 'number') throw invalidAnswer(call, 'without valid dates')
  if (nowSeconds < start) throw unusable('is not yet valid')
  if (nowSeconds >= end) throw unusable('has expired')
  const [n, e] = [member(jwk, 'n'), member(jwk, 'e')]
  if (!isText(n) || !isText(e)) throw invalidAnswer(call, 'without a public key')
  const key = readJwk(n, e, call)
  const why = whyUnusable(key)
  if (why !== undefined) throw unusable(why)
  if (!BITS.includes(modulusBits(key))) throw unusable(`has ${String(modulusBits(key))} bits`)
  return { version, key }
}

/** @param length of what was encrypted @throws EnvelopeError KMS_RESPONSE_INVALID */
export function encryptedBox(body: unknown, length: number, call: FailedCall): Box {
  return {
    version: versionIn(member(body, 'kid'), call, 'KMS_RESPONSE_INVALID'),
    iv: exactly(IV_BYTES, body, 'iv', call),
    ciphertext: exactly(length, body, 'value', call),
    tag: exactly(TAG_BYTES, body, 'tag', call),
  }
}

/**
 * The DEK in an answer to `unwrapkey` or `decrypt`, in its own memory. The text of the answer cannot be wiped.
 *
 * @param version the version that was asked for; undefined for the current one
 * @throws EnvelopeError KMS_RESPONSE_INVALID; CMK_MISMATCH if another key or version was used; UNWRAP_FAILED if the
 * ciphertext DEK holds something else than a DEK, which its maker decided
 */
export function unwrappedDek(body: unknown, version: string | undefined, call: FailedCall): Uint8Array {
  const plaintext = decryptedBytes(body, version, call)
  if (plaintext.length === DEK_BYTES) return plaintext
  plaintext.fill(0)
  throw new EnvelopeError('UNWRAP_FAILED', `${described(call)} returned something other than a 32-byte DEK`)
}

/**
 * The same of a secret: its bytes, whatever their number.
 *
 * @throws EnvelopeError KMS_RESPONSE_INVALID, CMK_MISMATCH
 */
export function decryptedBytes(body: unknown, version: string | undefined, call: FailedCall): Uint8Array {
  const used = versionIn(member(body, 'kid'), call, 'CMK_MISMATCH')
  if (version !== undefined && used !== version)
    throw new EnvelopeError('CMK_MISMATCH', `${described(call)} used another version of the key`)
  return bytesOf(body, 'value', call)
}

/** The version in the id of a key, which must be this key. Names of keys have no case. */
function versionIn(kid: unknown, call: FailedCall, otherwise: ErrorCode): string {
  if (typeof kid !== 'string' || kid.length > 512) throw invalidAnswer(call, 'without the id of a key')
  const at = kid.lastIndexOf('/')
  const version = kid.slice(at + 1).toLowerCase()
  if (kid.slice(0, at).toLowerCase() !== call.key.id.toLowerCase())
    throw new EnvelopeError(otherwise, `${described(call)} used another key`)
  if (!VERSION.test(version)) throw invalidAnswer(call, 'without the version of the key')
  return version
}

function readJwk(n: string, e: string, call: FailedCall): KeyObject {
  try {
    return createPublicKey({ format: 'jwk', key: { kty: 'RSA', n, e } })
  } catch {
    throw invalidAnswer(call, 'without a valid public key')
  }
}

function exactly(length: number, body: unknown, name: string, call: FailedCall): Uint8Array {
  const bytes = bytesOf(body, name, call)
  if (bytes.length === length) return bytes
  throw invalidAnswer(call, `with a ${name} of another length than ${String(length)} bytes`)
}

/** The bytes of a member in base64url, in their own memory. */
function bytesOf(body: unknown, name: string, call: FailedCall): Uint8Array {
  const text = member(body, name)
  if (!isText(text)) throw invalidAnswer(call, `without a valid ${name}`)
  const bytes = new Uint8Array(Buffer.byteLength(text, 'base64url'))
  Buffer.from(bytes.buffer).write(text, 'base64url')
  return bytes
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_CHARACTERS && BASE64URL.test(value)
}
