import { systemClock } from '../../clock.js'
import { CMK_ID } from '../../envelope/bounds.js'
import { EnvelopeError } from '../../errors.js'
import type { CmkDescription, EncryptionContext } from '../kms.js'

/** One version of an AES CMK. */
export interface AesVersion {
  /** From 1. Every ciphertext DEK made with this version contains it, as u32. */
  readonly version: number
  /** ISO 8601, UTC. */
  readonly createdAt: string
  /** 32 bytes, base64. */
  readonly key: string
}

/** A symmetric CMK: the newest version wraps, the older ones still unwrap. */
export interface AesCmk {
  readonly id: string
  readonly type: 'aes-256'
  readonly enabled: boolean
  /** Ascending by version, never empty. */
  readonly versions: readonly AesVersion[]
}

/** An asymmetric CMK. A keyring that holds only its public part can wrap, but not unwrap. */
export interface RsaCmk {
  readonly id: string
  readonly type: 'rsa-oaep-sha256'
  readonly enabled: boolean
  /** ISO 8601, UTC. For an imported public key, the time of the import. */
  readonly createdAt: string
  /** SPKI, PEM. */
  readonly publicKey: string
  /** PKCS #8, PEM, not encrypted: only the mode of the file protects it. */
  readonly privateKey?: string
}

export type LocalCmk = AesCmk | RsaCmk

/** The type of a CMK in a keyring. */
export type CmkType = 'aes-256' | 'rsa-oaep-sha256'

/**
 * Everything about one type of CMK. A new type is a new row with its own provider name.
 *
 * Methods, not function properties: so TypeScript accepts a row of one type as a row of any type. That is sound,
 * because a row is looked up by the type of the CMK that it is given.
 */
export interface CmkRow<C extends LocalCmk = LocalCmk> extends CmkDescription {
  create(id: string, modulusLength: number | undefined): C | Promise<C>
  /** The same CMK with a new version in front. Throws `CMK_UNUSABLE` if the type has no versions. */
  rotate(cmk: C): C
  versions(cmk: C): readonly { readonly version: number; readonly createdAt: string }[]
  canUnwrap(cmk: C): boolean
  /** The public part as SPKI PEM, or `CMK_UNUSABLE`. */
  publicKey(cmk: C): string
  wrap(cmk: C, dek: Uint8Array, context: EncryptionContext): Uint8Array
  /** The bytes that were wrapped, of any length, in their own memory. */
  unwrap(cmk: C, ciphertextDek: Uint8Array, context: EncryptionContext): Uint8Array
  /** Absent, together with `decrypt`, if the type cannot authenticate a context. */
  encrypt?(cmk: C, secret: Uint8Array, context: EncryptionContext): Uint8Array
  /** The secret, in its own memory. */
  decrypt?(cmk: C, ciphertext: Uint8Array, context: EncryptionContext): Uint8Array
}

/** Whether `id` can name a CMK: `[!-~]{1,256}`, as on the wire. */
export function isCmkId(id: unknown): id is string {
  return typeof id === 'string' && CMK_ID.pattern.test(id)
}

/** `id` for a message. A malformed id is not repeated: it might be a secret. */
export function named(id: string): string {
  return isCmkId(id) ? `CMK ${id}` : 'CMK (an id has 1 to 256 visible ASCII characters)'
}

/** The current time, as keyrings write when a CMK or a version was made. */
export function createdNow(): string {
  return new Date(systemClock.wallMs()).toISOString()
}

/**
 * The one error for a ciphertext DEK that does not open, whether length, context, key or tag is to blame. It has no
 * cause: the error of a cipher must not tell them apart either.
 */
export function ciphertextDekInvalid(cmkId: string): EnvelopeError {
  return new EnvelopeError('CIPHERTEXT_DEK_INVALID', `${named(cmkId)} cannot unwrap the ciphertext DEK`)
}
