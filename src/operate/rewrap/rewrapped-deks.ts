import { LRUCache } from 'lru-cache'
import type { WrappedDek } from '../../envelope/format.js'
import { canonicalContext } from '../../envelope/context.js'
import type { Cmk } from '../../kms/cmk.js'
import type { CmkSet, CmkWrapping } from '../../kms/cmk-set.js'
import type { EncryptionContext } from '../../kms/kms.js'
import type { PlannedWrapping } from './plan-wrappings.js'

/** A DEK, as its wrappings in envelopes name it, and the wrappings that it shall have. */
export interface DekToRewrap {
  readonly wrappedDeks: readonly WrappedDek[]
  readonly context: EncryptionContext
  readonly wrappings: readonly PlannedWrapping[]
  /** The CMKs with which the rule opens, and the wrappings that they may use. */
  readonly cmks: CmkSet
  readonly candidates: readonly CmkWrapping[]
}

export interface RewrappedDek {
  readonly wrappings: Promise<readonly WrappedDek[]>
  /** Whether an envelope with these wrappings has been opened. */
  isProven: boolean
}

/** The new wrappings of DEKs, made once in this process for each, as long as there is room. */
export class RewrappedDeks {
  readonly #deks: LRUCache<string, RewrappedDek>
  readonly #signal: AbortSignal
  #made = 0

  /** @param signal ends the calls to KMSs, which several records may wait for */
  constructor(max: number, signal: AbortSignal) {
    this.#deks = new LRUCache({ max })
    this.#signal = signal
  }

  /** How many DEKs have been rewrapped. */
  get made(): number {
    return this.#made
  }

  /** A failure is forgotten, so that the next call tries again. */
  get(dek: DekToRewrap): RewrappedDek {
    const name = nameOf(dek)
    const known = this.#deks.get(name)
    if (known !== undefined) return known
    const rewrapped: RewrappedDek = { isProven: false, wrappings: this.#make(dek) }
    this.#deks.set(name, rewrapped)
    rewrapped.wrappings.then(
      () => this.#made++,
      () => {
        this.forget(dek, rewrapped)
      },
    )
    return rewrapped
  }

  forget(dek: DekToRewrap, rewrapped: RewrappedDek): void {
    const name = nameOf(dek)
    if (this.#deks.get(name) === rewrapped) this.#deks.delete(name)
  }

  #make(dek: DekToRewrap): Promise<readonly WrappedDek[]> {
    return Promise.all(
      dek.wrappings.map(async (wrapping) => {
        if ('kept' in wrapping) return wrapping.kept
        const { under, replaced } = wrapping
        const ciphertextDek = await dek.cmks.unwrap(
          inOrder(dek.candidates, under, replaced),
          async ({ cmk, ciphertextDek: old }) =>
            cmk.rewrap(old, under, { context: dek.context, signal: this.#signal }),
        )
        return { provider: under.provider, cmkId: under.id, ciphertextDek }
      }),
    )
  }
}

/** First the wrapping that is replaced, then those that the service itself can re-encrypt. */
function inOrder(
  candidates: readonly CmkWrapping[],
  under: Cmk,
  replaced: WrappedDek | undefined,
): readonly CmkWrapping[] {
  const rank = ({ cmk, ciphertextDek }: CmkWrapping): number =>
    ciphertextDek === replaced?.ciphertextDek ? 0 : cmk.isRewrappedByServiceTo(under) ? 1 : 2
  return candidates.toSorted((a, b) => rank(a) - rank(b))
}

function nameOf({ wrappedDeks, context }: DekToRewrap): string {
  const wrapped = wrappedDeks.map((one) => [one.provider, one.cmkId, one.ciphertextDek.toString('base64')])
  return JSON.stringify([wrapped, canonicalContext(context)])
}
