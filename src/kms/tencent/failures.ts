import { EnvelopeError, type ErrorCode } from '../../errors.js'
import type { CmkName } from './cmk-name.js'
import type { Action } from './limits.js'

interface Row {
  readonly code: ErrorCode
  /** What to do, where the code's own remedy does not say it. */
  readonly hint?: string
}

/**
 * What the vendor's codes mean; `A.B` counts as `A` where it has no row. A failure that could be the
 * service's never blames the record: a rule may skip records that are to blame.
 */
const CODES: Readonly<Record<string, Row>> = {
  // For now
  InternalError: { code: 'KMS_UNAVAILABLE' },
  ServiceUnavailable: { code: 'KMS_UNAVAILABLE' },
  'UnsupportedOperation.ServiceTemporaryUnavailable': { code: 'KMS_UNAVAILABLE' },
  RequestLimitExceeded: { code: 'KMS_THROTTLED' },
  'RequestLimitExceeded.RotateRateLimited': { code: 'KMS_REFUSED' },

  // Denied
  UnauthorizedOperation: {
    code: 'KMS_DENIED',
    hint: 'the CAM policy of this identity must allow the action on the CMK',
  },
  AuthFailure: { code: 'KMS_DENIED', hint: 'the credentials are not valid; check id, key and token' },
  'AuthFailure.SignatureExpire': {
    code: 'KMS_DENIED',
    hint: 'the clock of this machine is over five minutes off; set it',
  },
  'AuthFailure.TokenFailure': {
    code: 'KMS_DENIED',
    hint: 'the temporary credentials have expired, and those fetched anew are not valid either',
  },
  'AuthFailure.UnauthorizedOperation': {
    code: 'KMS_DENIED',
    hint: 'the CAM policy of this identity must allow the action on the CMK',
  },
  OperationDenied: { code: 'KMS_DENIED' },
  IpNotInWhitelist: { code: 'KMS_DENIED', hint: 'the account allows calls from listed addresses only' },
  IpInBlacklist: { code: 'KMS_DENIED', hint: 'the account blocks calls from this address' },
  'ResourceUnavailable.NotPurchased': {
    code: 'KMS_DENIED',
    hint: 'KMS is not activated for the account, or was suspended for an unpaid bill',
  },

  // The CMK
  ResourceUnavailable: { code: 'CMK_UNUSABLE', hint: 'look at the state of the CMK in the console' },
  'ResourceUnavailable.CmkNotFound': { code: 'CMK_NOT_FOUND' },
  ResourceNotFound: { code: 'CMK_NOT_FOUND' },
  'InvalidParameterValue.InvalidKeyId': { code: 'CMK_NOT_FOUND' },
  'ResourceUnavailable.CmkDisabled': { code: 'CMK_DISABLED' },
  'ResourceUnavailable.KeyPendingDelete': {
    code: 'CMK_DISABLED',
    hint: 'its deletion is scheduled; cancel that before the date, or all that was sealed under it is lost',
  },
  'ResourceUnavailable.CmkArchived': {
    code: 'CMK_UNUSABLE',
    hint: 'it is archived and only decrypts; cancel that, or seal under another',
  },
  'ResourceUnavailable.CmkStateNotSupport': {
    code: 'CMK_UNUSABLE',
    hint: 'look at the state of the CMK in the console',
  },
  'InvalidParameterValue.InvalidKeyUsage': {
    code: 'CMK_UNUSABLE',
    hint: 'it is of another type than the configuration says; state `type` for it in `cmks` of tencentKms()',
  },

  // The request
  'FailedOperation.DecryptError': { code: 'CIPHERTEXT_DEK_INVALID' },
  'InvalidParameterValue.InvalidCiphertext': { code: 'CIPHERTEXT_DEK_INVALID' },

  // The vendor says no more, and calls neither transient: a grace must not seal on because of them
  FailedOperation: { code: 'KMS_REFUSED' },
  ResourceInsufficient: { code: 'KMS_REFUSED' },
}

/** For the table in the documentation. */
export const KNOWN_CODES: readonly string[] = Object.keys(CODES)

/** All that a record contributes to these calls are their values, so a bad value is the record's. */
const DECRYPTS: ReadonlySet<Action> = new Set(['Decrypt', 'AsymmetricRsaDecrypt'])
const OF_THE_VALUES = ['InvalidParameter', 'InvalidParameterValue', 'InvalidParameterValue.InvalidPlaintext']

/** A call that failed. */
export interface FailedCall {
  readonly action: Action
  readonly cmk: CmkName
}

