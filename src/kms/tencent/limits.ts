import { EnvelopeError } from '../../errors.js'
import { refuseAborted } from '../aborted.js'

/** The actions that are used, each with the vendor's default quota: calls a second, per account and region. */
const QUOTAS = {
  GenerateDataKey: 150,
  Encrypt: 300,
  Decrypt: 300,
  GetPublicKey: 100,
  AsymmetricRsaDecrypt: 200,
} as const

export type Action = keyof typeof QUOTAS

const OPENING: ReadonlySet<Action> = new Set<Action>(['Decrypt', 'AsymmetricRsaDecrypt'])

export interface LimitOptions {
  /** How much of each quota to use. */
  readonly quotaShare: number
  /** Calls at the same time, per region. */
  readonly maxConcurrency: number
  /** How long a call waits for its turn. */
  readonly maxWaitMs: number
}

/** Holds calls back, first come first served for each action, so that they stay within rate and concurrency. */
export class Limits {
  readonly #options: LimitOptions
  readonly #regions = new Map<string, RegionQueue>()

  constructor(options: LimitOptions) {
    this.#options = options
  }

  /**
   * Resolves when it is the call's turn, to what ends the turn.
   * @throws EnvelopeError KMS_BUDGET_SPENT where the turn does not come in time: a limit of our own is no word of the
   * service, and no outage; KMS_TIMEOUT
   */
  turn(region: string, action: Action, signal: AbortSignal): Promise<() => void> {
    const queue = this.#regions.get(region) ?? new RegionQueue(this.#options)
    this.#regions.set(region, queue)
    return queue.turn(action, signal)
  }
}

interface Waiter {
  readonly action: Action
  readonly go: () => void
}

class RegionQueue {
  readonly #options: LimitOptions
  readonly #rates = new Map<Action, Rate>()
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiter>()
  #running = 0
  #opening = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: LimitOptions) {
    this.#options = options
  }

  async turn(action: Action, signal: AbortSignal): Promise<() => void> {
    refuseAborted(signal)
    await new Promise<void>((resolve, reject) => {
      const leave = (settle: () => void): void => {
        clearTimeout(deadline)
        signal.removeEventListener('abort', giveUp)
        this.#waiting.delete(waiter)
        settle()
      }
      const giveUp = (): void => {
        leave(() => {
          reject(new EnvelopeError('KMS_TIMEOUT', 'nobody waits for the answer any more'))
        })
        this.#serve()
      }
      const deadline = setTimeout(() => {
        leave(() => {
          reject(this.#tooMany(action))
        })
        this.#serve()
      }, this.#options.maxWaitMs)
      const waiter: Waiter = {
        action,
        go: () => {
          leave(resolve)
        },
      }
      signal.addEventListener('abort', giveUp)
      this.#waiting.add(waiter)
      this.#serve()
    })
    return () => {
      this.#running--
      if (OPENING.has(action)) this.#opening--
      this.#serve()
    }
  }

  /** Lets go whoever may; where only time is missing, comes back when it has passed. */
  #serve(): void {
    clearTimeout(this.#timer)
    const now = performance.now()
    const delays = new Map<Action, number>()
    for (const waiter of this.#waiting) {
      if (this.#running >= this.#options.maxConcurrency) return
      if (delays.has(waiter.action)) continue
      const isOpening = OPENING.has(waiter.action)
      // A flood of envelopes that takes its time must leave a way to the DEKs that seal.
      if (isOpening && this.#opening >= Math.max(1, Math.floor(this.#options.maxConcurrency * 0.75))) continue
      const rate = this.#rate(waiter.action)
      const delay = rate.delayMs(now)
      if (delay > 0) {
        delays.set(waiter.action, delay)
        continue
      }
      rate.use(now)
      this.#running++
      if (isOpening) this.#opening++
      waiter.go()
    }
    if (delays.size === 0) return
    this.#timer = setTimeout(
      () => {
        this.#serve()
      },
      Math.ceil(Math.min(...delays.values())),
    )
  }

  #rate(action: Action): Rate {
    const rate = this.#rates.get(action) ?? new Rate(QUOTAS[action] * this.#options.quotaShare)
    this.#rates.set(action, rate)
    return rate
  }

  #tooMany(action: Action): EnvelopeError {
    const { quotaShare, maxConcurrency, maxWaitMs } = this.#options
    const perSecond = String(Math.round(QUOTAS[action] * quotaShare * 100) / 100)
    return new EnvelopeError(
      'KMS_BUDGET_SPENT',
      `${action} was held back for ${String(maxWaitMs)} ms: this process makes at most ${perSecond} such calls a second (quotaShare) and ${String(maxConcurrency)} calls at a time (maxConcurrency) to a region`,
    )
  }
}

/** At most so many in any second; where that is less than one, one in so many seconds. */
class Rate {
  readonly #windowMs: number
  /** When the last calls were let go, as a ring: the oldest is next. */
  readonly #times: Float64Array
  #next = 0

  constructor(perSecond: number) {
    const calls = Math.max(1, Math.floor(perSecond))
    this.#windowMs = (1000 * calls) / perSecond
    this.#times = new Float64Array(calls).fill(-Infinity)
  }

  /** How long the next call must wait. */
  delayMs(now: number): number {
    return (this.#times[this.#next] ?? -Infinity) + this.#windowMs - now
  }

  use(now: number): void {
    this.#times[this.#next] = now
    this.#next = (this.#next + 1) % this.#times.length
  }
}
