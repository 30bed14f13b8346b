import { isEnvelopeError, type AnyEnvelopeError } from '../../../errors.js'

/** What an error says, without the remedy of ours and without a full stop. */
export function messageOf(error: unknown): string {
  const ours = oursIn(error)
  if (ours !== undefined) return ours.what
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')
}

/** Our error, even if KafkaJS reports it as the cause of one of its own. */
export function oursIn(error: unknown): AnyEnvelopeError | undefined {
  if (isEnvelopeError(error)) return error
  const { cause } = (error ?? {}) as { readonly cause?: unknown }
  return isEnvelopeError(cause) ? cause : undefined
}
