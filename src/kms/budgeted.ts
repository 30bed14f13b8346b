import { setTimeout as sleep } from 'node:timers/promises'
import { EnvelopeError } from '../errors.js'
import type { Kms } from './kms.js'

/** Calls that may be made: `burst` at once after a pause, `perSecond` in the long run. */
export interface BudgetShare {
  readonly perSecond: number
  readonly burst: number
}

/** What a budget needs of time. Injected through internal constructors only. */
export interface BudgetTime {
  /** Milliseconds since some start; never steps. */
  now(): number
  wait(ms: number, signal: AbortSignal): Promise<void>
}

const realTime: BudgetTime = {
  now: () => performance.now(),
  wait: (ms, signal) => sleep(ms, undefined, { signal }),
}

/**
 * A token bucket that serves first come, first served (a virtual scheduler: GCRA, ITU-T I.371). It keeps one number
 * and no queue, so that a flood of requests costs it nothing.
 */
export class Budget {
  readonly #intervalMs: number
  readonly #burst: number
  readonly #time: BudgetTime
  /** When the next call may be made, had there been no pause. */
  #nextMs: number

  constructor({ perSecond, burst }: BudgetShare, time: BudgetTime = realTime) {
    this.#intervalMs = 1000 / perSecond
    this.#burst = burst
    this.#time = time
    this.#nextMs = time.now() - burst * this.#intervalMs
  }

  /**
   * Waits for its turn.
   * @throws EnvelopeError KMS_BUDGET_SPENT at once, without taking a turn, where it would come later than `maxWaitMs`;
   * KMS_TIMEOUT where the caller gave up first
   */
  async turn(maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const now = this.#time.now()
    const turnMs = Math.max(this.#nextMs, now - (this.#burst - 1) * this.#intervalMs)
    const waitMs = turnMs - now
    if (waitMs > maxWaitMs) {
      throw new EnvelopeError(
        'KMS_BUDGET_SPENT',
        `${String(1000 / this.#intervalMs)} calls a second are spent for the next ${String(Math.ceil(waitMs))} ms`,
      )
    }
    this.#nextMs = turnMs + this.#intervalMs
    if (waitMs <= 0) return
    try {
      await this.#time.wait(waitMs, signal)
    } catch {
      throw new EnvelopeError('KMS_TIMEOUT', 'the call was given up before its turn')
    }
  }
}

/** A KMS of which each call that costs the account something waits for its turn in `budget`. */
export function budgeted(kms: Kms, budget: Budget, maxWaitMs: number): Kms {
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
