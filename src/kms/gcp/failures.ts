import { EnvelopeError, type ErrorCode } from '../../errors.js'
import { member } from '../json-member.js'
import type { JsonAnswer } from '../json-service.js'
import type { CmkName } from './cmk-name.js'

/** The methods of the service that this provider uses. */
export type Action = 'encrypt' | 'decrypt'

/** A call that failed. */
export interface FailedCall {
  readonly action: Action
  readonly cmk: CmkName
}

interface Row {
  readonly code: ErrorCode
  /** Replaces the code's own remedy if more is known. */
  readonly remedy?: string
}

const RESTORE =
  'Restore the version before its date and enable it; once it is destroyed, everything sealed under it is lost'
const NOT_READY =
  'Retry: Cloud KMS enables the version as soon as it is ready; if this persists, look at the state of the version'
const DESTROYED = 'This version of the key was destroyed; what was sealed under it is lost'

/**
 * What the service's codes mean. A code is the `status` of the error (google.rpc.Code), with the reason after a dot if
 * the error has one. `A.B` counts as `A` if it has no row. A code that is not listed is unknown to us, so it is not a
 * refusal: it is transient.
 */
const CODES: Readonly<Record<string, Row>> = {
  // Transient
  UNAVAILABLE: { code: 'KMS_UNAVAILABLE' },
  INTERNAL: { code: 'KMS_UNAVAILABLE' },
  UNKNOWN: { code: 'KMS_UNAVAILABLE' },
  ABORTED: { code: 'KMS_UNAVAILABLE' },
  CANCELLED: { code: 'KMS_UNAVAILABLE' },
  DEADLINE_EXCEEDED: { code: 'KMS_TIMEOUT' },
  RESOURCE_EXHAUSTED: { code: 'KMS_THROTTLED' },
  'INVALID_ARGUMENT.CHECKSUM': {
    code: 'KMS_UNAVAILABLE',
    remedy:
      'Retry: the request was damaged on its way to the service; if this persists, look for what changes it',
  },
  // A new version: one in an HSM is not made at once.
  'FAILED_PRECONDITION.PENDING_GENERATION': { code: 'KMS_UNAVAILABLE', remedy: NOT_READY },
  'FAILED_PRECONDITION.PENDING_IMPORT': { code: 'KMS_UNAVAILABLE', remedy: NOT_READY },

  // Denied
  UNAUTHENTICATED: {
    code: 'KMS_DENIED',
    remedy: 'Check the source of access tokens: the service does not accept the token',
  },
  PERMISSION_DENIED: {
    code: 'KMS_DENIED',
    remedy:
      'Grant this identity cloudkms.cryptoKeyVersions.useToEncrypt or useToDecrypt on the key; a key that does not exist is answered in the same way',
  },
  'PERMISSION_DENIED.SERVICE_DISABLED': {
    code: 'KMS_DENIED',
    remedy: 'Enable the API cloudkms.googleapis.com in the project',
  },
  'PERMISSION_DENIED.BILLING_DISABLED': { code: 'KMS_DENIED', remedy: 'Enable billing for the project' },
  'PERMISSION_DENIED.ACCESS_TOKEN_SCOPE_INSUFFICIENT': {
    code: 'KMS_DENIED',
    remedy: 'Ask for tokens with the scope https://www.googleapis.com/auth/cloudkms',
  },
  'PERMISSION_DENIED.SECURITY_POLICY_VIOLATED': {
    code: 'KMS_DENIED',
    remedy: 'Allow this process in the perimeter of VPC Service Controls',
  },

  // The CMK
  NOT_FOUND: { code: 'CMK_NOT_FOUND' },
  FAILED_PRECONDITION: {
    code: 'CMK_UNUSABLE',
    remedy:
      'Check the purpose of the key (ENCRYPT_DECRYPT), its primary version and the state of its versions',
  },
  'FAILED_PRECONDITION.DISABLED': {
    code: 'CMK_DISABLED',
    remedy: 'Enable the version of the key; nothing was lost',
  },
  'FAILED_PRECONDITION.DESTROY_SCHEDULED': { code: 'CMK_DISABLED', remedy: RESTORE },
  'FAILED_PRECONDITION.DESTROYED': { code: 'CMK_NOT_FOUND', remedy: DESTROYED },

  // The request. Repeating it changes nothing. None of these blames a record, since the mistake may be ours.
  INVALID_ARGUMENT: { code: 'KMS_REFUSED' },
  OUT_OF_RANGE: { code: 'KMS_REFUSED' },
  UNIMPLEMENTED: { code: 'KMS_REFUSED', remedy: 'Check `endpoint`: it does not have this method' },

  // The ciphertext. Only to `decrypt`.
  'INVALID_ARGUMENT.CIPHERTEXT': { code: 'CIPHERTEXT_DEK_INVALID' },
}

