import { cancelled, onAbort, refuseCancelled } from '../cancellation.js'
import { stopwatch, type Clock } from '../clock.js'
import { EnvelopeError } from '../errors.js'
import type { KmsCallLimits } from './kms.js'
import { TokenBucket, type Share } from './rates.js'
import type { ServiceLimits, WaitingCall } from './service-limits.js'
import { SIDES, type Side, type Subject } from './side.js'

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

/** Calls that wait for their share, in the order in which they came. */
type Line = Readonly<Record<Subject, Set<Waiter>>>

/**
 * The rate limiter of an encryption for a KMS. A call waits first for its side's share of calls (`kmsRateLimit`), then
 * for the limits that the provider states, which all encryptions that use this KMS share. First come, first served, but
 * calls for DEKs before calls for secrets, so that a flood of secrets does not stop records. The queue for a share holds
 * only as many calls as the share can serve in time, so that a flood of calls costs little.
 */
export class RateLimiter {
  readonly #limits: RateLimits
  readonly #shares: Readonly<Record<Side, TokenBucket>>
  readonly #elapsedMs: () => number
  readonly #inLine: Readonly<Record<Side, Line>> = {
    sealing: { dek: new Set(), secret: new Set() },
    opening: { dek: new Set(), secret: new Set() },
  }
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
  async acquire(
    side: Side,
    limits: KmsCallLimits,
    signal: AbortSignal,
    subject: Subject = 'dek',
  ): Promise<() => void> {
    refuseCancelled(signal)
    const { maxWaitMs, service } = this.#limits
    const { dek, secret } = this.#inLine[side]
    const before = subject === 'dek' ? dek.size : dek.size + secret.size
    const waitMs = this.#shares[side].delayMs(before + 1)
    if (waitMs > maxWaitMs) throw this.#shareUsedUp(side)
    return new Promise((resolve, reject) => {
      const fail = (error: EnvelopeError): void => {
        stop()
        reject(error)
      }
      const waiter: Waiter = {
        side,
        subject,
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
      const line = this.#inLine[side][subject]
      line.add(waiter)
      const stop = onAbort(signal, () => {
        reject(cancelled(signal))
        if (line.delete(waiter)) this.#serve()
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
    const { dek, secret } = this.#inLine[side]
    for (const line of [dek, secret])
      for (const waiter of line) {
        const delayMs = share.delayMs()
        if (delayMs > 0) return delayMs
        share.take()
        line.delete(waiter)
        this.#limits.service.enter(waiter, waiter.untilMs - this.#elapsedMs())
      }
    return Infinity
  }

  /** Fails the calls in line that have waited too long. Returns when the next one will have. */
  #failLate(side: Side): number {
    const { dek, secret } = this.#inLine[side]
    return Math.min(this.#failLateIn(dek), this.#failLateIn(secret))
  }

  #failLateIn(line: Set<Waiter>): number {
    const nowMs = this.#elapsedMs()
    for (const waiter of line) {
      const leftMs = waiter.untilMs - nowMs
      if (leftMs > 0) return leftMs
      line.delete(waiter)
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
