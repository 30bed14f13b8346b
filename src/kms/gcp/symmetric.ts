/**
 * Provider `gcp-kms`, a key with the purpose ENCRYPT_DECRYPT. DEKs are made here, because the service makes none. A
 * ciphertext DEK is the `ciphertext` of the service, without base64; it names the version of the key itself. The
 * canonical context is the additional authenticated data.
 */
import { DEK_BYTES } from '../../crypto/dek.js'
import { MAX_CIPHERTEXT_DEK_BYTES } from '../../envelope/bounds.js'
import { canonicalContext } from '../../envelope/context.js'
import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import type { BearerService } from '../bearer-service.js'
import type { EncryptionContext, GeneratedDek } from '../kms.js'
import { ciphertextDekInvalid, expectOpensNothing, expectRoundTrip, madeHere, wipeMade } from '../proofs.js'
import { MAX_SECRET_CIPHERTEXT_BYTES } from '../secret.js'
import { decryptedBytes, encryptedBytes, unwrappedDek } from './answers.js'
import type { CmkName } from './cmk-name.js'
import { crc32c } from './crc32c.js'
import { failureOf, type Action } from './failures.js'

/** The members of a call other than the CMK. */
interface CallContext {
  readonly context: EncryptionContext
  readonly signal: AbortSignal
}

/** Bytes that no key made, for `verify` by an identity that may only decrypt. */
const NO_CIPHERTEXT = Buffer.from('kafka-envelope-verifies')

export class SymmetricCmk {
  readonly provider = 'gcp-kms'
  readonly publicKeyWraps = false
  readonly #service: BearerService
  readonly #cmk: CmkName

  constructor(service: BearerService, cmk: CmkName) {
    this.#service = service
    this.#cmk = cmk
  }

  async generateDek(call: CallContext): Promise<GeneratedDek> {
    return madeHere((dek) => this.wrapDek(dek, call))
  }

  async wrapDek(dek: Uint8Array, call: CallContext): Promise<Uint8Array> {
    if (dek.length !== DEK_BYTES)
      throw new EnvelopeError('CMK_UNUSABLE', `CMK ${this.#cmk.id} wraps only 32-byte DEKs`)
    return this.#encrypt(dek, MAX_CIPHERTEXT_DEK_BYTES, call)
  }

  async unwrapDek(ciphertextDek: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return unwrappedDek(await this.#decrypt(ciphertextDek, MAX_CIPHERTEXT_DEK_BYTES, call), {
      action: 'decrypt',
      cmk: this.#cmk,
    })
  }

  async encryptSecret(secret: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return this.#encrypt(secret, MAX_SECRET_CIPHERTEXT_BYTES, call)
  }

  async decryptSecret(ciphertext: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return decryptedBytes(await this.#decrypt(ciphertext, MAX_SECRET_CIPHERTEXT_BYTES, call), {
      action: 'decrypt',
      cmk: this.#cmk,
    })
  }

  async #encrypt(bytes: Uint8Array, maxBytes: number, { context, signal }: CallContext): Promise<Uint8Array> {
    const body = { ...checksummed('plaintext', bytes), ...contextParams(context) }
    const answer = await this.#call('encrypt', body, signal)
    const withContext = canonicalContext(context) !== ''
    return encryptedBytes(answer, { withContext, maxBytes }, { action: 'encrypt', cmk: this.#cmk })
  }

  async #decrypt(
    ciphertext: Uint8Array,
    maxBytes: number,
    { context, signal }: CallContext,
  ): Promise<unknown> {
    // The vendor may change its form, so nothing more is checked.
    if (ciphertext.length === 0 || ciphertext.length > maxBytes) throw ciphertextDekInvalid(this.#cmk.id)
    return this.#call(
      'decrypt',
      { ...checksummed('ciphertext', ciphertext), ...contextParams(context) },
      signal,
    )
  }

  async verifyWrap(call: CallContext): Promise<void> {
    await wipeMade(this.generateDek(call))
  }

  /**
   * Makes a round trip if this identity may also encrypt. Otherwise asks to decrypt bytes that no key made: the service
   * checks the permission before the bytes, and answers that they do not open. That proves nothing about the versions.
   */
  async verifyUnwrap(call: CallContext): Promise<void> {
    let made: GeneratedDek
    try {
      made = await this.generateDek(call)
    } catch (error) {
      if (!isEnvelopeError(error) || error.code !== 'KMS_DENIED') throw error
      await expectOpensNothing(this.unwrapDek(NO_CIPHERTEXT, call), this.#cmk.id)
      return
    }
    await expectRoundTrip(made, (ciphertextDek) => this.unwrapDek(ciphertextDek, call), this.#cmk.id)
  }

  async #call(action: Action, body: object, signal: AbortSignal): Promise<unknown> {
    const path = `/v1/${this.#cmk.id}:${action}`
    const answer = await this.#service.request(
      { action, cmkId: this.#cmk.id, method: 'POST', path, body },
      signal,
    )
    if (answer.status === 200) return answer.body
    throw failureOf(answer, { action, cmk: this.#cmk })
  }
}

/** An empty context is left out: the service takes no additional data as empty data. */
function contextParams(context: EncryptionContext): Readonly<Record<string, string>> {
  const text = canonicalContext(context)
  return text === '' ? {} : checksummed('additionalAuthenticatedData', Buffer.from(text))
}

/** Bytes with their checksum, which the service compares. The text of key bytes cannot be wiped. */
function checksummed(name: string, bytes: Uint8Array): Readonly<Record<string, string>> {
  const { buffer, byteOffset, byteLength } = bytes
  return {
    [name]: Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
    [`${name}Crc32c`]: String(crc32c(bytes)),
  }
}
