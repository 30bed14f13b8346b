import type { EnvelopeError, RecordPosition } from '../../errors.js'

/**
 * The same error with a position and without its cause. KafkaJS decides by the deepest cause whether a crashed consumer
 * restarts, and reports only the cause of an error that has one.
 * @param place the position, if the error has none
 */
export function withoutCause(error: EnvelopeError, place: RecordPosition): EnvelopeError {
  if (error.cause === undefined && error.position !== undefined) return error
  const bare = error.at(error.position ?? place)
  delete bare.cause
  return bare
}
