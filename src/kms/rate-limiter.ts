import { cancelled, onAbort, refuseCancelled } from '../cancellation.js'
import { stopwatch, type Clock } from '../clock.js'
import { EnvelopeError } from '../errors.js'
import type { KmsCallLimits } from './kms.js'
import { TokenBucket, type Share } from './rates.js'
import type { ServiceLimits, WaitingCall } from './service-limits.js'
import { SIDES, type Side } from './side.js'

export interface RateLimits {
  readonly shares: Readonly<Record<Side, Share>>
  /** How long a call may wait for its turn. */
  readonly maxWaitMs: number
  readonly clock: Clock
  /** The limits that the provider states. */
  readonly service: ServiceLimits
}

interface Waiter extends WaitingCall {
  readonly untilMs: number
  failInLine(): void
}

/**
 * The rate limiter of an encryption for a KMS. A call waits first for its side's share of calls (`kmsRateLimit`), then
 * for the limits that the provider states, which all encryptions that use this KMS share. First come, first served. The
 * queue for a share holds only as many calls as the share can serve in time, so that a flood of calls costs little.
 */
export class RateLimiter {
  readonly #limits: RateLimits
  readonly #shares: Readonly<Record<Side, TokenBucket>>
  readonly #elapsedMs: () => number
  /** Calls that wait for their share, in the order in which they came. */
  readonly #inLine: Readonly<Record<Side, Set<Waiter>>> = { sealing: new Set(), opening: new Set() }
  /** Set if and only if a call is in line. */
  #cancelTimer: (() => void) | undefined

  constructor(limits: RateLimits) {
    const { shares, clock } = limits
    this.#limits = limits
    this.#shares = {
      sealing: new TokenBucket(shares.sealing, clock),
      opening: new TokenBucket(shares.opening, clock),
    }
    this.#elapsedMs = stopwatch(clock)
  }

  /**
   * Waits for the call's turn. Resolves to a function that ends the turn.
   * @throws EnvelopeError KMS_RATE_LIMITED if the turn does not come in time, immediately if that is already known; as
   * `cancelled` says if the signal aborts first
   */
  async acquire(side: Side, limits: KmsCallLimits, signal: AbortSignal): Promise<() => void> {
    refuseCancelled(signal)
    const { maxWaitMs, service } = this.#limits
    const waitMs = this.#shares[side].delayMs(this.#inLine[side].size + 1)
    if (waitMs > maxWaitMs) throw this.#shareUsedUp(side)
    return new Promise((resolve, reject) => {
      const fail = (error: EnvelopeError): void => {
        stop()
        reject(error)
      }
      const waiter: Waiter = {
        side,
        limits,
        untilMs: this.#elapsedMs() + maxWaitMs,
        start: (end) => {
          stop()
          resolve(end)
        },
        fail: () => {
          fail(heldBack(limits, maxWaitMs))
        },
        failInLine: () => {
          fail(this.#shareUsedUp(side))
        },
      }
      this.#inLine[side].add(waiter)
      const stop = onAbort(signal, () => {
        reject(cancelled(signal))
        if (this.#inLine[side].delete(waiter)) this.#serve()
        else service.leave(waiter)
      })
      this.#serve()
    })
  }

  /** Gives shares to the calls in line, fails those that waited too long, and sets the timer for the next change. */
  #serve(): void {
    const delays = SIDES.flatMap((side) => [this.#admit(side), this.#failLate(side)])
    this.#cancelTimer?.()
    const nextMs = Math.min(...delays)
    const serve = (): void => {
      this.#serve()
    }
    this.#cancelTimer =
      nextMs === Infinity ? undefined : this.#limits.clock.timeout(serve, Math.max(1, Math.ceil(nextMs)))
  }

  /** Gives the share of a side to the calls in line for it. Returns how long the next one must wait. */
  #admit(side: Side): number {
    const share = this.#shares[side]
    for (const waiter of this.#inLine[side]) {
      const delayMs = share.delayMs()
      if (delayMs > 0) return delayMs
      share.take()
      this.#inLine[side].delete(waiter)
      this.#limits.service.enter(waiter, waiter.untilMs - this.#elapsedMs())
    }
    return Infinity
  }

  /** Fails the calls in line that have waited too long. Returns when the next one will have. */
  #failLate(side: Side): number {
    const nowMs = this.#elapsedMs()
    for (const waiter of this.#inLine[side]) {
      const leftMs = waiter.untilMs - nowMs
      if (leftMs > 0) return leftMs
      this.#inLine[side].delete(waiter)
      waiter.failInLine()
    }
    return Infinity
  }

  #shareUsedUp(side: Side): EnvelopeError {
    const { shares, maxWaitMs } = this.#limits
    return new EnvelopeError(
      'KMS_RATE_LIMITED',
      `more calls for ${side} are waiting than this process may make within ${String(maxWaitMs)} ms: it may make ${String(shares[side].perSecond)} a second (\`kmsRateLimit.${side}\`)`,
    )
  }
}

function heldBack({ rate, concurrency }: KmsCallLimits, maxWaitMs: number): EnvelopeError {
  const limits = [
    ...(rate ? [`${String(rate.perSecond)} a second (${rate.group})`] : []),
    ...(concurrency ? [`${String(concurrency.max)} at the same time (${concurrency.group})`] : []),
  ]
  return new EnvelopeError(
    'KMS_RATE_LIMITED',
    `the call waited for ${String(maxWaitMs)} ms: this process makes at most ${limits.join(' and ')}`,
    {
      remedy:
        'Retry later; if this persists, look for a flood of foreign envelopes, or raise the limits passed to the provider (for example `quota` of tencentKms()), but not above those of the account',
    },
  )
}
