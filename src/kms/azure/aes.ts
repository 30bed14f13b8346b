/**
 * Provider `azure-managed-hsm`, an AES-256 key (oct-HSM) in a Managed HSM: A256GCM, whose IV the HSM makes. The
 * canonical context is the additional authenticated data. `ciphertext-dek.ts` has the layout. DEKs are made here.
 */
import { canonicalContext } from '../../envelope/context.js'
import { isEnvelopeError } from '../../errors.js'
import type { EncryptionContext, GeneratedDek } from '../kms.js'
import { ciphertextDekInvalid, expectOpensNothing, expectRoundTrip, madeHere, wipeMade } from '../proofs.js'
import { decryptedBytes, encryptedBox, unwrappedDek } from './answers.js'
import type { AzureApi } from './azure-api.js'
import { base64url, type AzureCmk, type CallContext } from './azure-cmk.js'
import {
  IV_BYTES,
  joinAes,
  joinSecret,
  splitAes,
  splitSecret,
  TAG_BYTES,
  type Box,
} from './ciphertext-dek.js'
import type { FailedCall } from './failures.js'
import type { KeyId } from './key-id.js'

/** Without a version, under the current one. */
type AnyBox = Omit<Box, 'version'> & Partial<Box>

/** Bytes that no key made, for `verify` by an identity that may only decrypt. */
const NO_BOX: AnyBox = {
  iv: new Uint8Array(IV_BYTES),
  ciphertext: Buffer.from('kafka-envelope verifies its keys'),
  tag: new Uint8Array(TAG_BYTES),
}

export class AesCmk implements AzureCmk {
  readonly provider = 'azure-managed-hsm'
  readonly publicKeyWraps = false
  readonly #api: AzureApi
  readonly #key: KeyId

  constructor(api: AzureApi, key: KeyId) {
    this.#api = api
    this.#key = key
  }

  async generateDek(call: CallContext): Promise<GeneratedDek> {
    return madeHere((dek) => this.wrapDek(dek, call))
  }

  async wrapDek(dek: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return joinAes(await this.#encrypt(dek, call))
  }

  async unwrapDek(ciphertextDek: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const box = splitAes(ciphertextDek)
    if (box === undefined) throw ciphertextDekInvalid(this.#key.id)
    return this.#unwrap(box, call)
  }

  async encryptSecret(secret: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return joinSecret(await this.#encrypt(secret, call))
  }

  async decryptSecret(ciphertext: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const box = splitSecret(ciphertext)
    if (box === undefined) throw ciphertextDekInvalid(this.#key.id)
    return decryptedBytes(await this.#decrypt(box, call), box.version, this.#decrypting)
  }

  async verifyWrap(call: CallContext): Promise<void> {
    await wipeMade(this.generateDek(call))
  }

  /**
   * Makes a round trip if this identity may also encrypt. Otherwise asks to decrypt bytes that no key made: the HSM says
   * that they do not open only to an identity that may decrypt.
   */
  async verifyUnwrap(call: CallContext): Promise<void> {
    let made: GeneratedDek
    try {
      made = await this.generateDek(call)
    } catch (error) {
      if (!isEnvelopeError(error) || error.code !== 'KMS_DENIED') throw error
      await expectOpensNothing(this.#unwrap(NO_BOX, call), this.#key.id)
      return
    }
    await expectRoundTrip(made, (ciphertextDek) => this.unwrapDek(ciphertextDek, call), this.#key.id)
  }

  get #decrypting(): FailedCall {
    return { action: 'decrypt', key: this.#key }
  }

  async #encrypt(bytes: Uint8Array, { context, signal }: CallContext): Promise<Box> {
    const body = { alg: 'A256GCM', value: base64url(bytes), ...aad(context) }
    const answer = await this.#api.call('encrypt', this.#key, { body }, signal)
    return encryptedBox(answer, bytes.length, { action: 'encrypt', key: this.#key })
  }

  async #unwrap(box: AnyBox, call: CallContext): Promise<Uint8Array> {
    return unwrappedDek(await this.#decrypt(box, call), box.version, this.#decrypting)
  }

  #decrypt({ version, iv, ciphertext, tag }: AnyBox, { context, signal }: CallContext): Promise<unknown> {
    const body = {
      alg: 'A256GCM',
      value: base64url(ciphertext),
      iv: base64url(iv),
      tag: base64url(tag),
      ...aad(context),
    }
    const request = version === undefined ? { body } : { version, body }
    return this.#api.call('decrypt', this.#key, request, signal)
  }
}

/** An empty context is left out: no additional data is empty data. */
function aad(context: EncryptionContext): { aad?: string } {
  const text = canonicalContext(context)
  return text === '' ? {} : { aad: base64url(Buffer.from(text)) }
}
