import { Backoff } from '../../backoff.js'
import { cancelled, raceAbort, waitFor } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import type { EnvelopeError } from '../../errors.js'
import type { MissingKey } from '../../record/opening.js'
import { Turns } from './turns.js'

const PAUSES = { firstMs: 200, maxMs: 10_000 } as const

/**
 * How parked partitions ask for keys. While the calls for the keys of a set of CMKs succeed, each partition asks for its
 * own. Once one fails, a gate lets one call at a time through: at once for a key that has not been asked for yet, so that
 * keys that always fail do not hold up others; after a growing pause with full jitter for a key that has failed. Once a
 * call succeeds, all partitions ask again.
 */
export class KeyGates {
  readonly #clock: Clock
  readonly #gates = new Map<string, Gate>()
  /** How many partitions ask, by set of CMKs. */
  readonly #asking = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The failure of the last call for a key of these CMKs; undefined if it succeeded, or none was made. */
  failureOf({ cmks }: MissingKey): EnvelopeError | undefined {
    return this.#gates.get(cmks)?.failure
  }

  /** Records that a call has failed. */
  failed({ cmks }: MissingKey, failure: EnvelopeError): void {
    const gate = this.#gates.get(cmks)
    if (gate === undefined) this.#gates.set(cmks, new Gate(failure, this.#clock))
    else gate.failure = failure
  }

  /** Whether a partition asks for a key of these CMKs, since their KMS fails or is slow. */
  isAsking({ cmks }: MissingKey): boolean {
    return this.#asking.has(cmks)
  }

  /**
   * Asks for a key until it is known, or finally refused.
   *
   * @param failure the failure of the last call for this key, if one was made
   * @param report called after each further call that failed
   * @throws EnvelopeError as soon as the signal aborts
   */
  async ask(
    key: MissingKey,
    failure: EnvelopeError | undefined,
    { signal, report }: { readonly signal: AbortSignal; readonly report: (failure: EnvelopeError) => void },
  ): Promise<void> {
    const { cmks } = key
    this.#count(cmks, 1)
    try {
      for (let last = failure; ;) {
        const leave = await this.#gates.get(cmks)?.enter(last !== undefined, signal)
        try {
          last = await raceAbort(key.ask(), signal)
        } finally {
          leave?.()
        }
        if (last === undefined) break
        this.failed(key, last)
        report(last)
      }
      this.#gates.get(cmks)?.open()
      this.#gates.delete(cmks)
    } finally {
      this.#count(cmks, -1)
    }
  }

  #count(cmks: string, change: 1 | -1): void {
    const count = (this.#asking.get(cmks) ?? 0) + change
    if (count > 0) this.#asking.set(cmks, count)
    else this.#asking.delete(cmks)
  }
}

class Gate {
  /** Why it is closed. */
  failure: EnvelopeError
  readonly #clock: Clock
  readonly #pauses: Backoff
  readonly #pausing = new Turns()
  readonly #calling = new Turns()
  readonly #opened: Promise<void>
  #open = (): void => undefined
  #isOpen = false

  constructor(failure: EnvelopeError, clock: Clock) {
    this.failure = failure
    this.#clock = clock
    this.#pauses = new Backoff(PAUSES, () => clock.jitter())
    this.#opened = new Promise((resolve) => (this.#open = resolve))
  }

  /**
   * Resolves when the caller may call. Call the result after the call.
   *
   * @param hasFailed whether the last call of the caller failed, so that it pauses first
   * @throws EnvelopeError as soon as the signal aborts
   */
  async enter(hasFailed: boolean, signal: AbortSignal): Promise<() => void> {
    const endPause = hasFailed ? await this.#pausing.take(signal) : undefined
    try {
      if (hasFailed) await this.#pause(signal)
      const endCall = await this.#calling.take(signal)
      return () => {
        endCall()
        endPause?.()
      }
    } catch (error) {
      endPause?.()
      throw error
    }
  }

  /** Lets all callers through. */
  open(): void {
    this.#isOpen = true
    this.#open()
    this.#pausing.end()
    this.#calling.end()
  }

  async #pause(signal: AbortSignal): Promise<void> {
    if (this.#isOpen) return
    await waitFor(this.#opened, { clock: this.#clock, ms: this.#pauses.next(), signal })
    if (signal.aborted) throw cancelled(signal)
  }
}
