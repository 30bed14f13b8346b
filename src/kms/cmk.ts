import type { Clock } from '../clock.js'
import { Dek } from '../crypto/dek.js'
import type { WrappedDek } from '../envelope/format.js'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../errors.js'
import { decisive, WRAPPING, WRAPPING_ANY } from './cmk-failures.js'
import { CmkOutage } from './cmk-outage.js'
import { checkedDescription } from './description.js'
import type { CmkDescription, EncryptionContext, GeneratedDek, Kms, KmsUse } from './kms.js'
import { encryptsNoSecrets } from './secret.js'

/** A new DEK and its wrappings under several CMKs, in their order. */
export interface NewDek {
  readonly dek: Dek
  readonly wrappings: readonly WrappedDek[]
  /** The CMKs that failed to wrap it; only if not all of them must. */
  readonly missing: readonly MissingCmk[]
}

/** A CMK that cannot unwrap a DEK, because it failed when the DEK was made. */
export interface MissingCmk {
  readonly cmkId: string
  readonly code: ErrorCode
}

/** Whether a DEK must be wrapped under each of its CMKs, or under at least one. */
export type SealUnder = 'all' | 'any'

export interface NewDekOptions {
  readonly context: EncryptionContext
  readonly sealUnder: SealUnder
  readonly signal: AbortSignal
}

/** For `Cmk.rewrap`. */
export interface RewrapOptions {
  /** With which the DEK was wrapped, and will be. */
  readonly context: EncryptionContext
  readonly signal: AbortSignal
}

interface Failure {
  readonly cmk: Cmk
  readonly error: unknown
}

/** Identifies a CMK in its KMS. */
export interface CmkAddress {
  /** The name of the KMS in the configuration. */
  readonly kmsName: string
  readonly kms: Kms
  readonly id: string
  readonly clock: Clock
}

/** What a CMK has in common with itself through other paths. */
interface Shared {
  readonly outage: CmkOutage
  /** The KMS as it was described: the same object for all CMKs of one KMS of one owner. */
  readonly service: Kms
}

/**
 * A CMK in its KMS. Raw DEKs end here: this class imports and wipes the DEK that a provider returned and `checked` has
 * checked. After that only `crypto/` sees keys.
 */
export class Cmk {
  /** The name of the KMS in the configuration. */
  readonly kmsName: string
  readonly id: string
  readonly provider: string
  readonly publicKeyWraps: boolean
  /** As in `CmkDescription`. */
  readonly unwrapsFor: (cmkId: string) => boolean
  /** As in `CmkDescription`. */
  readonly rewrapsTo: (cmkId: string) => boolean
  readonly #kms: Kms
  readonly #shared: Shared

  private constructor(kmsName: string, kms: Kms, id: string, description: CmkDescription, shared: Shared) {
    this.kmsName = kmsName
    this.#kms = kms
    this.id = id
    this.provider = description.provider
    this.publicKeyWraps = description.publicKeyWraps
    this.unwrapsFor = description.unwrapsFor ?? (() => false)
    this.rewrapsTo = description.rewrapsTo ?? (() => false)
    this.#shared = shared
  }

  /** @throws EnvelopeError as `Kms.describe` does; CONFIG_INVALID if the description is impossible */
  static async describe({ kmsName, kms, id, clock }: CmkAddress, signal: AbortSignal): Promise<Cmk> {
    const description = checkedDescription(kmsName, id, await kms.describe(id, signal))
    return new Cmk(kmsName, kms, id, description, { outage: new CmkOutage(clock), service: kms })
  }

