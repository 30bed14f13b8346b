import { EnvelopeError, isEnvelopeError } from '../errors.js'
import type { WrappedDek } from '../envelope/format.js'
import { Cmk, type NewDek, type NewDekOptions, type SealUnder } from './cmk.js'
import {
  decisive,
  UNWRAPPING_TO_OPEN,
  UNWRAPPING_TO_SEAL,
  WRAPPING,
  WRAPPING_ANY,
  type FailureRule,
} from './cmk-failures.js'
import type { EncryptionContext } from './kms.js'

/** A wrapping, with the CMK of the set that can unwrap it. */
export interface CmkWrapping {
  readonly cmk: Cmk
  readonly ciphertextDek: Buffer
}

/**
 * The CMKs with which a rule seals or opens, the preferred one first. `cmk-failures.ts` says which failure is reported.
 */
export class CmkSet {
  readonly list: readonly [Cmk, ...Cmk[]]
  readonly #unwrapping: FailureRule

  private constructor(list: readonly [Cmk, ...Cmk[]], unwrapping: FailureRule) {
    this.list = list
    this.#unwrapping = unwrapping
  }

  static forSealing(list: readonly [Cmk, ...Cmk[]]): CmkSet {
    return new CmkSet(list, UNWRAPPING_TO_SEAL)
  }

  static forOpening(list: readonly [Cmk, ...Cmk[]]): CmkSet {
    return new CmkSet(list, UNWRAPPING_TO_OPEN)
  }

  /** Whether the set has this CMK, or one that unwraps for it. */
  includes(cmkId: string): boolean {
    return this.list.some((cmk) => cmk.id === cmkId || cmk.unwrapsFor(cmkId))
  }

  /** Makes a DEK and wraps it under the CMKs. @throws EnvelopeError as `Cmk.newDek` says */
  newDek(options: NewDekOptions): Promise<NewDek> {
    return Cmk.newDek(this.list, options)
  }

  /**
   * The wrappings that a CMK of the set can unwrap, in the order of the set. A CMK gets the wrapping that was made under
   * its own id, or else the first one that it unwraps for another CMK.
   */
  matching(wrappings: readonly WrappedDek[]): CmkWrapping[] {
    return this.list.flatMap((cmk) => {
      const ofProvider = wrappings.filter(({ provider }) => provider === cmk.provider)
      const made =
        ofProvider.find(({ cmkId }) => cmkId === cmk.id) ??
        ofProvider.find(({ cmkId }) => cmk.unwrapsFor(cmkId))
      return made === undefined ? [] : [{ cmk, ciphertextDek: made.ciphertextDek }]
    })
  }

  /**
   * Unwraps a DEK with the first of its wrappings that works. When records are opened, a CMK whose KMS failed
   * transiently a short time ago is tried after the others, so that an outage of the nearest region costs a time-out
   * now and then, not for each DEK.
   *
   * @param unwrap unwraps one wrapping
   * @param isCached whether `unwrap` needs no KMS call, so that an outage does not matter
   * @throws EnvelopeError as the set's `FailureRule` says. An error without a kind, such as that of a closed KMS, says
   * nothing about a CMK or a DEK: it is thrown immediately, and so is any other error.
   */
  async unwrap<W extends CmkWrapping, T>(
    wrappings: readonly W[],
    unwrap: (wrapping: W) => Promise<T>,
    isCached: (wrapping: W) => boolean = () => false,
  ): Promise<T> {
    const failures: EnvelopeError[] = []
    const { asksAwayLast } = this.#unwrapping
    for (const wrapping of asksAwayLast ? inOrder(wrappings, isCached) : wrappings) {
      try {
        return await unwrap(wrapping)
      } catch (error) {
        if (!isEnvelopeError(error) || error.kind === undefined) throw error
        failures.push(error)
      }
      if (this.#unwrapping.isOver(failures)) break
    }
    if (failures.length === 0)
      throw new EnvelopeError('NO_CANDIDATE', 'the rule accepts none of the wrappings')
    throw decisive(failures, this.#unwrapping)
  }

  /**
   * Proves that this process may use the CMKs: `all` or `any` of them. To wrap under `all`, the first one makes DEKs and
   * the others wrap them, as in `newDek`; under `any`, it is enough that one makes them. Ends when every call has ended.
   * @throws EnvelopeError of several failures, the one that wrapping or unwrapping would report
   */
  async verify(
    use: 'wrap' | 'unwrap',
    needs: SealUnder,
    context: EncryptionContext,
    signal: AbortSignal,
  ): Promise<void> {
    const verified = await Promise.allSettled(
      this.list.map((cmk, at) =>
        cmk.verify(use === 'wrap' && (at === 0 || needs === 'any') ? 'generate' : use, context, signal),
      ),
    )
    const failures = verified.flatMap((one): unknown[] => (one.status === 'rejected' ? [one.reason] : []))
    const needed = needs === 'all' ? this.list.length : 1
    if (this.list.length - failures.length >= needed) return
    throw decisive(failures, use === 'unwrap' ? this.#unwrapping : needs === 'any' ? WRAPPING_ANY : WRAPPING)
  }
}

/** Reads the outages once, because they may change at any moment. */
function inOrder<W extends CmkWrapping>(
  wrappings: readonly W[],
  isCached: (wrapping: W) => boolean,
): readonly W[] {
  const last = new Set(wrappings.filter((wrapping) => wrapping.cmk.isAway && !isCached(wrapping)))
  return [...wrappings.filter((wrapping) => !last.has(wrapping)), ...last]
}
