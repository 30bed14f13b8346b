import { Backoff } from '../backoff.js'
import { ageMeter, type Clock } from '../clock.js'
import { isEnvelopeError } from '../errors.js'

/**
 * How long a CMK is asked after the others once its KMS has failed transiently. Longer after each failure, until it
 * answers.
 */
const ASKED_LAST = { firstMs: 30_000, maxMs: 300_000 }

/** Remembers that the KMS of a CMK failed transiently. Kept for each CMK, since one KMS may serve several regions. */
export class CmkOutage {
  readonly #clock: Clock
  readonly #backoff = new Backoff(ASKED_LAST)
  #last: { readonly ageMs: () => number; readonly forMs: number } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether to ask the CMK after the others. */
  get isOn(): boolean {
    return this.#last !== undefined && this.#last.ageMs() < this.#last.forMs
  }

  recordFailure(error: unknown): void {
    // Our own limit says nothing about the KMS, which was not asked.
    if (!isEnvelopeError(error) || error.kind !== 'transient' || error.code === 'KMS_RATE_LIMITED') return
    // Concurrent failures count as one.
    if (this.isOn) return
    this.#last = { ageMs: ageMeter(this.#clock), forMs: this.#backoff.next() }
  }

  recordSuccess(): void {
    this.#last = undefined
    this.#backoff.reset()
  }
}
