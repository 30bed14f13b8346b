import { isEnvelopeError, type ErrorCode } from '../errors.js'
import type { KmsOperation } from '../events.js'
import type { Kms } from './kms.js'
import type { KmsTracers } from './tracers.js'

/**
 * A KMS of which each call is a span. For the provider itself: an attempt is a span, and what made no call, because the
 * budget was spent, is none. It ends when nobody waits any more, also where the provider goes on.
 */
export function traced(kms: Kms, name: string, tracers: KmsTracers): Kms {
  const call = async <T>(
    operation: KmsOperation,
    cmkId: string,
    signal: AbortSignal,
    run: () => Promise<T>,
  ): Promise<T> => {
    const span = tracers.start({ kms: name, cmkId, operation })
    let isOver = false
    const end = (code?: ErrorCode): void => {
      if (isOver) return
      isOver = true
      signal.removeEventListener('abort', giveUp)
      span.end(code)
    }
    const giveUp = (): void => {
      end(codeOf(signal.reason, 'KMS_TIMEOUT'))
    }
    signal.addEventListener('abort', giveUp)
    try {
      // `async`: a provider may throw before it returns a promise.
      const result = await span.run(async () => run())
      end()
      return result
    } catch (error) {
      end(codeOf(error, 'KMS_UNAVAILABLE'))
      throw error
    }
  }

  return {
    describe: (cmkId, signal) => call('describe', cmkId, signal, () => kms.describe(cmkId, signal)),
    generateDek: (request) => call('generate', request.cmkId, request.signal, () => kms.generateDek(request)),
    wrapDek: (request) => call('wrap', request.cmkId, request.signal, () => kms.wrapDek(request)),
    unwrapDek: (request) => call('unwrap', request.cmkId, request.signal, () => kms.unwrapDek(request)),
    verify: (request) => call('verify', request.cmkId, request.signal, () => kms.verify(request)),
  }
}

function codeOf(thrown: unknown, otherwise: ErrorCode): ErrorCode {
  return isEnvelopeError(thrown) ? thrown.code : otherwise
}
