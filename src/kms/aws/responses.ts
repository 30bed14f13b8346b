import { DEK_BYTES } from '../../crypto/dek.js'
import { MAX_CIPHERTEXT_DEK_BYTES } from '../../envelope/bounds.js'
import { EnvelopeError, type ErrorCode } from '../../errors.js'
import { MAX_SECRET_BYTES, MAX_SECRET_CIPHERTEXT_BYTES } from '../secret.js'
import { areReplicas, parseCmkArn, type CmkArn } from './cmk-arn.js'
import { described, requestIdIn, type FailedCall } from './failures.js'

/** That of an RSA-4096 CMK has 550 bytes. */
const MAX_PUBLIC_KEY_BYTES = 4096

/** The answer to a call, member by member. Nothing vouches for the types that the SDK declares. */
export class Answer {
  readonly #call: FailedCall
  readonly #members: Readonly<Record<string, unknown>>
  readonly #requestId: string | undefined

  /** @throws EnvelopeError KMS_RESPONSE_INVALID; CMK_MISMATCH if another CMK decrypted */
  constructor(call: FailedCall, output: unknown) {
    this.#call = call
    this.#members = typeof output === 'object' && output !== null ? { ...output } : {}
    this.#requestId = requestIdIn(output)
    if (call.to === undefined) this.#expectCmk('KeyId', call.cmk, call.action === 'Decrypt')
    else {
      this.#expectCmk('KeyId', call.to, false)
      // AWS says that it names the CMK "used to originally encrypt the data": perhaps a replica of the one that decrypts.
      const { SourceKeyId: source } = this.#members
      const original = typeof source === 'string' ? parseCmkArn(source) : undefined
      if (original === undefined || !areReplicas(call.cmk, original))
        this.#expectCmk('SourceKeyId', call.cmk, true)
    }
  }

  /** @param decrypts whether the CMK decrypts a ciphertext DEK, which may have selected another one */
  #expectCmk(member: 'KeyId' | 'SourceKeyId', cmk: CmkArn, decrypts: boolean): void {
    const keyId = this.#members[member]
    if (keyId === cmk.id) return
    this.#wipePlaintext()
    const used = typeof keyId === 'string' ? parseCmkArn(keyId) : undefined
    if (used === undefined) throw this.#invalid(member)
    // It cannot select a replica of the one that was asked.
    const code = decrypts && !areReplicas(cmk, used) ? 'CMK_MISMATCH' : 'KMS_RESPONSE_INVALID'
    throw this.#error(code, `${described(this.#call)} used another CMK, ${used.id}`)
  }

  /** 1 to 1,024 bytes, in their own memory. */
  ciphertextBlob(): Uint8Array {
    return Uint8Array.from(this.#bytes('CiphertextBlob', MAX_CIPHERTEXT_DEK_BYTES))
  }

  /** 1 to 8,192 bytes, in their own memory. */
  secretCiphertext(): Uint8Array {
    return Uint8Array.from(this.#bytes('CiphertextBlob', MAX_SECRET_CIPHERTEXT_BYTES))
  }

  /** 1 to 4,096 bytes, in their own memory. */
  secret(): Uint8Array {
    return this.#takePlaintext()
  }

  /** The DEK, in its own memory. */
  generatedDek(): Uint8Array {
    const dek = this.#takePlaintext()
    if (dek.length === DEK_BYTES) return dek
    dek.fill(0)
    throw this.#invalid('Plaintext')
  }

  /**
   * The same for a DEK from a ciphertext DEK. Its maker decided what is in it, so the ciphertext DEK may be to blame.
   */
  unwrappedDek(): Uint8Array {
    const dek = this.#takePlaintext()
    if (dek.length === DEK_BYTES) return dek
    dek.fill(0)
    throw this.#error('UNWRAP_FAILED', `${described(this.#call)} returned something other than a 32-byte DEK`)
  }

  /** An SPKI in DER form. */
  publicKey(): Uint8Array {
    const { KeyUsage: usage } = this.#members
    // With a signing key, KMS would refuse to unwrap.
    if (typeof usage === 'string' && usage !== 'ENCRYPT_DECRYPT')
      throw this.unusablePublicKey('is for another use than encryption')
    return this.#bytes('PublicKey', MAX_PUBLIC_KEY_BYTES)
  }

  invalidPublicKey(): EnvelopeError {
    return this.#invalid('PublicKey')
  }

  unusablePublicKey(why: string): EnvelopeError {
    return this.#error('CMK_UNUSABLE', `the public key of CMK ${this.#call.cmk.id} ${why}`)
  }

  /** A copy. The SDK's bytes, which may lie in memory that Node.js shares, are wiped. KMS encrypts no empty plaintext. */
  #takePlaintext(): Uint8Array {
    const given = this.#bytes('Plaintext', MAX_SECRET_BYTES)
    const own = Uint8Array.from(given)
    given.fill(0)
    return own
  }

  #wipePlaintext(): void {
    const { Plaintext: plaintext } = this.#members
    if (plaintext instanceof Uint8Array) plaintext.fill(0)
  }

  #bytes(member: string, max: number): Uint8Array {
    const value = Object.hasOwn(this.#members, member) ? this.#members[member] : undefined
    if (value instanceof Uint8Array && value.length > 0 && value.length <= max) return value
    this.#wipePlaintext()
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
