import { EnvelopeError, type ErrorCode } from '../../errors.js'
import type { CmkArn } from './cmk-arn.js'

/** The operations of the service that this provider uses. */
export type Action = 'GenerateDataKey' | 'Encrypt' | 'Decrypt' | 'ReEncrypt' | 'GetPublicKey'

interface Row {
  readonly code: ErrorCode
  /** Replaces the code's own remedy if more is known. */
  readonly remedy?: string
}

const ALLOW = 'Allow the operation on the CMK in the key policy, or in an IAM policy of this identity'
const ALLOW_BOTH =
  'Allow `kms:ReEncryptFrom` on the one CMK and `kms:ReEncryptTo` on the other, in their key policies or in an IAM policy of this identity'
const CHECK_KEYS = 'Check the access key: it is not valid, or its secret does not belong to it'
const CHECK_TYPE =
  'Set `type` in `cmks` of awsKms() to the type that the CMK has; a CMK that is not listed there counts as symmetric'

/**
 * The meaning of the service's codes: those of KMS, and those that all services of AWS have in common. A code that is
 * not listed is unknown to us, so it is not a refusal: it is transient.
 */
const CODES: Readonly<Record<string, Row>> = {
  // Transient
  KMSInternalException: { code: 'KMS_UNAVAILABLE' },
  KeyUnavailableException: { code: 'KMS_UNAVAILABLE' },
  DependencyTimeoutException: { code: 'KMS_UNAVAILABLE' },
  InternalFailure: { code: 'KMS_UNAVAILABLE' },
  InternalServerError: { code: 'KMS_UNAVAILABLE' },
  ServiceUnavailable: { code: 'KMS_UNAVAILABLE' },
  ServiceUnavailableException: { code: 'KMS_UNAVAILABLE' },
  RequestTimeout: { code: 'KMS_UNAVAILABLE' },
  ThrottlingException: { code: 'KMS_THROTTLED' },
  Throttling: { code: 'KMS_THROTTLED' },
  TooManyRequestsException: { code: 'KMS_THROTTLED' },
  RequestLimitExceeded: { code: 'KMS_THROTTLED' },
  LimitExceededException: { code: 'KMS_THROTTLED' },

  // Credentials of a client that the application made
  CredentialsProviderError: { code: 'KMS_CREDENTIALS_UNAVAILABLE' },
  TokenProviderError: { code: 'KMS_CREDENTIALS_UNAVAILABLE' },

  // Denied
  AccessDeniedException: { code: 'KMS_DENIED', remedy: ALLOW },
  AccessDenied: { code: 'KMS_DENIED', remedy: ALLOW },
  NotAuthorized: { code: 'KMS_DENIED', remedy: ALLOW },
  UnauthorizedOperation: { code: 'KMS_DENIED', remedy: ALLOW },
  InvalidGrantTokenException: { code: 'KMS_DENIED', remedy: ALLOW },
  OptInRequired: { code: 'KMS_DENIED', remedy: 'Activate the account and the region for KMS' },
  UnrecognizedClientException: { code: 'KMS_DENIED', remedy: CHECK_KEYS },
  InvalidClientTokenId: { code: 'KMS_DENIED', remedy: CHECK_KEYS },
  InvalidSignatureException: {
    code: 'KMS_DENIED',
    remedy:
      'Check the secret access key, and set the clock of this machine: it may be more than five minutes off',
  },
  SignatureDoesNotMatch: { code: 'KMS_DENIED', remedy: CHECK_KEYS },
  IncompleteSignature: { code: 'KMS_DENIED', remedy: CHECK_KEYS },
  IncompleteSignatureException: { code: 'KMS_DENIED', remedy: CHECK_KEYS },
  MissingAuthenticationToken: { code: 'KMS_DENIED', remedy: CHECK_KEYS },
  MissingAuthenticationTokenException: { code: 'KMS_DENIED', remedy: CHECK_KEYS },
  ExpiredTokenException: {
    code: 'KMS_DENIED',
    remedy:
      'Check the source of the temporary credentials: they have expired, and fresh ones were refused too',
  },
  ExpiredToken: {
    code: 'KMS_DENIED',
    remedy:
      'Check the source of the temporary credentials: they have expired, and fresh ones were refused too',
  },
  RequestExpired: {
    code: 'KMS_DENIED',
    remedy: 'Set the clock of this machine: it is more than five minutes off',
  },

  // The CMK
  NotFoundException: { code: 'CMK_NOT_FOUND' },
  InvalidArnException: { code: 'CMK_NOT_FOUND' },
  DisabledException: { code: 'CMK_DISABLED' },
  KMSInvalidStateException: {
    code: 'CMK_DISABLED',
    remedy:
      'Look at the state of the CMK: cancel a scheduled deletion before its date, import missing key material, or connect the custom key store. Once a CMK is deleted, everything sealed under it is lost',
  },
  InvalidKeyUsageException: { code: 'CMK_UNUSABLE', remedy: CHECK_TYPE },
  UnsupportedOperationException: { code: 'CMK_UNUSABLE', remedy: CHECK_TYPE },

  // The request. Repeating it changes nothing. None of these codes blames a record, since the mistake may be ours.
  InvalidCiphertextException: { code: 'KMS_REFUSED' },
  IncorrectKeyException: { code: 'KMS_REFUSED' },
  ValidationException: { code: 'KMS_REFUSED' },
  ValidationError: { code: 'KMS_REFUSED' },
  SerializationException: { code: 'KMS_REFUSED' },
  UnknownOperationException: { code: 'KMS_REFUSED' },
  InvalidAction: { code: 'KMS_REFUSED' },
  InvalidParameterValue: { code: 'KMS_REFUSED' },
  InvalidParameterCombination: { code: 'KMS_REFUSED' },
  MissingParameter: { code: 'KMS_REFUSED' },
  MissingAction: { code: 'KMS_REFUSED' },
  DryRunOperationException: { code: 'KMS_REFUSED' },
}

