import type { EnvelopeError, ErrorCode } from '../../errors.js'

/** Why a record cannot be rewrapped. The first two are about its wrappings, the others say what is wrong with it. */
export type NotRewrappedCode = 'LAST_WRAPPING' | 'TOO_MANY_WRAPPINGS' | ErrorCode

/** A record that cannot be rewrapped, for a reason that lies in the record and in what is asked for. */
export class NotRewrapped extends Error {
  override readonly name = 'NotRewrapped'
  readonly code: NotRewrappedCode
  readonly remedy: string

  constructor(code: NotRewrappedCode, what: string, remedy: string, cause?: unknown) {
    super(what, { cause })
    this.code = code
    this.remedy = remedy
  }

  static because(error: EnvelopeError): NotRewrapped {
    // What consumers may do with plaintext does not help here.
    const remedy =
      error.code === 'NOT_SEALED' ? 'Find the producer that writes plaintext to this topic' : error.remedy
    return new NotRewrapped(error.code, error.what, remedy, error)
  }
}
