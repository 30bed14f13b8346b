import { EnvelopeError, type ErrorCode } from '../../errors.js'
import { member } from '../json-member.js'
import type { JsonAnswer } from '../json-service.js'
import type { KeyId } from './key-id.js'

/** The operations of the service that this provider uses. */
export type Action = 'get' | 'unwrapkey' | 'encrypt' | 'decrypt'

/** A call that failed. */
export interface FailedCall {
  readonly action: Action
  readonly key: KeyId
}

interface Row {
  readonly code: ErrorCode
  /** Replaces the code's own remedy if more is known. */
  readonly remedy?: string
}

const NETWORK = 'Allow this process in the firewall of the vault, or connect through its private endpoint'
const GRANT = 'Grant this identity the operation on the key, by a role or an access policy'

/**
 * What the service's codes mean. A code is that of the error, with the code of the inner error after a dot if there is
 * one. `A.B` counts as `A` if it has no row. A code that is not listed is unknown to us, so it is not a refusal: its
 * HTTP status decides whether it is throttling, and otherwise it is transient.
 */
const CODES: Readonly<Record<string, Row>> = {
  // Transient
  Throttled: { code: 'KMS_THROTTLED' },
  TooManyRequests: { code: 'KMS_THROTTLED' },
  InternalServerError: { code: 'KMS_UNAVAILABLE' },
  InternalError: { code: 'KMS_UNAVAILABLE' },
  ServiceUnavailable: { code: 'KMS_UNAVAILABLE' },

  // Denied
  Unauthorized: {
    code: 'KMS_DENIED',
    remedy:
      'Check the credential: its tokens must come from the tenant of the vault, and be for Key Vault or Managed HSM',
  },
  Forbidden: { code: 'KMS_DENIED', remedy: GRANT },
  AccessDenied: { code: 'KMS_DENIED', remedy: GRANT },
  'Forbidden.ForbiddenByRbac': {
    code: 'KMS_DENIED',
    remedy:
      'Assign this identity a role with the operation on the key; that may take minutes to reach the vault',
  },
  'Forbidden.ForbiddenByPolicy': {
    code: 'KMS_DENIED',
    remedy: 'Add the operation to the access policy of this identity',
  },
  'Forbidden.AccessDenied': { code: 'KMS_DENIED', remedy: GRANT },
  'Forbidden.ForbiddenByFirewall': { code: 'KMS_DENIED', remedy: NETWORK },
  'Forbidden.ForbiddenByConnection': { code: 'KMS_DENIED', remedy: NETWORK },

  // The CMK
  KeyNotFound: {
    code: 'CMK_NOT_FOUND',
    remedy:
      'Check the id of the CMK; a key that was deleted can be recovered until it is purged, with its versions',
  },
  VaultNotFound: { code: 'CMK_NOT_FOUND' },
  'Forbidden.KeyDisabled': {
    code: 'CMK_DISABLED',
    remedy: 'Enable the version of the key; nothing was lost',
  },
  'Forbidden.KeyNotYetValid': {
    code: 'CMK_UNUSABLE',
    remedy: 'Wait for the activation date of the key, or change it',
  },
  'Forbidden.KeyExpired': { code: 'CMK_UNUSABLE', remedy: 'Rotate the key, or change its expiry date' },

  // The request. Repeating it changes nothing. Neither blames a record, since the mistake may be ours.
  BadParameter: {
    code: 'KMS_REFUSED',
    remedy: 'Check that the key is an RSA key in a vault, or an AES-256 key in a Managed HSM',
  },
  NotSupported: { code: 'KMS_REFUSED' },

  // The ciphertext. Only to `unwrapkey` and `decrypt`.
  'BadParameter.Ciphertext': { code: 'CIPHERTEXT_DEK_INVALID' },
}

/** For the table in the documentation. */
export const KNOWN_CODES: readonly string[] = Object.keys(CODES)

/** The error of an answer that has another status than 200. It repeats nothing of the answer but code and request id. */
export function failureOf({ status, headers, body }: JsonAnswer, call: FailedCall): EnvelopeError {
  const kmsCode = codeIn(body, call.action) ?? (status === 401 ? 'Unauthorized' : undefined)
  if (kmsCode === undefined) return notOfTheKms(status, call)
  const known = [kmsCode, kmsCode.split('.')[0] ?? ''].find((code) => Object.hasOwn(CODES, code))
  const { code, remedy } = known === undefined ? unlisted(status) : (CODES[known] as Row)
  const { 'x-ms-request-id': id } = headers
  const requestId = typeof id === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(id) ? id : undefined
  const shown = requestId === undefined ? '' : ` (request ${requestId})`
  return new EnvelopeError(code, `${described(call)} failed with ${kmsCode}${shown}`, {
    kmsCode,
    requestId,
    ...(remedy === undefined ? {} : { remedy }),
  })
}

/** An answer that does not fit the call. */
export function invalidAnswer(call: FailedCall, how: string): EnvelopeError {
  return new EnvelopeError('KMS_RESPONSE_INVALID', `${described(call)} was answered ${how}`)
}

export function described({ action, key }: FailedCall): string {
  return `${action} under CMK ${key.id}`
}

function unlisted(status: number): Row {
  if (status === 429) return { code: 'KMS_THROTTLED' }
  return {
    code: 'KMS_UNAVAILABLE',
    remedy: 'Retry; if this persists, look up the code that the KMS returned',
  }
}

const CODE = /^[A-Z][A-Za-z0-9]{1,60}$/
/** The words for a ciphertext that does not open: for them the service has no code of their own. */
const OPENS_NOT =
  /^(?:Error occurred while decoding OAEP padding|Unable to decrypt specified value with this key|The parameter is incorrect)/

function codeIn(body: unknown, action: Action): string | undefined {
  const error = member(body, 'error')
  const code = member(error, 'code')
  if (typeof code !== 'string' || !CODE.test(code)) return undefined
  const message = member(error, 'message')
  const opens = action === 'unwrapkey' || action === 'decrypt'
  if (code === 'BadParameter' && opens && typeof message === 'string' && OPENS_NOT.test(message))
    return 'BadParameter.Ciphertext'
  const inner = member(member(error, 'innererror') ?? member(error, 'innerError'), 'code')
  return typeof inner === 'string' && CODE.test(inner) ? `${code}.${inner}` : code
}

/** Something in front of the service answered. */
function notOfTheKms(status: number, call: FailedCall): EnvelopeError {
  const what = `${described(call)} was answered with HTTP status ${String(status)}, and without a code of the service`
  if (status === 429) return new EnvelopeError('KMS_THROTTLED', what)
  if (status >= 500 || status === 408) return new EnvelopeError('KMS_UNAVAILABLE', what)
  return new EnvelopeError('KMS_RESPONSE_INVALID', what)
}
