import type { EnvelopeError, RecordPosition } from '../../errors.js'

/**
 * The same error without its cause. KafkaJS decides by the deepest cause whether a crashed consumer restarts, and reports
 * an error with a cause as that cause alone.
 * @param position where the error has none
 */
export function withoutCause(error: EnvelopeError, { topic, partition }: RecordPosition): EnvelopeError {
  if (error.cause === undefined) return error
  const place = partition === undefined ? { topic } : { topic, partition }
  const bare = error.at(error.position ?? place)
  delete bare.cause
  return bare
}
