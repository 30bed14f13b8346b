/**
 * Provider `aws-kms`, a symmetric CMK (KeySpec SYMMETRIC_DEFAULT). A ciphertext DEK is the `CiphertextBlob` as received.
 * The context is KMS's own encryption context, which it authenticates.
 */
import { MAX_CIPHERTEXT_DEK_BYTES } from '../../envelope/bounds.js'
import { isEnvelopeError } from '../../errors.js'
import type { EncryptionContext, GeneratedDek } from '../kms.js'
import { ciphertextDekInvalid, expectOpensNothing, expectRoundTrip, madeHere, wipeMade } from '../proofs.js'
import type { AwsApi } from './api.js'
import type { AwsCmk, CallContext } from './aws-cmk.js'
import type { CmkArn } from './cmk-arn.js'

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

  async wrapDek(dek: Uint8Array, { context, signal }: CallContext): Promise<Uint8Array> {
    const input = { Plaintext: dek, ...contextInput(context) }
    return (await this.#api.call('Encrypt', this.#cmk, input, signal)).ciphertextBlob()
  }

  async unwrapDek(ciphertextDek: Uint8Array, { context, signal }: CallContext): Promise<Uint8Array> {
    // The service may change its form, so nothing more is checked.
    if (ciphertextDek.length === 0 || ciphertextDek.length > MAX_CIPHERTEXT_DEK_BYTES)
      throw ciphertextDekInvalid(this.#cmk.id)
    const input = { CiphertextBlob: ciphertextDek, ...contextInput(context) }
    return (await this.#api.call('Decrypt', this.#cmk, input, signal)).unwrappedDek()
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
