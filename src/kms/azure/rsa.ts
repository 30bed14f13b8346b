/**
 * Provider `azure-key-vault/rsa-oaep-sha256`, an RSA key in a vault. DEKs are made here, wrapped here with the public
 * key of its current version as in `rsa-public-key.ts`, and unwrapped by the vault. `ciphertext-dek.ts` has the layout.
 */
import { randomFillSync } from 'node:crypto'
import { refuseCancelled } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import { isEnvelopeError } from '../../errors.js'
import { Kept } from '../kept.js'
import type { GeneratedDek } from '../kms.js'
import { ciphertextDekInvalid, expectOpensNothing, expectRoundTrip, madeHere } from '../proofs.js'
import { wrapWithPublicKey } from '../rsa-public-key.js'
import { publicVersion, unwrappedDek, type PublicVersion } from './answers.js'
import type { AzureApi } from './azure-api.js'
import { base64url, type AzureCmk, type CallContext } from './azure-cmk.js'
import { joinRsa, splitRsa, type Sealed } from './ciphertext-dek.js'
import type { KeyId } from './key-id.js'

export class RsaCmk implements AzureCmk {
  readonly provider = 'azure-key-vault/rsa-oaep-sha256'
  readonly publicKeyWraps = true
  readonly #api: AzureApi
  readonly #key: KeyId
  /** If there is one, the vault is never asked for another. */
  readonly #pinned: PublicVersion | undefined
  /** For an hour: for so long, a rotated key may go on to wrap under the former version. */
  readonly #current: Kept<PublicVersion>

  constructor(
    api: AzureApi,
    key: KeyId,
    { pinned, clock }: { readonly pinned: PublicVersion | undefined; readonly clock: Clock },
  ) {
    this.#api = api
    this.#key = key
    this.#pinned = pinned
    this.#current = new Kept({
      fetch: async (signal) =>
        publicVersion(await api.call('get', key, {}, signal), clock.wallMs() / 1000, { action: 'get', key }),
      lifetime: api.lifetime,
      clock,
    })
  }

  async generateDek({ signal }: CallContext): Promise<GeneratedDek> {
    const current = await this.#version(signal)
    return madeHere((dek) => Promise.resolve(wrapUnder(current, dek)))
  }

  async wrapDek(dek: Uint8Array, { signal }: CallContext): Promise<Uint8Array> {
    return wrapUnder(await this.#version(signal), dek)
  }

  async unwrapDek(ciphertextDek: Uint8Array, { signal }: CallContext): Promise<Uint8Array> {
    const sealed = splitRsa(ciphertextDek)
    if (sealed === undefined) throw ciphertextDekInvalid(this.#key.id)
    return this.#unwrap(sealed, signal)
  }

  /** Fetches the public key, unless it is pinned: a kept one says nothing about the present state of the key. */
  async verifyWrap({ signal }: CallContext): Promise<void> {
    await this.#presentVersion(signal)
  }

  /**
   * Makes a round trip, if the public key is pinned or this identity may read it. Otherwise asks to unwrap bytes that cannot open: the
   * vault says so only to an identity that may unwrap.
   */
  async verifyUnwrap(call: CallContext): Promise<void> {
    let current: PublicVersion
    try {
      current = await this.#presentVersion(call.signal)
    } catch (error) {
      if (!isEnvelopeError(error) || error.code !== 'KMS_DENIED') throw error
      const bytes = randomFillSync(new Uint8Array(256))
      // Makes the number smaller than any modulus of this size.
      bytes[0] = 0
      await expectOpensNothing(this.#unwrap({ bytes }, call.signal), this.#key.id)
      return
    }
    const made = await madeHere((dek) => Promise.resolve(wrapUnder(current, dek)))
    await expectRoundTrip(made, (ciphertextDek) => this.unwrapDek(ciphertextDek, call), this.#key.id)
  }

  async #version(signal: AbortSignal): Promise<PublicVersion> {
    refuseCancelled(signal)
    return this.#pinned ?? this.#current.get(signal)
  }

  async #presentVersion(signal: AbortSignal): Promise<PublicVersion> {
    refuseCancelled(signal)
    return this.#pinned ?? this.#current.renew(signal)
  }

  /** Without a version, under the current one. */
  async #unwrap({ version, bytes }: Partial<Sealed> & Pick<Sealed, 'bytes'>, signal: AbortSignal) {
    const body = { alg: 'RSA-OAEP-256', value: base64url(bytes) }
    const request = version === undefined ? { body } : { version, body }
    const answer = await this.#api.call('unwrapkey', this.#key, request, signal)
    return unwrappedDek(answer, version, { action: 'unwrapkey', key: this.#key })
  }
}

function wrapUnder({ version, key }: PublicVersion, dek: Uint8Array): Uint8Array {
  return joinRsa({ version, bytes: wrapWithPublicKey(key, dek) })
}
