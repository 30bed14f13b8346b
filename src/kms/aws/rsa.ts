/**
 * Provider `aws-kms/rsa-oaep-sha256`, an RSA CMK (KeyUsage ENCRYPT_DECRYPT). DEKs are made here, wrapped here with its
 * public key as in `rsa-public-key.ts`, and unwrapped by the service. KMS takes no encryption context for such a CMK.
 */
import { randomFillSync, type KeyObject } from 'node:crypto'
import type { EnvelopeError } from '../../errors.js'
import { stopwatch, type Clock } from '../../clock.js'
import { DEK_BYTES } from '../../crypto/dek.js'
import { refuseCancelled, raceAbort } from '../../cancellation.js'
import type { GeneratedDek } from '../kms.js'
import { modulusBits, readPublicKey, readSpki, whyUnusable, wrapWithPublicKey } from '../rsa-public-key.js'
import type { AwsApi } from './api.js'
import {
  ciphertextDekInvalid,
  expectOpensNothing,
  expectSame,
  type AwsCmk,
  type CallContext,
} from './aws-cmk.js'
import type { CmkArn } from './cmk-arn.js'

/** The key specs of RSA CMKs. */
export type RsaType = 'rsa-2048' | 'rsa-3072' | 'rsa-4096'

const BITS: Readonly<Record<RsaType, number>> = { 'rsa-2048': 2048, 'rsa-3072': 3072, 'rsa-4096': 4096 }

const KEEP_MS = 3_600_000

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
  readonly #api: AwsApi
  readonly #cmk: CmkArn
  readonly #type: RsaType
  readonly #pinned: KeyObject | undefined
  #kept: { readonly key: KeyObject; readonly until: number } | undefined
  readonly #elapsedMs: () => number
  #fetching: Promise<KeyObject> | undefined

  constructor(api: AwsApi, cmk: CmkArn, { type, publicKey }: RsaCmkOptions, clock: Clock) {
    this.#api = api
    this.#cmk = cmk
    this.#type = type
    this.#pinned = publicKey
    this.#elapsedMs = stopwatch(clock)
  }

  get offline(): boolean {
    return this.#pinned !== undefined
  }

  async generateDek({ signal }: CallContext): Promise<GeneratedDek> {
    const key = await this.#publicKey(signal)
    const dek = randomFillSync(new Uint8Array(DEK_BYTES))
    try {
      return { dek, ciphertextDek: wrapWithPublicKey(key, dek) }
    } catch (error) {
      dek.fill(0)
      throw error
    }
  }

  async wrapDek(dek: Uint8Array, { signal }: CallContext): Promise<Uint8Array> {
    return wrapWithPublicKey(await this.#publicKey(signal), dek)
  }

  async unwrapDek(ciphertextDek: Uint8Array, { signal }: CallContext): Promise<Uint8Array> {
    if (ciphertextDek.length !== this.#modulusBytes) throw ciphertextDekInvalid(this.#cmk)
    const input = { CiphertextBlob: ciphertextDek, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }
    return (await this.#api.call('Decrypt', this.#cmk, input, signal)).unwrappedDek()
  }

  /** Fetches the public key, because a cached one says nothing about the CMK's present state. */
  async verifyWrap({ signal }: CallContext): Promise<void> {
    if (this.#pinned === undefined) await this.#fetch(signal)
    else refuseCancelled(signal)
  }

  /**
   * If the public key is pinned, makes a round trip, which also proves that the key belongs to this CMK. Otherwise
   * tries to decrypt bytes that cannot open: the service says so only to an identity that may decrypt, and a reader
   * needs no other permission.
   */
  async verifyUnwrap(call: CallContext): Promise<void> {
    if (this.#pinned !== undefined) {
      const { dek, ciphertextDek } = await this.generateDek(call)
      try {
        expectSame(dek, await this.unwrapDek(ciphertextDek, call), this.#cmk)
      } finally {
        dek.fill(0)
      }
      return
    }
    const bytes = randomFillSync(new Uint8Array(this.#modulusBytes))
    // Makes the number smaller than any modulus of this size.
    bytes[0] = 0
    await expectOpensNothing(this.unwrapDek(bytes, call), this.#cmk)
  }

  get #modulusBytes(): number {
    return BITS[this.#type] / 8
  }

  /**
   * The pinned key, or one that is cached for an hour, since asymmetric CMKs do not rotate. Concurrent callers share
   * one request.
   */
  async #publicKey(signal: AbortSignal): Promise<KeyObject> {
    refuseCancelled(signal)
    if (this.#pinned !== undefined) return this.#pinned
    if (this.#kept !== undefined && this.#elapsedMs() < this.#kept.until) return this.#kept.key
    // The request outlives its first caller: others may wait for it too. It has a deadline of its own.
    this.#fetching ??= this.#fetch(this.#api.lifetime).finally(() => {
      this.#fetching = undefined
    })
    return raceAbort(this.#fetching, signal)
  }

  async #fetch(signal: AbortSignal): Promise<KeyObject> {
    const answer = await this.#api.call('GetPublicKey', this.#cmk, {}, signal)
    const key = readSpki(answer.publicKey(), () => answer.invalidPublicKey())
    const why = whyNot(key, this.#type)
    if (why !== undefined) throw answer.unusablePublicKey(why)
    this.#kept = { key, until: this.#elapsedMs() + KEEP_MS }
    return key
  }
}
