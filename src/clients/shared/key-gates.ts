import { Backoff } from '../../backoff.js'
import { pause, raceAbort } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import type { EnvelopeError } from '../../errors.js'
import type { MissingKey } from '../../record/opening.js'

const PAUSES = { firstMs: 200, maxMs: 10_000 } as const

/**
 * How often a consumer asks for keys while a KMS fails. Each set of CMKs that may give a key has a gate. While calls
 * succeed, every partition asks for its own key. After a failure, one call at a time is made, after a growing pause with
 * full jitter. Once it succeeds, all others ask again.
 */
export class KeyGates {
  readonly #clock: Clock
  readonly #gates = new Map<string, Gate>()

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

  /**
   * Asks for a key until it is known, or finally refused.
   *
   * @param report called after each call of its own that failed
   * @throws EnvelopeError as soon as the signal aborts
   */
  async ask(key: MissingKey, signal: AbortSignal, report: (failure: EnvelopeError) => void): Promise<void> {
    for (;;) {
      const leave = await this.#gates.get(key.cmks)?.enter(signal)
      let failure: EnvelopeError | undefined
      try {
        failure = await raceAbort(key.ask(), signal)
      } catch (error) {
        leave?.()
        throw error
      }
      if (failure === undefined) {
        this.#gates.get(key.cmks)?.open()
        this.#gates.delete(key.cmks)
        return
      }
      this.failed(key, failure)
      leave?.()
      report(failure)
    }
  }
}

/** Lets one caller at a time through, until it opens. */
class Gate {
  /** Why it is closed. */
  failure: EnvelopeError
  readonly #clock: Clock
  readonly #pauses: Backoff
  readonly #waiting = new Set<() => void>()
  #isOpen = false
  #isTaken = false

  constructor(failure: EnvelopeError, clock: Clock) {
    this.failure = failure
    this.#clock = clock
    this.#pauses = new Backoff(PAUSES, () => clock.jitter())
  }

  /**
   * Resolves when it is the caller's turn, or when the gate opens. Call the result once the call has failed.
   *
   * @throws EnvelopeError as soon as the signal aborts
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    const leave = (): void => {
      this.#leave()
    }
    if (this.#isTaken) await this.#turn(signal)
    if (this.#isOpen) return leave
    this.#isTaken = true
    try {
      await pause(this.#pauses.next(), signal, this.#clock)
    } catch (error) {
      leave()
      throw error
    }
    return leave
  }

  /** Lets all callers through. */
  open(): void {
    this.#isOpen = true
    for (const go of this.#waiting) go()
    this.#waiting.clear()
  }

  /** Gives the turn to the caller that has waited longest. */
  #leave(): void {
    const [next] = this.#waiting
    this.#isTaken = next !== undefined
    if (next === undefined) return
    this.#waiting.delete(next)
    next()
  }

  async #turn(signal: AbortSignal): Promise<void> {
    let go = (): void => undefined
    const turn = new Promise<void>((resolve) => (go = resolve))
    this.#waiting.add(go)
    try {
      await raceAbort(turn, signal)
    } catch (error) {
      // It may have got its turn at the same moment.
      if (!this.#waiting.delete(go)) this.#leave()
      throw error
    }
  }
}
