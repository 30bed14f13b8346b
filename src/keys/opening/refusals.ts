import { LRUCache } from 'lru-cache'
import { EnvelopeError } from '../../errors.js'
import type { Cmk } from '../../kms/cmk.js'
import { ageMeter, type Clock } from '../../clock.js'

/**
 * How long a refusal of a ciphertext DEK is remembered. Within this time a flood of copies of one forged record costs
 * one call. After an operator repairs the cause of a refusal, readers notice within this time.
 */
export const REMEMBERED_MS = 30_000
/** A name is below 5 KiB, so this stays within 6 MiB. */
const MAX_REMEMBERED = 1000

/** The code and request id of the KMS, if it gave any. */
type KmsWords = Pick<EnvelopeError, 'kmsCode' | 'requestId'>

/** Does not keep the error itself: its stack takes several times as much memory. */
interface Refusal extends KmsWords {
  readonly cmk: Cmk
  readonly ageMs: () => number
}

/** The one error of a record whose ciphertext DEK the KMS refuses, whatever the reason. */
export function unwrapFailed(cmk: Cmk, { kmsCode, requestId }: KmsWords): EnvelopeError {
  return new EnvelopeError('UNWRAP_FAILED', `CMK ${cmk.id} did not unwrap the ciphertext DEK`, {
    kmsCode,
    requestId,
  })
}

/**
 * Remembers ciphertext DEKs that their KMS refused recently, if the ciphertext itself was the reason. Missing
 * permissions, the state of a CMK and outages are never remembered.
 */
export class Refusals {
  readonly #clock: Clock
  readonly #refused = new LRUCache<string, Refusal>({ max: MAX_REMEMBERED })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(name: string): EnvelopeError | undefined {
    const refused = this.#refused.get(name)
    if (refused === undefined || refused.ageMs() >= REMEMBERED_MS) return undefined
    return unwrapFailed(refused.cmk, refused)
  }

  add(name: string, cmk: Cmk, { kmsCode, requestId }: KmsWords): void {
    this.#refused.set(name, { cmk, kmsCode, requestId, ageMs: ageMeter(this.#clock) })
  }

  drop(which: (cmk: Cmk) => boolean): void {
    for (const [name, { cmk }] of [...this.#refused.entries()]) if (which(cmk)) this.#refused.delete(name)
  }
}
