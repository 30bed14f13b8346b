import { isEnvelopeError, type EnvelopeError, type ErrorCode } from '../errors.js'

/** What a KMS says when it wants nothing more to be done with a CMK: by anybody, or, by the first, by this identity. */
const DENIALS: ReadonlySet<ErrorCode> = new Set([
  'KMS_DENIED',
  'CMK_DISABLED',
  'CMK_NOT_FOUND',
  'CMK_UNUSABLE',
])

export function isDenial(error: unknown): error is EnvelopeError {
  return isEnvelopeError(error) && DENIALS.has(error.code)
}

/** Whether the CMK is denied to everybody. */
export function isCmkOff(error: unknown): boolean {
  return isDenial(error) && error.code !== 'KMS_DENIED'
}
