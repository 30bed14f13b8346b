import { shownTopic } from '../../errors.js'
import type { RecordPlace } from '../inspect/fetch-record.js'
import type { NotRewrapped, NotRewrappedCode } from './not-rewrapped.js'

/** A run stopped at a record that cannot be rewrapped. Nothing was written for it, nor for those after it. */
export class RewrapStopped extends Error {
  override readonly name = 'RewrapStopped'
  readonly code: NotRewrappedCode
  readonly place: RecordPlace

  /** @internal */
  constructor(place: RecordPlace, { code, message, remedy }: NotRewrapped) {
    const where = `${shownTopic(place.topic)}:${String(place.partition)}:${String(place.offset)}`
    super(
      `${code} at ${where}: ${message}. ${remedy}. Look at the record with \`npx kafka-envelope inspect ${where}\`. With --copy-others, what cannot be rewrapped is copied as it is, and counted.`,
    )
    this.code = code
    this.place = place
  }
}
