/**
 * Provider `tencent-kms/rsa-oaep-sha256`, an asymmetric CMK (KeyUsage ASYMMETRIC_DECRYPT_RSA_2048). DEKs are made here,
 * wrapped here with its public key as in `rsa-public-key.ts`, and unwrapped by the service.
 */
import { randomFillSync, type KeyObject } from 'node:crypto'
import type { EnvelopeError } from '../../errors.js'
import type { Clock } from '../../clock.js'
import { refuseCancelled } from '../../cancellation.js'
import { Kept } from '../kept.js'
import type { GeneratedDek } from '../kms.js'
import { ciphertextDekInvalid, expectOpensNothing, expectRoundTrip, madeHere } from '../proofs.js'
import { modulusBits, readPublicKey, readSpki, whyUnusable, wrapWithPublicKey } from '../rsa-public-key.js'
import type { TencentApi } from './api.js'
import type { CmkName } from './cmk-name.js'
import { base64, type CallContext, type TencentCmk } from './tencent-cmk.js'

const BITS = 2048

/** @throws the error that `refused` returns, if `pem` is not the public key of an RSA-2048 CMK */
export function readRsa2048(pem: string, refused: (why: string) => EnvelopeError): KeyObject {
  const key = readPublicKey(pem, refused)
  const why = whyNoRsa2048(key)
  if (why !== undefined) throw refused(why)
  return key
}

function whyNoRsa2048(key: KeyObject): string | undefined {
  const bits = modulusBits(key)
  return whyUnusable(key) ?? (bits === BITS ? undefined : `has ${String(bits)} bits, not ${String(BITS)}`)
}

export class RsaCmk implements TencentCmk {
  readonly provider = 'tencent-kms/rsa-oaep-sha256'
  readonly publicKeyWraps = true
  readonly verify = {
    generate: (call: CallContext) => this.#verifyWrap(call),
    wrap: (call: CallContext) => this.#verifyWrap(call),
    unwrap: (call: CallContext) => this.#verifyUnwrap(call),
  } as const
  readonly #api: TencentApi
  readonly #cmk: CmkName
  readonly #pinned: KeyObject | undefined
  /** Asymmetric CMKs do not rotate. */
  readonly #kept: Kept<KeyObject>

  /** @param pinned the public key; the service is then never asked for it */
  constructor(api: TencentApi, cmk: CmkName, pinned: KeyObject | undefined, clock: Clock) {
    this.#api = api
    this.#cmk = cmk
    this.#pinned = pinned
    this.#kept = new Kept({ fetch: (signal) => this.#fetch(signal), lifetime: api.lifetime, clock })
  }

  get offline(): boolean {
    return this.#pinned !== undefined
  }

  async generateDek({ signal }: CallContext): Promise<GeneratedDek> {
    const key = await this.#publicKey(signal)
    return madeHere((dek) => Promise.resolve(wrapWithPublicKey(key, dek)))
  }

  async wrapDek(dek: Uint8Array, { signal }: CallContext): Promise<Uint8Array> {
    return wrapWithPublicKey(await this.#publicKey(signal), dek)
  }

  async unwrapDek(ciphertextDek: Uint8Array, { signal }: CallContext): Promise<Uint8Array> {
    if (ciphertextDek.length !== BITS / 8) throw ciphertextDekInvalid(this.#cmk.id)
    const params = {
      KeyId: this.#cmk.keyId,
      Ciphertext: base64(ciphertextDek),
      Algorithm: 'RSAES_OAEP_SHA_256',
    }
    return (await this.#api.call('AsymmetricRsaDecrypt', this.#cmk, params, signal)).unwrappedDek()
  }

  /** Fetches the public key, because a cached one says nothing about the CMK's present state. */
  async #verifyWrap({ signal }: CallContext): Promise<void> {
    if (this.#pinned === undefined) await this.#kept.renew(signal)
    else refuseCancelled(signal)
  }

  /**
   * If the public key is pinned, makes a round trip, which also proves that the key belongs to this CMK. Otherwise
   * tries to decrypt bytes that cannot open: the service says so only to an identity that may decrypt, and a reader
   * needs no other permission.
   */
  async #verifyUnwrap(call: CallContext): Promise<void> {
    if (this.#pinned !== undefined) {
      const made = await this.generateDek(call)
      await expectRoundTrip(made, (ciphertextDek) => this.unwrapDek(ciphertextDek, call), this.#cmk.id)
      return
    }
    const bytes = randomFillSync(new Uint8Array(BITS / 8))
    // Makes the number smaller than any modulus of this size.
    bytes[0] = 0
    await expectOpensNothing(this.unwrapDek(bytes, call), this.#cmk.id)
  }

  async #publicKey(signal: AbortSignal): Promise<KeyObject> {
    refuseCancelled(signal)
    return this.#pinned ?? this.#kept.get(signal)
  }

  async #fetch(signal: AbortSignal): Promise<KeyObject> {
    const answer = await this.#api.call('GetPublicKey', this.#cmk, { KeyId: this.#cmk.keyId }, signal)
    const key = readSpki(answer.publicKey(), () => answer.invalidPublicKey())
    const why = whyNoRsa2048(key)
    if (why !== undefined) throw answer.unusablePublicKey(why)
    return key
  }
}
