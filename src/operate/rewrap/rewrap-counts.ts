import type { NotRewrappedCode } from './not-rewrapped.js'
import type { Outcome } from './rewrapper.js'

/** What became of the records that a process has copied. */
export interface RewrapCounts {
  readonly rewrapped: number
  /** Envelopes that have nothing to change. */
  readonly unchanged: number
  readonly tombstones: number
  /** Records that could not be rewrapped, and were copied as they were. */
  readonly others: readonly CopiedOthers[]
}

/** Records that could not be rewrapped for one reason. */
export interface CopiedOthers {
  readonly code: NotRewrappedCode
  readonly records: number
  /** The first that this process came to. */
  readonly first: { readonly partition: number; readonly offset: string }
}

/** Counts the outcomes of records that were written. */
export class RewrapTally {
  readonly #counts = { rewrapped: 0, unchanged: 0, tombstone: 0 }
  readonly #others = new Map<NotRewrappedCode, CopiedOthers>()

  add(partition: number, offset: string, outcome: Outcome): void {
    if ('why' in outcome) this.#addOther(outcome.why.code, { partition, offset })
    else this.#counts[outcome.as]++
  }

  counts(): RewrapCounts {
    const { rewrapped, unchanged, tombstone: tombstones } = this.#counts
    return { rewrapped, unchanged, tombstones, others: [...this.#others.values()] }
  }

  #addOther(code: NotRewrappedCode, at: CopiedOthers['first']): void {
    const { records, first } = this.#others.get(code) ?? { records: 0, first: at }
    this.#others.set(code, { code, records: records + 1, first })
  }
}