/** For the table in the documentation. */
export const KNOWN_CODES: readonly string[] = Object.keys(CODES)

/** The error of an answer that has another status than 200. It repeats nothing of the answer but its code. */
export function failureOf({ status, body }: JsonAnswer, call: FailedCall): EnvelopeError {
  const kmsCode = codeIn(body, call.action)
  if (kmsCode === undefined) return notOfTheKms(status, call)
  const known = [kmsCode, kmsCode.split('.')[0] ?? ''].find((code) => Object.hasOwn(CODES, code))
  const { code, remedy }: Row =
    known === undefined
      ? { code: 'KMS_UNAVAILABLE', remedy: 'Retry; if this persists, look up the code that the KMS returned' }
      : (CODES[known] as Row)
  return new EnvelopeError(code, `${described(call)} failed with ${kmsCode}`, {
    kmsCode,
    ...(remedy === undefined ? {} : { remedy }),
  })
}

/** An answer that does not fit the call. */
export function invalidAnswer(call: FailedCall, how: string): EnvelopeError {
  return new EnvelopeError('KMS_RESPONSE_INVALID', `${described(call)} was answered ${how}`)
}

export function described({ action, cmk }: FailedCall): string {
  return `${action} under CMK ${cmk.id}`
}

/** The service names neither the ciphertext nor a checksum by a code, only by the words of its message. */
function codeIn(body: unknown, action: Action): string | undefined {
  const error = member(body, 'error')
  const status = member(error, 'status')
  if (typeof status !== 'string' || !/^[A-Z_]{2,40}$/.test(status)) return undefined
  const message = member(error, 'message')
  const reason = reasonIn(status, typeof message === 'string' ? message : '', action) ?? errorInfo(error)
  return reason === undefined ? status : `${status}.${reason}`
}

function reasonIn(status: string, message: string, action: Action): string | undefined {
  if (status === 'FAILED_PRECONDITION') return /current state is: ([A-Z_]{2,40})/.exec(message)?.[1]
  if (status !== 'INVALID_ARGUMENT') return undefined
  if (/^The checksum in field \w+ did not match the data in field \w+/.test(message)) return 'CHECKSUM'
  return action === 'decrypt' && message.startsWith('Decryption failed') ? 'CIPHERTEXT' : undefined
}

/** `reason` of google.rpc.ErrorInfo. */
function errorInfo(error: unknown): string | undefined {
  const details = member(error, 'details')
  const info: unknown = Array.isArray(details)
    ? details.find((each) => member(each, '@type') === 'type.googleapis.com/google.rpc.ErrorInfo')
    : undefined
  const reason = member(info, 'reason')
  return typeof reason === 'string' && /^[A-Z][A-Z0-9_]{1,62}$/.test(reason) ? reason : undefined
}

/** Something in front of the service answered. */
function notOfTheKms(status: number, call: FailedCall): EnvelopeError {
  const what = `${described(call)} was answered with HTTP status ${String(status)}, and without a code of the service`
  if (status === 429) return new EnvelopeError('KMS_THROTTLED', what)
  if (status >= 500 || status === 408) return new EnvelopeError('KMS_UNAVAILABLE', what)
  return new EnvelopeError('KMS_RESPONSE_INVALID', what)
}
