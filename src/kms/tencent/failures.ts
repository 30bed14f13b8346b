import { EnvelopeError, type ErrorCode } from '../../errors.js'
import { proxyStatusIn, REDIRECTED } from './agents.js'
import type { CmkName } from './cmk-name.js'

/** The actions of the service that this provider uses. */
export type Action =
  'GenerateDataKey' | 'Encrypt' | 'Decrypt' | 'ReEncrypt' | 'GetPublicKey' | 'AsymmetricRsaDecrypt'

interface Row {
  readonly code: ErrorCode
  /** Replaces the code's own remedy if more is known. */
  readonly remedy?: string
}

const ALLOW = 'Allow the action on the CMK (`ReEncrypt`: on both) in the CAM policy of this identity'
const CHECK_STATE = 'Check the state of the CMK in the console'

/**
 * The meaning of the vendor's codes. `A.B` counts as `A` if it has no row. A code that is not listed is unknown to us,
 * so it is not a refusal: it is transient.
 */
const CODES: Readonly<Record<string, Row>> = {
  // Transient
  InternalError: { code: 'KMS_UNAVAILABLE' },
  ServiceUnavailable: { code: 'KMS_UNAVAILABLE' },
  'UnsupportedOperation.ServiceTemporaryUnavailable': { code: 'KMS_UNAVAILABLE' },
  RequestLimitExceeded: { code: 'KMS_THROTTLED' },

  // Denied
  UnauthorizedOperation: { code: 'KMS_DENIED', remedy: ALLOW },
  AuthFailure: {
    code: 'KMS_DENIED',
    remedy: 'Check the secret id, the secret key and the token: they are not valid',
  },
  'AuthFailure.SignatureExpire': {
    code: 'KMS_DENIED',
    remedy: 'Set the clock of this machine: it is more than five minutes off',
  },
  'AuthFailure.TokenFailure': {
    code: 'KMS_DENIED',
    remedy:
      'Check the source of the temporary credentials: they have expired, and fresh ones were refused too',
  },
  'AuthFailure.UnauthorizedOperation': { code: 'KMS_DENIED', remedy: ALLOW },
  OperationDenied: { code: 'KMS_DENIED' },
  IpNotInWhitelist: {
    code: 'KMS_DENIED',
    remedy: 'Add the address of this process to the allow list of the account',
  },
  IpInBlacklist: {
    code: 'KMS_DENIED',
    remedy: 'Remove the address of this process from the block list of the account',
  },
  'ResourceUnavailable.NotPurchased': {
    code: 'KMS_DENIED',
    remedy: 'Activate KMS for the account, or pay the bill',
  },

  // The CMK
  ResourceUnavailable: { code: 'CMK_UNUSABLE', remedy: CHECK_STATE },
  'ResourceUnavailable.CmkNotFound': { code: 'CMK_NOT_FOUND' },
  ResourceNotFound: { code: 'CMK_NOT_FOUND' },
  'InvalidParameterValue.InvalidKeyId': { code: 'CMK_NOT_FOUND' },
  'ResourceUnavailable.CmkDisabled': { code: 'CMK_DISABLED' },
  'ResourceUnavailable.KeyPendingDelete': {
    code: 'CMK_DISABLED',
    remedy:
      'Cancel the deletion before its date and enable the CMK; once it is deleted, everything sealed under it is lost',
  },
  'ResourceUnavailable.CmkArchived': {
    code: 'CMK_UNUSABLE',
    remedy: 'Cancel the archiving, or seal under another CMK: an archived CMK can only decrypt',
  },
  'ResourceUnavailable.CmkStateNotSupport': { code: 'CMK_UNUSABLE', remedy: CHECK_STATE },
  'InvalidParameterValue.InvalidKeyUsage': {
    code: 'CMK_UNUSABLE',
    remedy:
      'Set `type` in `cmks` of tencentKms() to the type that the CMK has; a CMK that is not listed there counts as symmetric',
  },

  // The request. Repeating it changes nothing. None of these codes blames a record, since the mistake may be ours.
  InvalidParameter: { code: 'KMS_REFUSED' },
  InvalidParameterValue: { code: 'KMS_REFUSED' },
  MissingParameter: { code: 'KMS_REFUSED' },
  UnknownParameter: { code: 'KMS_REFUSED' },
  InvalidAction: { code: 'KMS_REFUSED' },
  InvalidRequest: { code: 'KMS_REFUSED' },
  ActionOffline: { code: 'KMS_REFUSED' },
  NoSuchVersion: { code: 'KMS_REFUSED' },
  NoSuchProduct: { code: 'KMS_REFUSED' },
  RequestSizeLimitExceeded: { code: 'KMS_REFUSED' },
  UnsupportedOperation: { code: 'KMS_REFUSED' },
  UnsupportedProtocol: { code: 'KMS_REFUSED' },
  UnsupportedRegion: { code: 'KMS_REFUSED', remedy: 'Check the region in the id of the CMK' },
}

const INVALID_CIPHERTEXT = 'InvalidParameterValue.InvalidCiphertext'

/** The codes for a ciphertext that does not open, by the actions that take one. */
const BLAMES_CIPHERTEXT: Readonly<Partial<Record<Action, readonly string[]>>> = {
  Decrypt: [INVALID_CIPHERTEXT],
  ReEncrypt: [INVALID_CIPHERTEXT],
  AsymmetricRsaDecrypt: [INVALID_CIPHERTEXT, 'FailedOperation.DecryptError'],
}

