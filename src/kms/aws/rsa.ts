/**
 * Provider `aws-kms/rsa-oaep-sha256`, an RSA CMK (KeyUsage ENCRYPT_DECRYPT). DEKs are made here, wrapped here with its
 * public key as in `rsa-public-key.ts`, and unwrapped by the service. KMS takes no encryption context for such a CMK.
 */
import { randomFillSync, type KeyObject } from 'node:crypto'
import type { EnvelopeError } from '../../errors.js'
import type { Clock } from '../../clock.js'
import { refuseCancelled } from '../../cancellation.js'
import { Kept } from '../kept.js'
import type { GeneratedDek } from '../kms.js'
import { ciphertextDekInvalid, expectOpensNothing, expectRoundTrip, madeHere } from '../proofs.js'
import { modulusBits, readPublicKey, readSpki, whyUnusable, wrapWithPublicKey } from '../rsa-public-key.js'
import type { AwsApi } from './api.js'
import type { AwsCmk, CallContext } from './aws-cmk.js'
import type { CmkArn } from './cmk-arn.js'

/** The key specs of RSA CMKs. */
export type RsaType = 'rsa-2048' | 'rsa-3072' | 'rsa-4096'

const BITS: Readonly<Record<RsaType, number>> = { 'rsa-2048': 2048, 'rsa-3072': 3072, 'rsa-4096': 4096 }
const MODULUS_BYTES: ReadonlySet<number> = new Set(Object.values(BITS).map((bits) => bits / 8))

/** @throws the error that `refused` returns, if `pem` is not the public key of an RSA CMK of this type */
export function readRsa(pem: string, type: RsaType, refused: (why: string) => EnvelopeError): KeyObject {
  const key = readPublicKey(pem, refused)
  const why = whyNot(key, type)
  if (why !== undefined) throw refused(why)
  return key
}

function whyNot(key: KeyObject, type: RsaType): string | undefined {
  const [bits, expected] = [modulusBits(key), BITS[type]]
  return (
    whyUnusable(key) ?? (bits === expected ? undefined : `has ${String(bits)} bits, not ${String(expected)}`)
  )
}

export interface RsaCmkOptions {
  readonly type: RsaType
  /** If given, the service is never asked for it. */
  readonly publicKey: KeyObject | undefined
}

export class RsaCmk implements AwsCmk {
  readonly provider = 'aws-kms/rsa-oaep-sha256'
  readonly publicKeyWraps = true
  readonly verify = {
    generate: (call: CallContext) => this.#verifyWrap(call),
    wrap: (call: CallContext) => this.#verifyWrap(call),
    unwrap: (call: CallContext) => this.#verifyUnwrap(call),
  } as const
  readonly #api: AwsApi
  readonly #cmk: CmkArn
  readonly #type: RsaType
  readonly #pinned: KeyObject | undefined
  /** Asymmetric CMKs do not rotate. */
  readonly #kept: Kept<KeyObject>

  constructor(api: AwsApi, cmk: CmkArn, { type, publicKey }: RsaCmkOptions, clock: Clock) {
    this.#api = api
    this.#cmk = cmk
    this.#type = type
    this.#pinned = publicKey
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
    // Any size, because the configured type may be wrong, and that must not blame a record. The service decides.
    if (!MODULUS_BYTES.has(ciphertextDek.length)) throw ciphertextDekInvalid(this.#cmk.id)
    const input = { CiphertextBlob: ciphertextDek, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }
    return (await this.#api.call('Decrypt', this.#cmk, input, signal)).unwrappedDek()
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
    const bytes = randomFillSync(new Uint8Array(BITS[this.#type] / 8))
    // Makes the number smaller than any modulus of this size.
    bytes[0] = 0
    await expectOpensNothing(this.unwrapDek(bytes, call), this.#cmk.id)
  }

  async #publicKey(signal: AbortSignal): Promise<KeyObject> {
    refuseCancelled(signal)
    return this.#pinned ?? this.#kept.get(signal)
  }

  async #fetch(signal: AbortSignal): Promise<KeyObject> {
    const answer = await this.#api.call('GetPublicKey', this.#cmk, {}, signal)
    const key = readSpki(answer.publicKey(), () => answer.invalidPublicKey())
    const why = whyNot(key, this.#type)
    if (why !== undefined) throw answer.unusablePublicKey(why)
    return key
  }
}
