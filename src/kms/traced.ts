import { onAbort } from '../cancellation.js'
import { isEnvelopeError, type ErrorCode } from '../errors.js'
import type { Decorator } from './decorate.js'
import type { KmsTracers } from './tracers.js'

/**
 * Makes each call a span. Must be the innermost decorator, so that each attempt is a span, and the wait for a turn is
 * not. The span ends when the signal aborts, even if the provider continues.
 */
export function traced(kms: string, tracers: KmsTracers): Decorator {
  return async ({ operation, cmkId, toCmkId, signal }, run) => {
    const span = tracers.start({ kms, cmkId, ...(toCmkId !== undefined && { toCmkId }), operation })
    let isOver = false
    const end = (code?: ErrorCode): void => {
      if (isOver) return
      isOver = true
      span.end(code)
    }
    const stop = onAbort(signal, () => {
      end(codeOf(signal.reason, 'KMS_TIMEOUT'))
    })
    try {
      const result = await span.run(() => run(signal))
      end()
      return result
    } catch (error) {
      end(codeOf(error, 'KMS_UNAVAILABLE'))
      throw error
    } finally {
      stop()
    }
  }
}

function codeOf(thrown: unknown, otherwise: ErrorCode): ErrorCode {
  return isEnvelopeError(thrown) ? thrown.code : otherwise
}
