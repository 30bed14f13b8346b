import { LRUCache } from 'lru-cache'
import type { Cmk } from '../../kms/cmk.js'
import { MAX_TIMER_STEP_MS, type Clock } from '../../clock.js'
import type { OpenedDek } from './opened-dek.js'

interface Kept {
  readonly opened: OpenedDek
  readonly release: () => void
}

/**
 * The opened DEKs that were used most recently, by name. Bounded in number, and in the time since each was unwrapped.
 */
export class DekCache {
  readonly #ttlMs: number
  readonly #clock: Clock
  readonly #deks: LRUCache<string, Kept>
  /** What was looked up last. Most records have the same DEK as the one before. */
  #recent: { readonly name: string; readonly kept: Kept } | undefined

  constructor(limits: { readonly maxDeks: number; readonly ttlMs: number }, clock: Clock) {
    this.#ttlMs = limits.ttlMs
    this.#clock = clock
    this.#deks = new LRUCache({
      max: limits.maxDeks,
      // Not `dispose`, which runs while the cache changes: a listener of `dek.destroyed` may call back and change it too.
      disposeAfter: (kept) => {
        if (this.#recent?.kept === kept) this.#recent = undefined
        kept.release()
      },
    })
  }

  get size(): number {
    return this.#deks.size
  }

  get(name: string): OpenedDek | undefined {
    const kept = this.#kept(name)
    if (kept === undefined || kept.opened.ageMs() < this.#ttlMs) return kept?.opened
    // Not immediately: the caller may just have found a key of this DEK, and be about to use it.
    queueMicrotask(() => {
      if (this.#deks.peek(name) === kept) this.#deks.delete(name)
    })
    return undefined
  }

  #kept(name: string): Kept | undefined {
    if (this.#recent?.name === name) return this.#recent.kept
    const kept = this.#deks.get(name)
    this.#recent = kept && { name, kept }
    return kept
  }

  keep(name: string, opened: OpenedDek): void {
    this.#recent = undefined
    const release = opened.lease()
    let cancel = (): void => undefined
    // An idle DEK reaches its maximum age too, although no caller asks for it.
    const arm = (): void => {
      const restMs = this.#ttlMs - opened.ageMs()
      cancel = this.#clock.schedule(
        () => {
          if (opened.ageMs() >= this.#ttlMs) this.#deks.delete(name)
          else arm()
        },
        Math.min(Math.max(1, restMs), MAX_TIMER_STEP_MS),
      )
    }
    arm()
    this.#deks.set(name, {
      opened,
      release: () => {
        cancel()
        release()
      },
    })
  }

  delete(name: string): void {
    this.#deks.delete(name)
  }

  drop(which: (cmk: Cmk) => boolean): void {
    for (const [name, { opened }] of [...this.#deks.entries()]) {
      if (which(opened.cmk)) this.#deks.delete(name)
    }
  }
}
