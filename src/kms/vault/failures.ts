import { EnvelopeError, type ErrorCode } from '../../errors.js'
import { member } from '../json-member.js'

/** The calls that this provider makes. */
export type Action =
  'datakey' | 'encrypt' | 'decrypt' | 'rewrap' | 'read key' | 'log in' | 'renew token' | 'look up token'

/** A call, for messages. */
export interface DescribedCall {
  readonly action: Action
  /** Absent if the call concerns a token. */
  readonly cmkId?: string
  /** Path of the API, without `/v1`: the one that a policy names. */
  readonly path: string
}

interface Row {
  readonly status: number
  /** Part of one of the texts in `errors`. If absent, the row is for any text. */
  readonly says?: string
  /** If absent, the row is for all calls. */
  readonly to?: readonly Action[]
  readonly code: ErrorCode
  /** Replaces the code's own remedy if more is known. */
  readonly remedy?: string | ((call: DescribedCall) => string)
}

/** The calls that take a ciphertext DEK. */
const OPENING: readonly Action[] = ['decrypt', 'rewrap']

/**
 * The meaning of answers: the first row that matches counts. The service has no codes, so a status and a part of its
 * text stand for one. An answer without a row is unknown to us, so it is not a refusal: it is transient.
 */
const ROWS: readonly Row[] = [
  // Logins
  {
    status: 400,
    to: ['log in'],
    code: 'KMS_DENIED',
    remedy: 'Check the role and the secret id or service account token in `auth`: the login was refused',
  },
  {
    status: 403,
    to: ['log in'],
    code: 'KMS_DENIED',
    remedy:
      'Check the role, its bounds and the token in `auth`, and `auth.mount` and `namespace`: the login was refused',
  },
  {
    status: 404,
    to: ['log in'],
    code: 'KMS_DENIED',
    remedy: 'Check `auth.mount` and `namespace`: there is no auth method at this path',
  },

  // The key
  { status: 400, says: 'encryption key not found', code: 'CMK_NOT_FOUND' },
  {
    status: 404,
    says: 'no handler for route',
    code: 'CMK_NOT_FOUND',
    remedy: 'Check `mount` and `namespace`: there is no transit engine at this path',
  },
  { status: 404, to: ['read key'], code: 'CMK_NOT_FOUND' },
  {
    status: 400,
    says: 'soft-deleted key',
    code: 'CMK_DISABLED',
    remedy: 'Restore the key with `soft-delete-restore`; nothing was lost',
  },
  {
    status: 400,
    says: 'disallowed by policy (too old)',
    code: 'CMK_DISABLED',
    remedy:
      'Lower `min_decryption_version` of the key below the version in the ciphertext; a version that was trimmed is lost',
  },
  {
    status: 400,
    says: 'version is too new',
    to: OPENING,
    code: 'CMK_NOT_FOUND',
    remedy:
      'This Vault does not have the version of the key that the ciphertext names: wait until it has caught up, or check whether the key was restored from an old backup',
  },
  { status: 400, says: 'not supported for key type', code: 'CMK_UNUSABLE' },

  // The ciphertext DEK
  { status: 400, says: 'message authentication failed', to: OPENING, code: 'CIPHERTEXT_DEK_INVALID' },
  { status: 400, says: 'invalid ciphertext', to: OPENING, code: 'CIPHERTEXT_DEK_INVALID' },

  // The request
  {
    status: 400,
    says: "missing 'context'",
    code: 'KMS_REFUSED',
    remedy: 'Look for a gateway that changes requests: the encryption context did not arrive',
  },
  {
    status: 403,
    code: 'KMS_DENIED',
    remedy: ({ action, path }) =>
      `Allow \`${action === 'read key' ? 'read' : 'update'}\` on ${path} in the policy of this identity, and check that its token has not expired`,
  },
  { status: 405, code: 'KMS_REFUSED' },

  // Transient
  { status: 412, code: 'KMS_UNAVAILABLE' },
  { status: 429, code: 'KMS_THROTTLED' },
  { status: 472, code: 'KMS_UNAVAILABLE', remedy: 'Send calls to the active cluster: this is a standby' },
  { status: 473, code: 'KMS_UNAVAILABLE', remedy: 'Send calls to the active node: this is a standby' },
  { status: 500, code: 'KMS_UNAVAILABLE' },
  { status: 502, code: 'KMS_UNAVAILABLE' },
  { status: 503, says: 'sealed', code: 'KMS_UNAVAILABLE', remedy: 'Unseal Vault; nothing was lost' },
  { status: 503, code: 'KMS_UNAVAILABLE' },
  { status: 504, code: 'KMS_UNAVAILABLE' },
]

/** For the table in the documentation. */
export const KNOWN_ANSWERS: readonly Pick<Row, 'status' | 'says' | 'to' | 'code'>[] = ROWS

/** Statuses that something in front of Vault also answers, with JSON of its own. */
const ALSO_OF_GATEWAYS: ReadonlySet<number> = new Set([429, 500, 502, 503, 504])

/** Converts an answer that is not a success. The text of the service is compared, and never repeated. */
export function failureOf(call: DescribedCall, status: number, body: unknown): EnvelopeError {
  const how = `${described(call)} was answered with HTTP status ${String(status)}`
  const texts = textsOf(body)
  if (texts === undefined && !ALSO_OF_GATEWAYS.has(status))
    return new EnvelopeError('KMS_RESPONSE_INVALID', `${how}, and not in the form of Vault`)
  const row = ROWS.find((each) => matches(each, call, status, texts ?? []))
  const { remedy } = row ?? {}
  return new EnvelopeError(row?.code ?? 'KMS_UNAVAILABLE', how, {
    kmsCode: String(status),
    ...(remedy === undefined ? {} : { remedy: typeof remedy === 'string' ? remedy : remedy(call) }),
  })
}

/** Whether another token may help. */
export function isRefusedToken(error: EnvelopeError): boolean {
  return error.code === 'KMS_DENIED' && error.kmsCode === '403'
}

export function described({ action, cmkId }: Omit<DescribedCall, 'path'>): string {
  return `Vault: ${action}${cmkId === undefined ? '' : ` under CMK ${cmkId}`}`
}

function matches(row: Row, { action }: DescribedCall, status: number, texts: readonly string[]): boolean {
  const { says } = row
  return (
    row.status === status &&
    row.to?.includes(action) !== false &&
    (says === undefined || texts.some((text) => text.includes(says)))
  )
}

/** The texts of Vault's own form, `{"errors": [...]}`; undefined for any other. */
function textsOf(body: unknown): readonly string[] | undefined {
  const errors = member(body, 'errors')
  return Array.isArray(errors) && errors.every((each) => typeof each === 'string') ? errors : undefined
}