/** For the table in the documentation. */
export const KNOWN_CODES: readonly string[] = [
  ...Object.keys(CODES),
  ...new Set(Object.values(BLAMES_CIPHERTEXT).flat()),
]

/** A call that failed. */
export interface FailedCall {
  readonly action: Action
  /** For `ReEncrypt`, the CMK that the ciphertext DEK is under. */
  readonly cmk: CmkName
  /** Only for `ReEncrypt`: the other CMK. */
  readonly to?: CmkName
}

/**
 * Codes for an access key that was rotated or deleted, or a token that has expired. The source of credentials may have
 * new ones.
 */
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
 * Converts the error of a client. It repeats only the code and request id: messages may quote credentials, and
 * parameters such as the DEK.
 */
export function failureOf(thrown: unknown, call: FailedCall): EnvelopeError {
  const answer = answered(thrown)
  if (answer === undefined) return unanswered(thrown, call)
  const { code: kmsCode, requestId } = answer
  const { code, remedy } = rowOf(kmsCode, call.action)
  const id = requestId === undefined ? '' : ` (request ${requestId})`
  return new EnvelopeError(code, `${described(call)} failed with ${kmsCode}${id}`, {
    kmsCode,
    requestId,
    ...(remedy === undefined ? {} : { remedy }),
  })
}

/** No answer within the time for one call. */
export function timedOut(call: FailedCall, timeoutMs: number): EnvelopeError {
  return new EnvelopeError('KMS_TIMEOUT', `${described(call)} got no answer within ${String(timeoutMs)} ms`)
}

export function described({ action, cmk, to }: FailedCall): string {
  return to === undefined ? `${action} under CMK ${cmk.id}` : `${action} from CMK ${cmk.id} to CMK ${to.id}`
}

function rowOf(kmsCode: string, action: Action): Row {
  if (BLAMES_CIPHERTEXT[action]?.includes(kmsCode)) return { code: 'CIPHERTEXT_DEK_INVALID' }
  const known = [kmsCode, kmsCode.split('.')[0] ?? ''].find((code) => Object.hasOwn(CODES, code))
  if (known !== undefined) return CODES[known] as Row
  // `FailedOperation` and `ResourceInsufficient` are such codes: the vendor does not say more about them.
  return {
    code: 'KMS_UNAVAILABLE',
    remedy: 'Retry; if this persists, look up the code that the KMS returned',
  }
}

/**
 * The vendor's code, if there was an answer. Recognised by its shape: each package of the SDK has its own error
 * classes, and a code such as ECONNRESET is Node's.
 */
function answered(thrown: unknown): { readonly code: string; readonly requestId?: string } | undefined {
  const { code, requestId } = membersOf(thrown)
  if (typeof code !== 'string' || code.length > 100) return undefined
  if (!/^[A-Z][a-z][A-Za-z0-9]*(?:\.[A-Za-z0-9_]+)*$/.test(code)) return undefined
  return typeof requestId === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(requestId)
    ? { code, requestId }
    : { code }
}

/** The names that Node and OpenSSL give to network failures. Only these are repeated from a message. */
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
  'Premature close',
  REDIRECTED,
]

function unanswered(thrown: unknown, call: FailedCall): EnvelopeError {
  const { httpCode, message, name, cause } = membersOf(thrown)
  if (typeof httpCode === 'number') return httpFailure(httpCode, call)
  const text = typeof message === 'string' ? message : ''
  const proxyStatus = proxyStatusIn(text)
  if (proxyStatus !== undefined) return proxyFailure(proxyStatus, call)
  if (text.startsWith('network timeout')) {
    return new EnvelopeError('KMS_TIMEOUT', `${described(call)} got no answer in time`)
  }
  // The SDK throws a TypeError for an answer without `Response`; `fetch` throws one for every network failure.
  const stumbled = name === 'TypeError' && cause === undefined && !/fetch failed|terminated/.test(text)
  if (stumbled || text.includes('invalid json')) return notOfTheKms(call, 'by something other than KMS')
  const why = ON_THE_WAY.find((known) => text.includes(known))
  return new EnvelopeError(
    'KMS_UNAVAILABLE',
    `${described(call)} got no answer${why === undefined ? '' : ` (${why})`}`,
  )
}

/** KMS itself always answers with status 200: this came from something in front of it. */
function httpFailure(status: number, call: FailedCall): EnvelopeError {
  if (status === 407) return proxyFailure(status, call)
  const how = `with HTTP status ${String(status)}`
  if (status === 429) return new EnvelopeError('KMS_THROTTLED', `${described(call)} was answered ${how}`)
  return status >= 500 || status === 408
    ? new EnvelopeError('KMS_UNAVAILABLE', `${described(call)} was answered ${how}`)
    : notOfTheKms(call, how)
}

function proxyFailure(status: number, call: FailedCall): EnvelopeError {
  const remedy =
    status === 407
      ? 'Add the user name and password for the proxy to the URL in `proxy`'
      : 'Retry; if this persists, check that the proxy is running and lets this process connect to the KMS'
  return new EnvelopeError(
    'KMS_UNAVAILABLE',
    `${described(call)} did not reach KMS: the proxy answered with HTTP status ${String(status)}`,
    { remedy },
  )
}

function notOfTheKms(call: FailedCall, how: string): EnvelopeError {
  return new EnvelopeError('KMS_RESPONSE_INVALID', `${described(call)} was answered ${how}`)
}

type Member = 'code' | 'requestId' | 'httpCode' | 'message' | 'name' | 'cause'

function membersOf(thrown: unknown): Partial<Record<Member, unknown>> {
  return typeof thrown === 'object' && thrown !== null ? thrown : {}
}
