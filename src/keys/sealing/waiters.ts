import type { Clock } from '../../clock.js'
import { EnvelopeError } from '../../errors.js'

/** Sends that wait for a DEK. */
export class Waiters {
  readonly #waiting = new Set<{ readonly wake: () => void; readonly fail: (error: Error) => void }>()

  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isAny(): boolean {
    return this.#waiting.size > 0
  }

  /** @throws EnvelopeError KEY_WAIT_TIMEOUT with the text `late`, or the error that `fail` gets */
  wait(maxMs: number, late: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        cancelTimer()
        this.#waiting.delete(waiter)
      }
      const waiter = {
        wake: () => {
          leave()
          resolve()
        },
        fail: (error: Error) => {
          leave()
          reject(error)
        },
      }
      const cancelTimer = this.#clock.timeout(() => {
        waiter.fail(new EnvelopeError('KEY_WAIT_TIMEOUT', late))
      }, maxMs)
      this.#waiting.add(waiter)
    })
  }

  wake(): void {
    for (const waiter of this.#waiting) waiter.wake()
  }

  fail(error: Error): void {
    for (const waiter of this.#waiting) waiter.fail(error)
  }
}
