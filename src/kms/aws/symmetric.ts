/**
 * Provider `aws-kms`, a symmetric CMK (KeySpec SYMMETRIC_DEFAULT). A ciphertext DEK is the `CiphertextBlob` as received.
 * The context is KMS's own encryption context, which it authenticates.
 */
import { MAX_CIPHERTEXT_DEK_BYTES } from '../../envelope/bounds.js'
import { isEnvelopeError } from '../../errors.js'
import type { EncryptionContext, GeneratedDek } from '../kms.js'
import { ciphertextDekInvalid, expectOpensNothing, expectRoundTrip, madeHere, wipeMade } from '../proofs.js'
import { MAX_SECRET_CIPHERTEXT_BYTES } from '../secret.js'
import type { AwsApi } from './api.js'
import type { AwsCmk, CallContext } from './aws-cmk.js'
import type { CmkArn } from './cmk-arn.js'
import type { Answer } from './responses.js'

/** How DEKs are made: by the KMS (`GenerateDataKey`), or by this process, and then wrapped by the KMS (`Encrypt`). */
export type DekSource = 'generate' | 'encrypt'

/** Bytes that are not a valid blob, for `verify` by an identity that may only decrypt. */
const NO_BLOB = Buffer.from('kafka-envelope-verifies')

export class SymmetricCmk implements AwsCmk {
  readonly provider = 'aws-kms'
  readonly publicKeyWraps = false
  readonly offline = false
  readonly verify = {
    generate: (call: CallContext) => wipeMade(this.generateDek(call)),
    wrap: (call: CallContext) => wipeMade(madeHere((dek) => this.wrapDek(dek, call))),
    unwrap: (call: CallContext) => this.#verifyUnwrap(call),
  } as const
  readonly #api: AwsApi
  readonly #cmk: CmkArn
  readonly #source: DekSource

  constructor(api: AwsApi, cmk: CmkArn, source: DekSource) {
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
    return this.#api.call('Encrypt', this.#cmk, { Plaintext: bytes, ...contextInput(context) }, signal)
  }

  async #decrypt(blob: Uint8Array, maxBytes: number, { context, signal }: CallContext): Promise<Answer> {
    this.#refuseUnlike(blob, maxBytes)
    const input = { CiphertextBlob: blob, ...contextInput(context) }
    return this.#api.call('Decrypt', this.#cmk, input, signal)
  }

  async rewrapDek(
    ciphertextDek: Uint8Array,
    to: CmkArn,
    { context, signal }: CallContext,
  ): Promise<Uint8Array> {
    this.#refuseUnlike(ciphertextDek, MAX_CIPHERTEXT_DEK_BYTES)
    const { EncryptionContext: both } = contextInput(context)
    const contexts = both && { SourceEncryptionContext: both, DestinationEncryptionContext: both }
    const input = { CiphertextBlob: ciphertextDek, ...contexts }
    return (await this.#api.reEncrypt(this.#cmk, to, input, signal)).ciphertextBlob()
  }

  /** The service may change the form of its blobs, so nothing more is checked. */
  #refuseUnlike(blob: Uint8Array, maxBytes: number): void {
    if (blob.length === 0 || blob.length > maxBytes) throw ciphertextDekInvalid(this.#cmk.id)
  }

  /**
   * Makes a round trip if this identity may also wrap. Otherwise calls `Decrypt` with bytes that are not a blob: as the
   * call names the CMK, the service can check the permission and the state of the CMK before it looks at the bytes.
   */
  async #verifyUnwrap(call: CallContext): Promise<void> {
    let made: GeneratedDek
    try {
      made = await this.#generated(call)
    } catch (error) {
      if (!isEnvelopeError(error) || error.code !== 'KMS_DENIED') throw error
      await expectOpensNothing(this.unwrapDek(NO_BLOB, call), this.#cmk.id)
      return
    }
    await expectRoundTrip(made, (ciphertextDek) => this.unwrapDek(ciphertextDek, call), this.#cmk.id)
  }

  async #generated({ context, signal }: CallContext): Promise<GeneratedDek> {
    const input = { KeySpec: 'AES_256', ...contextInput(context) }
    const answer = await this.#api.call('GenerateDataKey', this.#cmk, input, signal)
    const dek = answer.generatedDek()
    try {
      return { dek, ciphertextDek: answer.ciphertextBlob() }
    } catch (error) {
      dek.fill(0)
      throw error
    }
  }
}

function contextInput(context: EncryptionContext): { EncryptionContext?: EncryptionContext } {
  return Object.keys(context).length === 0 ? {} : { EncryptionContext: { ...context } }
}
