import { MAX_CIPHERTEXT_DEK_BYTES } from '../../envelope/bounds.js'
import { EnvelopeError, type ErrorCode } from '../../errors.js'
import { MAX_SECRET_CIPHERTEXT_BYTES } from '../secret.js'
import type { CmkName } from './cmk-name.js'
import { described, type FailedCall } from './failures.js'

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** In characters. Checked before the form: a regular expression may overflow the stack over megabytes. */
const MAX = {
  KeyId: 128,
  SourceKeyId: 128,
  CiphertextBlob: MAX_SECRET_CIPHERTEXT_BYTES,
  /** `Encrypt` accepts 4,096 bytes from any caller. A DEK has 44 characters. */
  Plaintext: 5464,
  /** That of an RSA-2048 CMK has 392. */
  PublicKey: 4096,
} as const
const VISIBLE = /^[!-~]+$/

/** The answer to a call, member by member. Every member is optional in the vendor's types. */
export class Answer {
  readonly #call: FailedCall
  readonly #members: Readonly<Record<string, unknown>>
  readonly #requestId: string | undefined

  /** @throws EnvelopeError KMS_RESPONSE_INVALID; CMK_MISMATCH if another CMK decrypted */
  constructor(call: FailedCall, response: unknown) {
    this.#call = call
    this.#members = typeof response === 'object' && response !== null ? { ...response } : {}
    const { RequestId: id } = this.#members
    this.#requestId = typeof id === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(id) ? id : undefined
    // `Decrypt` and `ReEncrypt` do not take the CMK that decrypts: the ciphertext DEK may have selected another one.
    if (call.to === undefined)
      this.#expectCmk('KeyId', call.cmk, call.action === 'Decrypt' ? 'CMK_MISMATCH' : 'KMS_RESPONSE_INVALID')
    else {
      this.#expectCmk('KeyId', call.to, 'KMS_RESPONSE_INVALID')
      this.#expectCmk('SourceKeyId', call.cmk, 'CMK_MISMATCH')
    }
  }

  #expectCmk(member: 'KeyId' | 'SourceKeyId', cmk: CmkName, otherwise: ErrorCode): void {
    const keyId = this.#text(member, VISIBLE)
    if (keyId.toLowerCase() === cmk.keyId.toLowerCase()) return
    throw this.#error(otherwise, `${described(this.#call)} used another CMK, ${keyId}`)
  }

  /** 1 to 1,024 characters of visible ASCII, as bytes: an opaque string, not base64. */
  ciphertextBlob(): Uint8Array {
    const blob = this.#text('CiphertextBlob', VISIBLE)
    if (blob.length > MAX_CIPHERTEXT_DEK_BYTES) throw this.#invalid('CiphertextBlob')
    return new Uint8Array(Buffer.from(blob, 'latin1'))
  }

  /** The same of a secret, with up to 8,192 characters. */
  secretCiphertext(): Uint8Array {
    return new Uint8Array(Buffer.from(this.#text('CiphertextBlob', VISIBLE), 'latin1'))
  }

  /** The DEK, in its own memory. The base64 text of the answer cannot be wiped. */
  generatedDek(): Uint8Array {
    const dek = this.#plaintext()
    if (dek !== undefined) return dek
    throw this.#invalid('Plaintext')
  }

  /**
   * The same for a DEK from a ciphertext DEK. Its maker decided what is in it, so the ciphertext DEK may be to blame.
   */
  unwrappedDek(): Uint8Array {
    const dek = this.#plaintext()
    if (dek !== undefined) return dek
    throw this.#error('UNWRAP_FAILED', `${described(this.#call)} returned something other than a 32-byte DEK`)
  }

  /** 1 to 4,096 bytes, in their own memory. */
  secret(): Uint8Array {
    const text = this.#text('Plaintext', BASE64)
    if (text === '') throw this.#invalid('Plaintext')
    return decoded(text)
  }

  /**
   * `PublicKey`, which is base64 of an SPKI in DER form. `PublicKeyPem` is not used, because the vendor's examples
   * disagree about its format.
   */
  publicKey(): Uint8Array {
    const text = this.#text('PublicKey', BASE64)
    if (text === '') throw this.#invalid('PublicKey')
    return Buffer.from(text, 'base64')
  }

  invalidPublicKey(): EnvelopeError {
    return this.#invalid('PublicKey')
  }

  unusablePublicKey(why: string): EnvelopeError {
    return this.#error('CMK_UNUSABLE', `the public key of CMK ${this.#call.cmk.id} ${why}`)
  }

  /** Undefined if it has another length. KMS does not encrypt an empty plaintext. */
  #plaintext(): Uint8Array | undefined {
    const text = this.#text('Plaintext', BASE64)
    if (text === '') throw this.#invalid('Plaintext')
    // 32 bytes are 44 characters, and only the last one is padding.
    if (!/^[^=]{43}=$/.test(text)) return undefined
    return decoded(text)
  }

  #text(member: keyof typeof MAX, form: RegExp): string {
    const value = Object.hasOwn(this.#members, member) ? this.#members[member] : undefined
    if (typeof value === 'string' && value.length <= MAX[member] && form.test(value)) return value
    throw this.#invalid(member)
  }

  #invalid(member: string): EnvelopeError {
    return this.#error(
      'KMS_RESPONSE_INVALID',
      `${described(this.#call)} was answered without a valid ${member}`,
    )
  }

  #error(code: ErrorCode, what: string): EnvelopeError {
    const requestId = this.#requestId
    return new EnvelopeError(
      code,
      requestId === undefined ? what : `${what} (request ${requestId})`,
      requestId === undefined ? {} : { requestId },
    )
  }
}

/** The bytes of a text in base64, in their own memory. */
function decoded(base64: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.byteLength(base64, 'base64'))
  Buffer.from(bytes.buffer).write(base64, 'base64')
  return bytes
}
