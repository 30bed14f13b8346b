import type { EnvelopeError, RecordPosition } from '../../errors.js'

/**
 * The same error with a position and without its cause. KafkaJS decides by the deepest cause whether a crashed consumer
 * restarts, and reports an error with a cause as that cause alone.
 * @param place where the error has no position of its own
 */
export function withoutCause(error: EnvelopeError, place: RecordPosition): EnvelopeError {
  if (error.cause === undefined && error.position !== undefined) return error
  const bare = error.at(error.position ?? place)
  delete bare.cause
  return bare
}
