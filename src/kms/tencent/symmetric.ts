/**
 * Provider `tencent-kms`, a symmetric CMK (KeyUsage ENCRYPT_DECRYPT). A ciphertext DEK is the
 * `CiphertextBlob` as received, in ASCII; it names its CMK itself. It is not base64, whatever the vendor's
 * documentation says.
 */
import { MAX_CIPHERTEXT_DEK_BYTES } from '../../envelope/bounds.js'
import { canonicalContext } from '../../envelope/context.js'
import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import type { EncryptionContext, GeneratedDek } from '../kms.js'
import { ciphertextDekInvalid, expectOpensNothing, expectRoundTrip, madeHere, wipeMade } from '../proofs.js'
import { MAX_SECRET_CIPHERTEXT_BYTES } from '../secret.js'
import type { TencentApi } from './api.js'
import type { CmkName } from './cmk-name.js'
import type { Answer } from './responses.js'
import { base64, type CallContext, type TencentCmk } from './tencent-cmk.js'

/** How DEKs are made: by the KMS (`GenerateDataKey`), or by this process, and then wrapped by the KMS (`Encrypt`). */
export type DekSource = 'generate' | 'encrypt'

/** Bytes that are not a valid blob, for `verify` by an identity that may only decrypt. */
export const NO_BLOB = 'kafka-envelope-verifies'

/** Limit of `EncryptionContext`, in characters. */
const MAX_CONTEXT = 1024

export class SymmetricCmk implements TencentCmk {
  readonly provider = 'tencent-kms'
  readonly publicKeyWraps = false
  readonly offline = false
  readonly verify = {
    generate: (call: CallContext) => wipeMade(this.generateDek(call)),
    wrap: (call: CallContext) => wipeMade(madeHere((dek) => this.wrapDek(dek, call))),
    unwrap: (call: CallContext) => this.#verifyUnwrap(call),
  } as const
  readonly #api: TencentApi
  readonly #cmk: CmkName
  readonly #source: DekSource

  constructor(api: TencentApi, cmk: CmkName, source: DekSource) {
    this.#api = api
    this.#cmk = cmk
    this.#source = source
  }

  async generateDek(call: CallContext): Promise<GeneratedDek> {
    if (this.#source === 'generate') return this.#generated(call)
    return madeHere((dek) => this.wrapDek(dek, call))
  }

  async wrapDek(dek: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return (await this.#encrypt(dek, call)).ciphertextBlob()
  }

  async unwrapDek(ciphertextDek: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return (await this.#decrypt(ciphertextDek, MAX_CIPHERTEXT_DEK_BYTES, call)).unwrappedDek()
  }

  async encryptSecret(secret: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return (await this.#encrypt(secret, call)).secretCiphertext()
  }

  async decryptSecret(ciphertext: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return (await this.#decrypt(ciphertext, MAX_SECRET_CIPHERTEXT_BYTES, call)).secret()
  }

  #encrypt(bytes: Uint8Array, { context, signal }: CallContext): Promise<Answer> {
    const params = { KeyId: this.#cmk.keyId, Plaintext: base64(bytes), ...this.#contextOf(context) }
    return this.#api.call('Encrypt', this.#cmk, params, signal)
  }

  async #decrypt(blob: Uint8Array, maxBytes: number, { context, signal }: CallContext): Promise<Answer> {
    const params = { CiphertextBlob: this.#textOf(blob, maxBytes), ...this.#contextOfBlob(context) }
    return this.#api.call('Decrypt', this.#cmk, params, signal)
  }

  /** Returns the same bytes if both CMKs are the same, and it was not rotated since. */
  async rewrapDek(
    ciphertextDek: Uint8Array,
    to: CmkName,
    { context, signal }: CallContext,
  ): Promise<Uint8Array> {
    const CiphertextBlob = this.#textOf(ciphertextDek, MAX_CIPHERTEXT_DEK_BYTES)
    const { EncryptionContext: both } = this.#contextOfBlob(context)
    const contexts =
      both === undefined ? {} : { SourceEncryptionContext: both, DestinationEncryptionContext: both }
    const params = { CiphertextBlob, DestinationKeyId: to.keyId, ...contexts }
    return (await this.#api.reEncrypt(this.#cmk, to, params, signal)).ciphertextBlob()
  }

  /**
   * Makes a round trip if this identity may also wrap. Otherwise calls `Decrypt` with bytes that are not a blob. That
   * proves that the credentials and the network path are right. It proves the permission to decrypt only if the service
   * checks permissions before the bytes, which is not documented. It proves nothing about the CMK.
   */
  async #verifyUnwrap(call: CallContext): Promise<void> {
    let made: GeneratedDek
    try {
      made = await this.#generated(call)
    } catch (error) {
      if (!isEnvelopeError(error) || !onlyUnwraps(error)) throw error
      await expectOpensNothing(this.unwrapDek(Buffer.from(NO_BLOB), call), this.#cmk.id)
      return
    }
    await expectRoundTrip(made, (ciphertextDek) => this.unwrapDek(ciphertextDek, call), this.#cmk.id)
  }

  async #generated({ context, signal }: CallContext): Promise<GeneratedDek> {
    const params = { KeyId: this.#cmk.keyId, KeySpec: 'AES_256', ...this.#contextOf(context) }
    const answer = await this.#api.call('GenerateDataKey', this.#cmk, params, signal)
    const ciphertextDek = answer.ciphertextBlob()
    return { dek: answer.generatedDek(), ciphertextDek }
  }

  /** The vendor may change the form of blobs, so nothing more is checked. */
  #textOf(blob: Uint8Array, maxBytes: number): string {
    if (blob.length === 0 || blob.length > maxBytes) throw ciphertextDekInvalid(this.#cmk.id)
    if (!blob.every((byte) => byte > 0x20 && byte < 0x7f)) throw ciphertextDekInvalid(this.#cmk.id)
    return Buffer.from(blob).toString('latin1')
  }

  /** The service cannot have encrypted anything with a longer context. */
  #contextOfBlob(context: EncryptionContext): { EncryptionContext?: string } {
    const param = contextParam(context)
    if ((param.EncryptionContext ?? '').length > MAX_CONTEXT) throw ciphertextDekInvalid(this.#cmk.id)
    return param
  }

  #contextOf(context: EncryptionContext): { EncryptionContext?: string } {
    const param = contextParam(context)
    if ((param.EncryptionContext ?? '').length <= MAX_CONTEXT) return param
    throw new EnvelopeError(
      'CMK_UNUSABLE',
      `the encryption context takes more than ${String(MAX_CONTEXT)} characters as JSON, which CMK ${this.#cmk.id} does not accept`,
      { remedy: 'Shorten the context' },
    )
  }
}

/** Whether the identity may only decrypt, or the CMK can only decrypt. */
function onlyUnwraps({ code, kmsCode }: EnvelopeError): boolean {
  return code === 'KMS_DENIED' || kmsCode === 'ResourceUnavailable.CmkArchived'
}

function contextParam(context: EncryptionContext): { EncryptionContext?: string } {
  const json = canonicalContext(context)
  return json === '' ? {} : { EncryptionContext: json }
}
