import type { Clock } from '../clock.js'
import { Dek } from '../crypto/dek.js'
import type { WrappedDek } from '../envelope/format.js'
import { EnvelopeError } from '../errors.js'
import { decisive, WRAPPING } from './cmk-failures.js'
import { CmkOutage } from './cmk-outage.js'
import { checkedDescription } from './description.js'
import type { CmkDescription, EncryptionContext, Kms } from './kms.js'

/** A new DEK and its wrapping under each of several CMKs, in their order. */
export interface NewDek {
  readonly dek: Dek
  readonly wrappings: readonly WrappedDek[]
}

/** Identifies a CMK in its KMS. */
export interface CmkAddress {
  /** The name of the KMS in the configuration. */
  readonly kmsName: string
  readonly kms: Kms
  readonly id: string
  readonly clock: Clock
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
  readonly #kms: Kms
  readonly #outage: CmkOutage

  private constructor(kmsName: string, kms: Kms, id: string, description: CmkDescription, outage: CmkOutage) {
    this.kmsName = kmsName
    this.#kms = kms
    this.id = id
    this.provider = description.provider
    this.publicKeyWraps = description.publicKeyWraps
    this.#outage = outage
  }

  /** @throws EnvelopeError as `Kms.describe` does; CONFIG_INVALID if the description is impossible */
  static async describe({ kmsName, kms, id, clock }: CmkAddress, signal: AbortSignal): Promise<Cmk> {
    const description = checkedDescription(kmsName, id, await kms.describe(id, signal))
    return new Cmk(kmsName, kms, id, description, new CmkOutage(clock))
  }

  /** The same CMK through another path to its KMS, such as one with a different share of its calls. */
  by(kms: Kms): Cmk {
    return new Cmk(this.kmsName, kms, this.id, this, this.#outage)
  }

  /** Whether its KMS failed transiently a short time ago. */
  get isAway(): boolean {
    return this.#outage.isOn
  }

  /**
   * Makes a DEK under the first CMK and wraps it under the others; fails unless all succeed. If the first fails, the
   * others are not asked. Ends when every call has ended.
   * @throws EnvelopeError of several failures, the one that `cmk-failures.ts` selects
   */
  static async newDek(
    cmks: readonly [Cmk, ...Cmk[]],
    context: EncryptionContext,
    signal: AbortSignal,
  ): Promise<NewDek> {
    const [first, ...others] = cmks
    const { dek, ciphertextDek } = await first.#kms.generateDek({ cmkId: first.id, context, signal })
    try {
      const wrapped = await Promise.allSettled(
        others.map(async (cmk) =>
          cmk.#wrapping(await cmk.#kms.wrapDek({ cmkId: cmk.id, context, signal, dek })),
        ),
      )
      const failures = wrapped.flatMap((result): unknown[] =>
        result.status === 'rejected' ? [result.reason] : [],
      )
      if (failures.length > 0) throw decisive(failures, WRAPPING)
      const wrappings = wrapped.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      // Checked right before it is imported: a provider that wrongly caches results returns one that has been wiped.
      if (dek.every((byte) => byte === 0))
        throw new EnvelopeError(
          'KMS_RESPONSE_INVALID',
          `CMK ${first.id} returned a DEK of zeros, or a DEK that it returned before`,
        )
      return { dek: Dek.take(dek), wrappings: [first.#wrapping(ciphertextDek), ...wrappings] }
    } finally {
      dek.fill(0)
    }
  }

  /** @throws EnvelopeError as `Kms.unwrapDek` does */
  async unwrap(ciphertextDek: Uint8Array, context: EncryptionContext, signal: AbortSignal): Promise<Dek> {
    try {
      const dek = Dek.take(await this.#kms.unwrapDek({ cmkId: this.id, context, signal, ciphertextDek }))
      this.#outage.recordSuccess()
      return dek
    } catch (error) {
      // A call that was cancelled says nothing about the KMS.
      if (!signal.aborted) this.#outage.recordFailure(error)
      throw error
    }
  }

  verify(use: 'wrap' | 'unwrap', context: EncryptionContext, signal: AbortSignal): Promise<void> {
    return this.#kms.verify({ cmkId: this.id, context, signal, use })
  }

  #wrapping(ciphertextDek: Uint8Array): WrappedDek {
    return { provider: this.provider, cmkId: this.id, ciphertextDek: Buffer.from(ciphertextDek) }
  }
}