/** The codes of `Decrypt` and `ReEncrypt` for a ciphertext DEK that was damaged or forged, or belongs to another context or CMK. */
const BLAMES_CIPHERTEXT: readonly string[] = ['InvalidCiphertextException', 'IncorrectKeyException']

/** For the table in the documentation. */
export const KNOWN_CODES: readonly string[] = Object.keys(CODES)

/** A call that failed. */
export interface FailedCall {
  readonly action: Action
  /** For `ReEncrypt`, the CMK that the ciphertext DEK is under. */
  readonly cmk: CmkArn
  /** Only for `ReEncrypt`: the other CMK. */
  readonly to?: CmkArn
}

/**
 * Codes for an access key that was rotated or deleted, a token that has expired, or a clock that is off. The source of
 * credentials may have new ones, and the SDK corrects the time of its next call.
 */
const STALE: ReadonlySet<string> = new Set([
  'ExpiredTokenException',
  'ExpiredToken',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'RequestExpired',
])

/** Whether other credentials may help. */
export function isStaleCredentials(thrown: unknown): boolean {
  return STALE.has(codeOf(thrown) ?? '')
}

/**
 * Converts the error of a client. It repeats only the code and request id: messages may quote identities, and the text
 * of an answer that is not JSON may quote anything.
 */
export function failureOf(thrown: unknown, call: FailedCall): EnvelopeError {
  const kmsCode = codeOf(thrown)
  if (kmsCode === undefined) return unanswered(thrown, call)
  const { code, remedy } = rowOf(kmsCode, call.action)
  const requestId = requestIdIn(thrown)
  const id = requestId === undefined ? '' : ` (request ${requestId})`
  return new EnvelopeError(code, `${described(call)} failed with ${kmsCode}${id}`, {
    kmsCode,
    requestId,
    ...(remedy === undefined ? {} : { remedy }),
  })
}

/** The answer of another service, which was asked for credentials first. */
export function withoutCredentials(thrown: unknown, call: FailedCall): EnvelopeError {
  return new EnvelopeError(
    'KMS_CREDENTIALS_UNAVAILABLE',
    `${described(call)} was not sent: the source of credentials failed with ${codeOf(thrown) ?? 'an error'}`,
  )
}