  /** The same CMK through another path to its KMS, such as one with a different share of its calls. */
  by(kms: Kms): Cmk {
    return new Cmk(this.kmsName, kms, this.id, this, this.#shared)
  }

  /** Whether its KMS failed transiently a short time ago. */
  get isAway(): boolean {
    return this.#shared.outage.isOn
  }

  /**
   * Makes a DEK under the first CMK and wraps it under the others. With `all` it fails unless all succeed; if the first
   * fails, the others are not asked. With `any` the first CMK that succeeds makes the DEK, and those that fail are
   * missing. Ends when every call has ended.
   * @throws EnvelopeError of several failures, the one that `cmk-failures.ts` selects
   */
  static async newDek(
    cmks: readonly [Cmk, ...Cmk[]],
    { context, sealUnder, signal }: NewDekOptions,
  ): Promise<NewDek> {
    const failures: Failure[] = []
    const { maker, made } = await Cmk.#generated(cmks, { context, sealUnder, signal }, failures)
    const { dek, ciphertextDek } = made
    try {
      // Those before the maker have failed.
      const others = cmks.slice(cmks.indexOf(maker) + 1)
      const wrapped = await Promise.all(
        others.map(async (cmk) => {
          try {
            return cmk.#wrapping(await cmk.#kms.wrapDek({ cmkId: cmk.id, context, signal, dek }))
          } catch (error) {
            failures.push({ cmk, error })
            return undefined
          }
        }),
      )
      const missing = missingOf(failures, sealUnder)
      // Checked right before it is imported: a provider that wrongly caches results returns one that has been wiped.
      if (isWiped(dek)) throw wiped(maker.id)
      const wrappings = wrapped.filter((one) => one !== undefined)
      return { dek: Dek.take(dek), wrappings: [maker.#wrapping(ciphertextDek), ...wrappings], missing }
    } finally {
      dek.fill(0)
    }
  }

  /** A DEK of the first CMK; with `any`, of the first that makes one. */
  static async #generated(
    cmks: readonly [Cmk, ...Cmk[]],
    { context, sealUnder, signal }: NewDekOptions,
    failures: Failure[],
  ): Promise<{ readonly maker: Cmk; readonly made: GeneratedDek }> {
    for (const maker of cmks) {
      try {
        return { maker, made: await maker.#kms.generateDek({ cmkId: maker.id, context, signal }) }
      } catch (error) {
        failures.push({ cmk: maker, error })
        if (signal.aborted) break
        missingOf(failures, sealUnder)
      }
    }
    throw decisive(errorsOf(failures), sealUnder === 'any' ? WRAPPING_ANY : WRAPPING)
  }

  /** @throws EnvelopeError as `Kms.unwrapDek` does */
  async unwrap(ciphertextDek: Uint8Array, context: EncryptionContext, signal: AbortSignal): Promise<Dek> {
    return Dek.take(await this.#unwrapped(ciphertextDek, context, signal))
  }

  /**
   * The same DEK as ciphertext under another CMK, or under the newest version of this one. The service re-encrypts it if
   * it can, and the DEK never leaves it. Else the DEK is unwrapped, wrapped, and wiped.
   * @throws EnvelopeError as `Kms.rewrapDek` does, or `Kms.unwrapDek` and `Kms.wrapDek`; UNWRAP_FAILED for a DEK of zeros
   */
  async rewrap(ciphertextDek: Uint8Array, to: Cmk, { context, signal }: RewrapOptions): Promise<Buffer> {
    if (this.isRewrappedByServiceTo(to)) {
      const call = { cmkId: this.id, toCmkId: to.id, context, signal, ciphertextDek }
      return Buffer.from(await (this.#kms as Required<Kms>).rewrapDek(call))
    }
    const dek = await this.#unwrapped(ciphertextDek, context, signal)
    try {
      // Right before it is wrapped, as in `newDek`: a wiped DEK could open nothing. But who has the public key of a CMK
      // can make an envelope with a DEK of zeros, and must not be able to make others wait: here it is not transient.
      if (isWiped(dek)) throw new EnvelopeError('UNWRAP_FAILED', `CMK ${this.id} unwrapped a DEK of zeros`)
      return Buffer.from(await to.#kms.wrapDek({ cmkId: to.id, context, signal, dek }))
    } finally {
      dek.fill(0)
    }
  }

  /**
   * Whether the service re-encrypts ciphertext DEKs of this CMK under the other one. Only if both are CMKs of one KMS of
   * one owner.
   */
  isRewrappedByServiceTo(to: Cmk): boolean {
    if (this.#shared.service !== to.#shared.service || this.#kms.rewrapDek === undefined) return false
    return this.rewrapsTo(to.id)
  }

  /** Whether its KMS encrypts secrets under it, and decrypts them. */
  get encryptsSecrets(): boolean {
    const { encryptSecret, decryptSecret } = this.#kms
    return !this.publicKeyWraps && encryptSecret !== undefined && decryptSecret !== undefined
  }

  /** @throws EnvelopeError CMK_UNUSABLE, or as `Kms.encryptSecret` does */
  async encryptSecret(
    secret: Uint8Array,
    context: EncryptionContext,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    if (!this.encryptsSecrets || this.#kms.encryptSecret === undefined) throw encryptsNoSecrets(this.id)
    return this.#kms.encryptSecret({ cmkId: this.id, context, signal, secret })
  }

  /** The secret in its own memory. @throws EnvelopeError CMK_UNUSABLE, or as `Kms.decryptSecret` does */
  async decryptSecret(
    ciphertext: Uint8Array,
    context: EncryptionContext,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    if (!this.encryptsSecrets || this.#kms.decryptSecret === undefined) throw encryptsNoSecrets(this.id)
    return this.#kms.decryptSecret({ cmkId: this.id, context, signal, ciphertext })
  }

  verify(use: KmsUse, context: EncryptionContext, signal: AbortSignal): Promise<void> {
    return this.#kms.verify({ cmkId: this.id, context, signal, use })
  }

  async #unwrapped(
    ciphertextDek: Uint8Array,
    context: EncryptionContext,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { outage } = this.#shared
    try {
      const dek = await this.#kms.unwrapDek({ cmkId: this.id, context, signal, ciphertextDek })
      outage.recordSuccess()
      return dek
    } catch (error) {
      // A call that was cancelled says nothing about the KMS.
      if (!signal.aborted) outage.recordFailure(error)
      throw error
    }
  }

  #wrapping(ciphertextDek: Uint8Array): WrappedDek {
    return { provider: this.provider, cmkId: this.id, ciphertextDek: Buffer.from(ciphertextDek) }
  }
}

/**
 * The CMKs that a DEK may lack.
 * @throws EnvelopeError the decisive failure, if it may lack none; or one that says nothing about a CMK
 */
function missingOf(failures: readonly Failure[], sealUnder: SealUnder): MissingCmk[] {
  if (sealUnder === 'all' && failures.length > 0) throw decisive(errorsOf(failures), WRAPPING)
  return failures.map(({ cmk, error }) => {
    if (!isOfCmk(error)) throw error
    return { cmkId: cmk.id, code: error.code }
  })
}

/** Not so is the error of a closed KMS, which has no kind, nor that of a call that our own limit held back. */
function isOfCmk(error: unknown): error is EnvelopeError {
  return isEnvelopeError(error) && error.kind !== undefined && error.code !== 'KMS_RATE_LIMITED'
}

function errorsOf(failures: readonly Failure[]): unknown[] {
  return failures.map(({ error }) => error)
}

function isWiped(dek: Uint8Array): boolean {
  return dek.every((byte) => byte === 0)
}

function wiped(cmkId: string): EnvelopeError {
  return new EnvelopeError(
    'KMS_RESPONSE_INVALID',
    `CMK ${cmkId} returned a DEK of zeros, or a DEK that it returned before`,
  )
}
