import { EnvelopeError } from '../../errors.js'
import { stopwatch } from '../../clock.js'
import { refuseCancelled } from '../../cancellation.js'

/** Calls a second to a region, by families of actions that share a quota. */
export interface Quota {
  /** `GenerateDataKey`, `Encrypt` and `Decrypt` together. */
  readonly symmetric: number
  /** `AsymmetricRsaDecrypt`. */
  readonly rsa: number
  /** `GetPublicKey`, once an hour for each CMK. */
  readonly publicKey: number
}

/**
 * Four fifths of what an account has without an edition: symmetric operations share 300 a second (573/131380), the
 * API pages say 200 for `AsymmetricRsaDecrypt` and 100 for `GetPublicKey`.
 */
export const DEFAULT_QUOTA: Quota = { symmetric: 240, rsa: 160, publicKey: 80 }

/** The actions that are used, each with its family. */
const FAMILIES = {
  GenerateDataKey: 'symmetric',
  Encrypt: 'symmetric',
  Decrypt: 'symmetric',
  GetPublicKey: 'publicKey',
  AsymmetricRsaDecrypt: 'rsa',
} as const satisfies Record<string, keyof Quota>

export type Action = keyof typeof FAMILIES

const OPENING: ReadonlySet<Action> = new Set<Action>(['Decrypt', 'AsymmetricRsaDecrypt'])

export interface LimitOptions {
  /** What this process may use. */
  readonly quota: Quota
  /** Calls at the same time, per region. */
  readonly maxConcurrency: number
  /** How long a call waits for its turn. */
  readonly maxWaitMs: number
}

/** Holds calls back, so that they stay within rate and concurrency. */
export class Limits {
  readonly #options: LimitOptions
  readonly #regions = new Map<string, RegionQueue>()

  constructor(options: LimitOptions) {
    this.#options = options
  }

  /**
   * Resolves when it is the call's turn, to what ends the turn.
   * @throws EnvelopeError KMS_RATE_LIMITED where the turn does not come in time: a limit of our own is no word of the
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
  readonly #rates = new Map<keyof Quota, Rate>()
  readonly #now = stopwatch()
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiter>()
  #running = 0
  #opening = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: LimitOptions) {
    this.#options = options
  }

  async turn(action: Action, signal: AbortSignal): Promise<() => void> {
    refuseCancelled(signal)
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

  /** Starts the calls that may go; where only time is missing, comes back when it has passed. */
  #serve(): void {
    clearTimeout(this.#timer)
    const now = this.#now()
    const delays = new Map<keyof Quota, number>()
    for (const waiter of this.#inOrder()) {
      if (this.#running >= this.#options.maxConcurrency) return
      const family = FAMILIES[waiter.action]
      if (delays.has(family)) continue
      const isOpening = OPENING.has(waiter.action)
      // A flood of envelopes that takes its time must leave a way to the DEKs that seal.
      if (isOpening && this.#opening >= Math.max(1, Math.floor(this.#options.maxConcurrency * 0.75))) continue
      const rate = this.#rate(family)
      const delay = rate.delayMs(now)
      if (delay > 0) {
        delays.set(family, delay)
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

  /** First come, first served, but sealing before opening: they share a rate, and a flood of envelopes opens. */
  #inOrder(): readonly Waiter[] {
    const waiting = [...this.#waiting]
    return [false, true].flatMap((opens) => waiting.filter(({ action }) => OPENING.has(action) === opens))
  }

  #rate(family: keyof Quota): Rate {
    const rate = this.#rates.get(family) ?? new Rate(this.#options.quota[family])
    this.#rates.set(family, rate)
    return rate
  }

  #tooMany(action: Action): EnvelopeError {
    const { quota, maxConcurrency, maxWaitMs } = this.#options
    const family = FAMILIES[action]
    return new EnvelopeError(
      'KMS_RATE_LIMITED',
      `${action} was held back for ${String(maxWaitMs)} ms: this process makes at most ${String(quota[family])} such calls a second (\`quota.${family}\`) and ${String(maxConcurrency)} at a time (\`maxConcurrency\`) to a region`,
      {
        remedy:
          'Retry later; if it lasts, look for a flood of foreign envelopes, or raise these two within the quota of the account',
      },
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
