import { raceAbort } from '../../cancellation.js'

/** Lets one caller at a time through, in order, until it ends. */
export class Turns {
  readonly #waiting = new Set<() => void>()
  #isTaken = false
  #hasEnded = false

  /**
   * Resolves when it is the caller's turn. Call the result, once, to give the turn to the next caller.
   *
   * @throws EnvelopeError as soon as the signal aborts
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#isTaken && !this.#hasEnded) await this.#wait(signal)
    this.#isTaken = true
    return () => {
      this.#leave()
    }
  }

  /** Lets all callers through. */
  end(): void {
    this.#hasEnded = true
    for (const go of this.#waiting) go()
    this.#waiting.clear()
  }

  #leave(): void {
    const [next] = this.#waiting
    this.#isTaken = next !== undefined
    if (next === undefined) return
    this.#waiting.delete(next)
    next()
  }

  async #wait(signal: AbortSignal): Promise<void> {
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
