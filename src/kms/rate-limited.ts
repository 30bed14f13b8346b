import { EnvelopeError } from '../errors.js'
import { stopwatch } from '../clock.js'
import type { Kms } from './kms.js'

/** Calls that may be made: `burst` at once after a pause, `perSecond` in the long run. */
export interface RateLimit {
  readonly perSecond: number
  readonly burst: number
}

/** What a budget needs of time. Injected through internal constructors only. */
export interface BudgetTime {
  /** Milliseconds since some start. */
  now(): number
  /** Calls back once; returns what cancels it. */
  schedule(callback: () => void, ms: number): () => void
}

const realTime: BudgetTime = {
  now: () => performance.now(),
  schedule: (callback, ms) => {
    const timer = setTimeout(callback, ms)
    return () => {
      clearTimeout(timer)
    }
  },
}

/**
 * A token bucket that serves first come, first served. Its queue is no longer than what can be served in time, so
 * that a flood of requests costs it little.
 */
export class RateLimiter {
  readonly #intervalMs: number
  readonly #burst: number
  readonly #time: BudgetTime
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>()
  readonly #elapsedMs: () => number
  #tokens: number
  #filledAtMs = 0
  /** Set exactly while somebody waits, so that nothing keeps the process alive after the last one has left. */
  #cancelTimer: (() => void) | undefined

  constructor({ perSecond, burst }: RateLimit, time: BudgetTime = realTime) {
    this.#intervalMs = 1000 / perSecond
    this.#burst = burst
    this.#time = time
    this.#tokens = burst
    this.#elapsedMs = stopwatch({ monotonicMs: () => time.now() })
  }

  /**
   * Waits for its turn. Who gives up leaves the queue.
   * @throws EnvelopeError KMS_RATE_LIMITED at once where its turn would come later than `maxWaitMs`; KMS_TIMEOUT
   * where the caller gave up first
   */
  async turn(maxWaitMs: number, signal: AbortSignal): Promise<void> {
    this.#fill()
    if (this.#waiting.size === 0 && this.#tokens >= 1) {
      this.#tokens--
      return
    }
    const waitMs = (this.#waiting.size + 1 - this.#tokens) * this.#intervalMs
    if (waitMs > maxWaitMs) {
      throw new EnvelopeError(
        'KMS_RATE_LIMITED',
        `${String(1000 / this.#intervalMs)} calls a second are spent for the next ${String(Math.ceil(waitMs))} ms`,
      )
    }
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiting.delete(go)
        if (this.#waiting.size === 0) this.#disarm()
        reject(new EnvelopeError('KMS_TIMEOUT', 'the call was given up before its turn'))
      }
      const go = (): void => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      if (signal.aborted) {
        giveUp()
        return
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.add(go)
      this.#arm()
    })
  }

  #fill(): void {
    const now = this.#elapsedMs()
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAtMs) / this.#intervalMs)
    this.#filledAtMs = now
  }

  #arm(): void {
    if (this.#waiting.size === 0 || this.#cancelTimer !== undefined) return
    this.#cancelTimer = this.#time.schedule(
      () => {
        this.#cancelTimer = undefined
        this.#serve()
        this.#arm()
      },
      Math.max(1, Math.ceil((1 - this.#tokens) * this.#intervalMs)),
    )
  }

  #disarm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #serve(): void {
    this.#fill()
    for (const go of this.#waiting) {
      // A sum of fractions falls short of one now and then.
      if (this.#tokens < 1 - 1e-9) return
      this.#tokens--
      this.#waiting.delete(go)
      go()
    }
  }
}

/** A KMS of which each call that costs the account something waits for its turn in `budget`. */
export function rateLimited(kms: Kms, budget: RateLimiter, maxWaitMs: number): Kms {
  const turn = (signal: AbortSignal): Promise<void> => budget.turn(maxWaitMs, signal)
  return {
    describe: (cmkId, signal) => kms.describe(cmkId, signal),
    generateDek: async (call) => {
      await turn(call.signal)
      return kms.generateDek(call)
    },
    wrapDek: async (call) => {
      await turn(call.signal)
      return kms.wrapDek(call)
    },
    unwrapDek: async (call) => {
      await turn(call.signal)
      return kms.unwrapDek(call)
    },
    verify: async (call) => {
      await turn(call.signal)
      return kms.verify(call)
    },
  }
}