/** No answer within the time for one call. */
export function timedOut(call: FailedCall, timeoutMs: number): EnvelopeError {
  return new EnvelopeError('KMS_TIMEOUT', `${described(call)} got no answer within ${String(timeoutMs)} ms`)
}

export function described({ action, cmk, to }: FailedCall): string {
  return to === undefined ? `${action} under CMK ${cmk.id}` : `${action} from CMK ${cmk.id} to CMK ${to.id}`
}

/** The request id in an output or an error of the SDK. */
export function requestIdIn(result: unknown): string | undefined {
  const { requestId } = membersOf(membersOf(result).$metadata)
  return typeof requestId === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(requestId) ? requestId : undefined
}

/** Whether the call takes a ciphertext DEK, which may be to blame. */
function isOfCiphertext(action: Action): boolean {
  return action === 'Decrypt' || action === 'ReEncrypt'
}

function rowOf(kmsCode: string, action: Action): Row {
  if (isOfCiphertext(action) && BLAMES_CIPHERTEXT.includes(kmsCode)) return { code: 'CIPHERTEXT_DEK_INVALID' }
  if (Object.hasOwn(CODES, kmsCode)) {
    const row = CODES[kmsCode] as Row
    return action === 'ReEncrypt' && row.remedy === ALLOW ? { ...row, remedy: ALLOW_BOTH } : row
  }
  return {
    code: 'KMS_UNAVAILABLE',
    remedy: 'Retry; if this persists, look up the code that the KMS returned',
  }
}

/** Whether the SDK threw the answer of a service. Recognised by its shape, since an application may have another copy. */
export function isAnswer(thrown: unknown): boolean {
  const { $fault: fault } = membersOf(thrown)
  return fault === 'client' || fault === 'server'
}

/** The names that the SDK gives to an error of the service without a code. */
const NO_CODE: ReadonlySet<string> = new Set(['Unknown', 'UnknownError'])

/** The service's code, if there was an answer, or the name of an error of the source of credentials. */
function codeOf(thrown: unknown): string | undefined {
  const { name } = membersOf(thrown)
  if (typeof name !== 'string' || NO_CODE.has(name) || !/^[A-Z][A-Za-z]{2,99}$/.test(name)) return undefined
  return isAnswer(thrown) || CODES[name]?.code === 'KMS_CREDENTIALS_UNAVAILABLE' ? name : undefined
}

/** The names that Node and OpenSSL give to network failures. Only these are repeated. */
const ON_THE_WAY: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'EPROTO',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

function unanswered(thrown: unknown, call: FailedCall): EnvelopeError {
  const { name, code, $metadata: metadata } = membersOf(thrown)
  const { httpStatusCode: status } = membersOf(metadata)
  // First, because the status of an answer that was cut off says nothing.
  if (typeof code === 'string' && ON_THE_WAY.has(code))
    return new EnvelopeError('KMS_UNAVAILABLE', `${described(call)} got no answer (${code})`)
  if (typeof status === 'number') return notOfTheKms(status, call)
  return name === 'TimeoutError'
    ? new EnvelopeError('KMS_TIMEOUT', `${described(call)} got no answer in time`)
    : new EnvelopeError('KMS_UNAVAILABLE', `${described(call)} got no answer`)
}

/** An answer without a code of the service, so of something in front of it; or one that the SDK cannot read. */
function notOfTheKms(status: number, call: FailedCall): EnvelopeError {
  const what = `${described(call)} was answered with HTTP status ${String(status)} and without a code of KMS`
  if (status === 429) return new EnvelopeError('KMS_THROTTLED', what)
  return new EnvelopeError(status >= 500 || status === 408 ? 'KMS_UNAVAILABLE' : 'KMS_RESPONSE_INVALID', what)
}

type Member = 'name' | 'code' | '$fault' | '$metadata' | 'requestId' | 'httpStatusCode'

function membersOf(value: unknown): Partial<Record<Member, unknown>> {
  return typeof value === 'object' && value !== null ? value : {}
}
