import { Dek, DEK_BYTES } from '../crypto/dek.js'
import { EnvelopeError, isEnvelopeError } from '../errors.js'
import { isDenial } from './denial.js'
import type { CmkDescription, EncryptionContext, GeneratedDek, Kms } from './kms.js'

/** A new DEK and its wrapping under each of several CMKs, in their order. */
export interface WrappedNewDek {
  readonly dek: Dek
  readonly wrappings: readonly Wrapping[]
}

export interface Wrapping {
  readonly provider: string
  readonly cmkId: string
  readonly ciphertextDek: Buffer
}

/**
 * A CMK in its KMS. This is where raw DEKs end: what a provider returns is checked, imported and wiped
 * here, and after it only `crypto/` sees keys.
 */
export class Cmk {
  /** The name of the KMS in the configuration. */
  readonly kmsName: string
  readonly id: string
  readonly provider: string
  readonly publicKeyWraps: boolean
  readonly #kms: Kms

  private constructor(kmsName: string, kms: Kms, id: string, description: CmkDescription) {
    this.kmsName = kmsName
    this.#kms = kms
    this.id = id
    this.provider = description.provider
    this.publicKeyWraps = description.publicKeyWraps
  }

  /** @throws EnvelopeError as `Kms.describe` does */
  static async describe(kmsName: string, kms: Kms, id: string, signal: AbortSignal): Promise<Cmk> {
    return new Cmk(kmsName, kms, id, await kms.describe(id, signal))
  }

  /** The same CMK by another way to its KMS: with another budget, for one. */
  by(kms: Kms): Cmk {
    return new Cmk(this.kmsName, kms, this.id, this)
  }

  /**
   * Makes a DEK under the first CMK and wraps it under the others; fails unless all succeed. Ends when every call has
   * ended: of those that were asked, what denies outweighs the rest, and what fails for now counts least. Where the first fails, the others are not asked.
   */
  static async newDek(
    cmks: readonly [Cmk, ...Cmk[]],
    context: EncryptionContext,
    signal: AbortSignal,
  ): Promise<WrappedNewDek> {
    const [first, ...others] = cmks
    const made = await first.#kms.generateDek({ cmkId: first.id, context, signal })
    const { dek, ciphertextDek } = first.#generated(made)
    try {
      const wrapped = await Promise.allSettled(
        others.map(async (cmk) =>
          cmk.#wrapping(await cmk.#kms.wrapDek({ cmkId: cmk.id, context, signal, dek })),
        ),
      )
      const failures = wrapped.flatMap((result): unknown[] =>
        result.status === 'rejected' ? [result.reason] : [],
      )
      const isForGood = (error: unknown): boolean => !isEnvelopeError(error) || error.kind !== 'transient'
      if (failures.length > 0) throw failures.find(isDenial) ?? failures.find(isForGood) ?? failures[0]
      const wrappings = wrapped.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      return { dek: Dek.take(dek), wrappings: [first.#wrapping(ciphertextDek), ...wrappings] }
    } finally {
      dek.fill(0)
    }
  }

  /** @throws EnvelopeError as `Kms.unwrapDek` does, and UNWRAP_FAILED where the result is no DEK */
  async unwrap(ciphertextDek: Uint8Array, context: EncryptionContext, signal: AbortSignal): Promise<Dek> {
    const bytes: unknown = await this.#kms.unwrapDek({ cmkId: this.id, context, signal, ciphertextDek })
    if (!(bytes instanceof Uint8Array)) throw nonsense(this)
    if (bytes.length !== DEK_BYTES) {
      bytes.fill(0)
      throw new EnvelopeError('UNWRAP_FAILED', 'what was unwrapped is not a DEK of 32 bytes')
    }
    return Dek.take(bytes)
  }

  verify(use: 'wrap' | 'unwrap', context: EncryptionContext, signal: AbortSignal): Promise<void> {
    return this.#kms.verify({ cmkId: this.id, context, signal, use })
  }

  #generated(made: unknown): GeneratedDek {
    const { dek, ciphertextDek } = (made ?? {}) as Partial<GeneratedDek>
    if (!(dek instanceof Uint8Array)) throw nonsense(this)
    if (dek.length === DEK_BYTES && ciphertextDek instanceof Uint8Array) return { dek, ciphertextDek }
    dek.fill(0)
    throw nonsense(this)
  }

  #wrapping(ciphertextDek: Uint8Array): Wrapping {
    if (!((ciphertextDek as unknown) instanceof Uint8Array)) throw nonsense(this)
    if (ciphertextDek.length < 1 || ciphertextDek.length > 1024) {
      throw new EnvelopeError(
        'KMS_RESPONSE_INVALID',
        `a ciphertext DEK of CMK ${this.id} is empty or over 1,024 bytes`,
      )
    }
    return { provider: this.provider, cmkId: this.id, ciphertextDek: Buffer.from(ciphertextDek) }
  }
}

function nonsense(cmk: Cmk): EnvelopeError {
  return new EnvelopeError(
    'KMS_RESPONSE_INVALID',
    `what the KMS returned for CMK ${cmk.id} is not a DEK of 32 bytes with its ciphertext`,
  )
}
