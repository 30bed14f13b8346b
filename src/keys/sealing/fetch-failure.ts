import { isEnvelopeError, type ErrorCode } from '../../errors.js'
import { isDenial } from '../../kms/cmk-failures.js'
import type { FetchFailure } from '../../policy/fetch-failures.js'

/** The codes of an outage. */
const OUTAGES: ReadonlySet<ErrorCode> = new Set([
  'KMS_UNAVAILABLE',
  'KMS_THROTTLED',
  'KMS_TIMEOUT',
  'KMS_CREDENTIALS_UNAVAILABLE',
  'KMS_RESPONSE_INVALID',
])

/** Classifies the failure of a call for a DEK for the rotation. */
export function fetchFailure(error: unknown): FetchFailure {
  if (!isEnvelopeError(error)) return { kind: 'other', code: undefined }
  const { code } = error
  if (isDenial(error)) return { kind: 'denied', code }
  if (code === 'KMS_RATE_LIMITED') return { kind: 'notAsked', code }
  return { kind: OUTAGES.has(code) ? 'outage' : 'other', code }
}
