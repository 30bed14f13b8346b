import type { Clock } from '../clock.js'
import type { EventHub } from '../events.js'
import { bounded } from './bounded.js'
import { checked } from './checked.js'
import { decorate } from './decorate.js'
import type { Kms } from './kms.js'
import { rateLimited } from './rate-limited.js'
import { RateLimiter } from './rate-limiter.js'
import type { Share } from './rates.js'
import { retrying } from './retrying.js'
import { serviceLimitsOf } from './service-limits.js'
import type { Side } from './side.js'
import { traced } from './traced.js'
import type { KmsTracers } from './tracers.js'

/** How calls to a KMS are made. */
export interface CallPolicy {
  /** How long a call may take, including retries and the wait for its turn. */
  readonly timeoutMs: number
  readonly retries: number
  readonly shares: Readonly<Record<Side, Share>>
  readonly clock: Clock
  readonly events: EventHub
  readonly tracers: KmsTracers
}

/** KMS objects by their names in the configuration. */
export type NamedKmses = Readonly<Record<string, Kms>>

/** The decorated KMS objects of each side. An object has one rate limiter, even if it has several names. */
export function kmsesBySide(kmses: NamedKmses, policy: CallPolicy): Readonly<Record<Side, NamedKmses>> {
  const { timeoutMs, retries, shares, clock, events, tracers } = policy
  const limiters = new Map<Kms, RateLimiter>()
  const limiterOf = (kms: Kms): RateLimiter => {
    const known = limiters.get(kms)
    if (known !== undefined) return known
    // The call itself has at least half of the time.
    const limits = { shares, maxWaitMs: timeoutMs / 2, clock, service: serviceLimitsOf(kms, clock) }
    const limiter = new RateLimiter(limits)
    limiters.set(kms, limiter)
    return limiter
  }
  const decoratedFor = (side: Side): NamedKmses =>
    Object.fromEntries(
      Object.entries(kmses).map(([name, kms]) => [
        name,
        decorate(
          checked(kms),
          bounded({ name, timeoutMs, clock, events }),
          retrying({ retries, timeoutMs, clock }),
          rateLimited(kms, side, limiterOf(kms)),
          traced(name, tracers),
        ),
      ]),
    )
  return { sealing: decoratedFor('sealing'), opening: decoratedFor('opening') }
}
