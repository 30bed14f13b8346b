import { LRUCache } from 'lru-cache'
import type { EnvelopeError } from '../errors.js'
import type { Cmk } from '../kms/cmk.js'
import { ageMeter, type Clock } from './clock.js'

/**
 * For how long it is remembered that a KMS refused a ciphertext DEK. A flood of copies of one forged record costs a call
 * in this time; and where an operator mends what made the KMS refuse, readers see it after this time at the latest.
 */
export const REMEMBERED_MS = 30_000
/** Names are below 3 KiB, so this stays within 3 MiB. */
const MAX_REMEMBERED = 1000

/**
 * Ciphertext DEKs that their KMS refused a moment ago. Refusals of the ciphertext alone: rights, the state of a CMK and
 * outages are never remembered.
 */
export class Refusals {
  readonly #clock: Clock
  readonly #refused = new LRUCache<
    string,
    { readonly cmk: Cmk; readonly error: EnvelopeError; readonly ageMs: () => number }
  >({ max: MAX_REMEMBERED })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(name: string): EnvelopeError | undefined {
    const refused = this.#refused.get(name)
    if (refused === undefined || refused.ageMs() < REMEMBERED_MS) return refused?.error
    this.#refused.delete(name)
    return undefined
  }

  add(name: string, cmk: Cmk, error: EnvelopeError): void {
    this.#refused.set(name, { cmk, error, ageMs: ageMeter(this.#clock) })
  }

  drop(which: (cmk: Cmk) => boolean): void {
    for (const [name, { cmk }] of [...this.#refused.entries()]) if (which(cmk)) this.#refused.delete(name)
  }
}