/** An access key that was rotated or deleted, a token that has expired: whoever gives credentials may have new ones. */
const STALE: ReadonlySet<string> = new Set([
  'AuthFailure.TokenFailure',
  'AuthFailure.SignatureExpire',
  'AuthFailure.SignatureFailure',
  'AuthFailure.SecretIdNotFound',
  'AuthFailure.InvalidSecretId',
])

/** Whether other credentials may help. */
export function isStaleCredentials(thrown: unknown): boolean {
  return STALE.has(answered(thrown)?.code ?? '')
}

/**
 * The error for what a client threw. It repeats nothing of that but code and request id: messages may
 * quote parameters, the DEK among them, and credentials.
 */
export function failureOf(thrown: unknown, call: FailedCall): EnvelopeError {
  const answer = answered(thrown)
  if (answer === undefined) return unanswered(thrown, call)
  const { code: kmsCode, requestId } = answer
  const { code, hint } = rowOf(kmsCode, call.action)
  const id = requestId === undefined ? '' : ` (request ${requestId})`
  const what = `${described(call)} was answered by ${kmsCode}${id}${hint === undefined ? '' : `: ${hint}`}`
  return new EnvelopeError(code, what, { kmsCode, ...(requestId === undefined ? {} : { requestId }) })
}

/** No answer within the time for one call. */
export function timedOut(call: FailedCall, timeoutMs: number): EnvelopeError {
  return new EnvelopeError('KMS_TIMEOUT', `${described(call)} had no answer within ${String(timeoutMs)} ms`)
}

export function described({ action, cmk }: FailedCall): string {
  return `${action} under CMK ${cmk.id}`
}

function rowOf(kmsCode: string, action: Action): Row {
  const general = kmsCode.split('.')[0] ?? ''
  if (Object.hasOwn(CODES, kmsCode)) return CODES[kmsCode] as Row
  if (DECRYPTS.has(action) && OF_THE_VALUES.includes(kmsCode)) return { code: 'CIPHERTEXT_DEK_INVALID' }
  return Object.hasOwn(CODES, general) ? (CODES[general] as Row) : { code: 'KMS_REFUSED' }
}

/**
 * The vendor's code, where there was an answer. By shape: the SDK's packages have error classes of their
 * own each, and a code such as ECONNRESET is Node's.
 */
function answered(thrown: unknown): { readonly code: string; readonly requestId?: string } | undefined {
  const { code, requestId } = membersOf(thrown)
  if (typeof code !== 'string' || !/^[A-Z][a-z][A-Za-z0-9]*(?:\.[A-Za-z0-9_]+)*$/.test(code)) return undefined
  if (code.length > 100) return undefined
  return typeof requestId === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(requestId)
    ? { code, requestId }
    : { code }
}

/** What Node and OpenSSL call failures on the way; only these are repeated from a message. */
const ON_THE_WAY = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'EPROTO',
  'socket hang up',
  'self-signed certificate',
  'unable to verify the first certificate',
  'unable to get local issuer certificate',
  'certificate has expired',
  'does not match certificate',
  'invalid json',
  'Premature close',
]

function unanswered(thrown: unknown, call: FailedCall): EnvelopeError {
  const { httpCode, message } = membersOf(thrown)
  if (typeof httpCode === 'number') return httpFailure(httpCode, call)
  const text = typeof message === 'string' ? message : ''
  if (text.startsWith('network timeout')) {
    return new EnvelopeError('KMS_TIMEOUT', `${described(call)} had no answer in time`)
  }
  // The SDK stumbles over an answer without `Response`; `fetch` calls every failure on the way a TypeError.
  if (thrown instanceof TypeError && thrown.cause === undefined && !/fetch failed|terminated/.test(text)) {
    return new EnvelopeError(
      'KMS_RESPONSE_INVALID',
      `${described(call)} was answered by something else than KMS`,
    )
  }
  const why = ON_THE_WAY.find((known) => text.includes(known))
  return new EnvelopeError(
    'KMS_UNAVAILABLE',
    `${described(call)} had no answer${why === undefined ? '' : ` (${why})`}`,
  )
}

/** KMS itself always answers with status 200: this came from something before it. */
function httpFailure(status: number, call: FailedCall): EnvelopeError {
  const code =
    status === 429
      ? 'KMS_THROTTLED'
      : status >= 500 || status === 408
        ? 'KMS_UNAVAILABLE'
        : 'KMS_RESPONSE_INVALID'
  return new EnvelopeError(code, `${described(call)} was answered by HTTP status ${String(status)}`)
}

function membersOf(thrown: unknown): Partial<Record<'code' | 'requestId' | 'httpCode' | 'message', unknown>> {
  return typeof thrown === 'object' && thrown !== null ? thrown : {}
}
