import { withDeadline } from '../cancellation.js'
import { stopwatch, type Clock } from '../clock.js'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../errors.js'
import { nameOfThrown, type EventHub } from '../events.js'
import type { Decorator } from './decorate.js'

/** The settings of `bounded` for a KMS. */
export interface Bounds {
  /** The name of the KMS in the configuration. */
  readonly name: string
  /** How long a call may take, in ms. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly events: EventHub
}

/**
 * Ends every call within its deadline, even if the provider ignores the signal. Turns every error of a provider into an
 * `EnvelopeError`, and emits a `kms.call` event for each call. A DEK that arrives late is wiped.
 */
export function bounded({ name, timeoutMs, clock, events }: Bounds): Decorator {
  const late = (): EnvelopeError =>
    new EnvelopeError('KMS_TIMEOUT', `no answer within ${String(timeoutMs)} ms`)
  return async ({ operation, cmkId, toCmkId, signal, discard }, run) => {
    const elapsedMs = stopwatch(clock)
    const report = (outcome: { outcome: 'ok' } | { outcome: 'failed'; code: ErrorCode }): void => {
      const to = toCmkId === undefined ? {} : { toCmkId }
      events.emit('kms.call', { kms: name, cmkId, ...to, operation, ...outcome, durationMs: elapsedMs() })
    }
    try {
      const result = await withDeadline(run, signal, { clock, ms: timeoutMs, late }, discard)
      report({ outcome: 'ok' })
      return result
    } catch (thrown) {
      const error = asEnvelopeError(thrown, name)
      // No call was made; and a flood of these would be a flood of events.
      if (error.code !== 'KMS_RATE_LIMITED') report({ outcome: 'failed', code: error.code })
      throw error
    }
  }
}

/** Does not repeat a foreign error of a provider: its text could quote a secret. */
function asEnvelopeError(thrown: unknown, kms: string): EnvelopeError {
  if (isEnvelopeError(thrown)) return thrown
  return new EnvelopeError('KMS_UNAVAILABLE', `KMS ${kms} failed with ${nameOfThrown(thrown)}`)
}
