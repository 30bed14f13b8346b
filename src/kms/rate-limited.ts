import { raceAbort, refuseCancelled } from '../cancellation.js'
import type { Decorator } from './decorate.js'
import type { Kms } from './kms.js'
import type { RateLimiter } from './rate-limiter.js'
import type { Side } from './side.js'

/**
 * Makes each call that counts against the account wait for its turn. `describe` does not, since it is only called at
 * start.
 */
export function rateLimited(kms: Kms, side: Side, limiter: RateLimiter): Decorator {
  return async ({ operation, cmkId, signal, discard }, run) => {
    if (operation === 'describe') return run(signal)
    const subject = operation === 'encrypt' || operation === 'decrypt' ? 'secret' : 'dek'
    const endTurn = await limiter.acquire(side, kms.limits?.(operation, cmkId) ?? {}, signal, subject)
    try {
      // The call may have been cancelled just as its turn came.
      refuseCancelled(signal)
      // The turn ends with the signal, even if the provider continues: a provider must not block other calls
      // permanently.
      return await raceAbort(run(signal), signal, discard)
    } finally {
      endTurn()
    }
  }
}
