import { raceAbort, refuseCancelled } from '../cancellation.js'
import type { Decorator } from './decorate.js'
import type { Kms } from './kms.js'
import type { RateLimiter } from './rate-limiter.js'
import type { Side } from './side.js'

/** Makes each call that costs the account something wait for its turn. `describe` is only called at the start. */
export function rateLimited(kms: Kms, side: Side, limiter: RateLimiter): Decorator {
  return async ({ operation, cmkId, signal, discard }, run) => {
    if (operation === 'describe') return run(signal)
    const endTurn = await limiter.acquire(side, kms.limits?.(operation, cmkId) ?? {}, signal)
    try {
      // It may have been cancelled just as its turn came.
      refuseCancelled(signal)
      // The turn ends with the signal, even where the provider goes on: it must not block the others for good.
      return await raceAbort(run(signal), signal, discard)
    } finally {
      endTurn()
    }
  }
}
