import { LRUCache } from 'lru-cache'
import { EnvelopeError } from '../../errors.js'
import type { Cmk } from '../../kms/cmk.js'
import { ageMeter, type Clock } from '../../clock.js'

/**
 * For how long it is remembered that a KMS refused a ciphertext DEK. A flood of copies of one forged record costs a call
 * in this time; and where an operator mends what made the KMS refuse, readers see it after this time at the latest.
 */
export const REMEMBERED_MS = 30_000
/** A name is below 5 KiB, so this stays within 6 MiB. */
const MAX_REMEMBERED = 1000

/** What the KMS itself said, where it did. */
type KmsWords = Pick<EnvelopeError, 'kmsCode' | 'requestId'>

/** Without the error itself: its stack takes several times as much memory. */
interface Refusal extends KmsWords {
  readonly cmk: Cmk
  readonly ageMs: () => number
}

/** Whatever a KMS has against a ciphertext DEK, the record fails in one way: its unwrapping failed. */
export function unwrapFailed(cmk: Cmk, { kmsCode, requestId }: KmsWords): EnvelopeError {
  return new EnvelopeError('UNWRAP_FAILED', `CMK ${cmk.id} did not unwrap the ciphertext DEK`, {
    ...(kmsCode === undefined ? {} : { kmsCode }),
    ...(requestId === undefined ? {} : { requestId }),
  })
}

/**
 * Ciphertext DEKs that their KMS refused a moment ago. Refusals of the ciphertext alone: rights, the state of a CMK and
 * outages are never remembered.
 */
export class Refusals {
  readonly #clock: Clock
  readonly #refused = new LRUCache<string, Refusal>({ max: MAX_REMEMBERED })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(name: string): EnvelopeError | undefined {
    const refused = this.#refused.get(name)
    if (refused === undefined) return undefined
    if (refused.ageMs() < REMEMBERED_MS) return unwrapFailed(refused.cmk, refused)
    this.#refused.delete(name)
    return undefined
  }

  add(name: string, cmk: Cmk, { kmsCode, requestId }: KmsWords): void {
    this.#refused.set(name, { cmk, kmsCode, requestId, ageMs: ageMeter(this.#clock) })
  }

  drop(which: (cmk: Cmk) => boolean): void {
    for (const [name, { cmk }] of [...this.#refused.entries()]) if (which(cmk)) this.#refused.delete(name)
  }
}
