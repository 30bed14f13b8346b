import { EnvelopeError, type ErrorCode } from '../../errors.js'
import type { Action, Failure } from './messages.js'

/** A call that failed. */
export interface FailedCall {
  readonly action: Action
  readonly cmkId: string
}

interface Row {
  readonly code: ErrorCode
  /** Replaces the code's own remedy if more is known. */
  readonly remedy?: string
}

const PIN =
  'Check the PIN, then restart this process: it does not try again by itself, because that locks the token'
const UNLOCK = 'Unlock the PIN of the user as security officer, then restart this process'
const STUCK = 'Check the HSM and its module: it does not answer; restart this process if that persists'
const MECHANISM = 'Use a token that has CKM_AES_GCM with IVs of 96 bits that the caller makes'
const KEY_FORM =
  'Use an AES-256 key with CKA_SENSITIVE true, CKA_EXTRACTABLE false, and a CKA_ID of 1 to 64 bytes'

/** The codes of PKCS#11. A code that is not listed is unknown to us, so it is not a refusal: it is transient. */
const RETURNED: Readonly<Record<string, Row>> = {
  // Transient
  CKR_DEVICE_ERROR: { code: 'KMS_UNAVAILABLE' },
  CKR_DEVICE_MEMORY: { code: 'KMS_UNAVAILABLE' },
  CKR_DEVICE_REMOVED: { code: 'KMS_UNAVAILABLE' },
  CKR_TOKEN_NOT_PRESENT: { code: 'KMS_UNAVAILABLE' },
  CKR_SESSION_HANDLE_INVALID: { code: 'KMS_UNAVAILABLE' },
  CKR_SESSION_CLOSED: { code: 'KMS_UNAVAILABLE' },
  CKR_HOST_MEMORY: { code: 'KMS_UNAVAILABLE' },
  CKR_FUNCTION_FAILED: { code: 'KMS_UNAVAILABLE' },
  CKR_GENERAL_ERROR: { code: 'KMS_UNAVAILABLE' },
  CKR_CRYPTOKI_NOT_INITIALIZED: { code: 'KMS_UNAVAILABLE' },
  CKR_SESSION_COUNT: {
    code: 'KMS_THROTTLED',
    remedy: 'Retry; if this persists, raise the number of sessions of the token, or run fewer processes',
  },

  // Denied
  CKR_PIN_INCORRECT: { code: 'KMS_DENIED', remedy: PIN },
  CKR_PIN_INVALID: { code: 'KMS_DENIED', remedy: PIN },
  CKR_PIN_LEN_RANGE: { code: 'KMS_DENIED', remedy: PIN },
  CKR_PIN_EXPIRED: { code: 'KMS_DENIED', remedy: 'Set a new PIN, then restart this process with it' },
  CKR_PIN_LOCKED: { code: 'KMS_DENIED', remedy: UNLOCK },
  CKR_USER_PIN_NOT_INITIALIZED: {
    code: 'KMS_DENIED',
    remedy: 'Set the PIN of the user as security officer, then restart this process',
  },
  CKR_USER_ANOTHER_ALREADY_LOGGED_IN: {
    code: 'KMS_DENIED',
    remedy: 'Another part of this process is logged in to the token as security officer: log it out',
  },
  CKR_USER_NOT_LOGGED_IN: {
    code: 'KMS_DENIED',
    remedy: 'The token wants a login for each use of the key: set CKA_ALWAYS_AUTHENTICATE to false',
  },

  // The CMK
  CKR_KEY_FUNCTION_NOT_PERMITTED: {
    code: 'CMK_DISABLED',
    remedy: 'Set CKA_ENCRYPT and CKA_DECRYPT of the key; nothing was lost',
  },
  CKR_KEY_TYPE_INCONSISTENT: { code: 'CMK_UNUSABLE', remedy: KEY_FORM },
  CKR_KEY_SIZE_RANGE: { code: 'CMK_UNUSABLE', remedy: KEY_FORM },
  CKR_MECHANISM_INVALID: { code: 'CMK_UNUSABLE', remedy: MECHANISM },
  CKR_MECHANISM_PARAM_INVALID: { code: 'CMK_UNUSABLE', remedy: MECHANISM },

  // The ciphertext
  CKR_ENCRYPTED_DATA_INVALID: { code: 'CIPHERTEXT_DEK_INVALID' },
  CKR_AEAD_DECRYPT_FAILED: { code: 'CIPHERTEXT_DEK_INVALID' },
}

/** The PIN may be wrong, so it must not be tried again. */
const UNKNOWN_IN_LOGIN: Row = {
  code: 'KMS_DENIED',
  remedy: `Look up the code that the module returned. ${PIN}`,
}

const UNKNOWN: Row = {
  code: 'KMS_UNAVAILABLE',
  remedy: 'Retry; if this persists, look up the code that the module returned',
}

/** What this provider found itself. */
const FOUND: Readonly<Record<string, Row & { readonly what: string }>> = {
  NO_PKCS11JS: {
    code: 'KMS_SDK_MISSING',
    what: 'the package pkcs11js cannot be loaded',
    remedy: 'Run `npm install pkcs11js`; it compiles native code, so allow its install script',
  },
  LIBRARY_NOT_LOADED: {
    code: 'KMS_SDK_MISSING',
    what: 'the PKCS#11 module cannot be loaded',
    remedy: 'Check `library` of pkcs11Kms(), and the configuration of the module',
  },
  NO_PIN: {
    code: 'KMS_CREDENTIALS_UNAVAILABLE',
    what: 'the file in `pinFile` cannot be read, or does not hold one line with a PIN',
  },
  PIN_FINAL_TRY: {
    code: 'KMS_DENIED',
    what: 'the token has one try of the PIN left, which was not used',
    remedy: 'Check the PIN, and log in with another tool, which resets the count; then this process logs in',
  },
  PIN_REFUSED_BEFORE: {
    code: 'KMS_DENIED',
    what: 'the token refused the PIN before, so it was not asked',
    remedy: PIN,
  },
  TOKEN_NOT_FOUND: {
    code: 'KMS_UNAVAILABLE',
    what: 'no slot has a token with this label',
    remedy:
      'Retry; if this persists, check `token` of pkcs11Kms(), the configuration of the module, and the HSM',
  },
  TOKENS_SHARE_LABEL: {
    code: 'CMK_UNUSABLE',
    what: 'several tokens have this label',
    remedy: 'Give each token that this machine sees a label of its own',
  },
  KEY_NOT_FOUND: { code: 'CMK_NOT_FOUND', what: 'the token has no secret key with this label' },
  VERSION_NOT_FOUND: {
    code: 'CMK_NOT_FOUND',
    what: 'no key with this label has the CKA_ID in the ciphertext',
    remedy: 'Bring this version of the key into the token; without it, what was sealed under it is lost',
  },
  KEY_OFF: {
    code: 'CMK_DISABLED',
    what: 'the attributes of the key do not allow it',
    remedy: 'Set CKA_ENCRYPT (to seal) or CKA_DECRYPT (to open) of the key; nothing was lost',
  },
  KEY_CAN_LEAVE: {
    code: 'CMK_UNUSABLE',
    what: 'a key with this label can leave the token',
    remedy: 'Use keys with CKA_SENSITIVE true and CKA_EXTRACTABLE false',
  },
  KEY_WITHOUT_PIN: {
    code: 'CMK_UNUSABLE',
    what: 'a key with this label needs no PIN',
    remedy: 'Use keys with CKA_PRIVATE true',
  },
  NOT_AES_256: {
    code: 'CMK_UNUSABLE',
    what: 'a key with this label is not an AES-256 key',
    remedy: KEY_FORM,
  },
  KEY_ID_UNUSABLE: {
    code: 'CMK_UNUSABLE',
    what: 'a key with this label has no CKA_ID of 1 to 64 bytes',
    remedy: 'Set its CKA_ID to its version',
  },
  KEYS_SHARE_ID: {
    code: 'CMK_UNUSABLE',
    what: 'several keys with this label have the same CKA_ID',
    remedy: 'Give each version a CKA_ID of its own',
  },
  TOO_MANY_KEYS: {
    code: 'CMK_UNUSABLE',
    what: 'more than 256 keys have this label',
    remedy: 'Delete versions that no record needs',
  },
  CIPHERTEXT_REFUSED: {
    code: 'CIPHERTEXT_DEK_INVALID',
    what: 'the token does not open the ciphertext DEK, and the key works',
  },
  ROUND_TRIP_FAILED: {
    code: 'KMS_RESPONSE_INVALID',
    what: 'the token did not unwrap what it had wrapped',
    remedy: MECHANISM,
  },
  IV_REPLACED: { code: 'CMK_UNUSABLE', what: 'the token replaced the IV', remedy: MECHANISM },
  LENGTH_WRONG: { code: 'KMS_RESPONSE_INVALID', what: 'the token returned a wrong number of bytes' },
  NO_THREAD_FILE: {
    code: 'KMS_SDK_MISSING',
    what: 'the file of its thread is missing, as in a bundle',
    remedy: 'Leave kafka-envelope out of the bundle, and install it beside it',
  },
  NO_THREAD: {
    code: 'KMS_UNAVAILABLE',
    what: 'this process may not start a thread',
    remedy: 'Allow threads, for example with --allow-worker of Node.js, and addons',
  },
  THREAD_ENDED: { code: 'KMS_UNAVAILABLE', what: 'the thread of the module ended' },
  THREADS_STUCK: {
    code: 'KMS_UNAVAILABLE',
    what: 'calls that were given up have not returned, so no more were made',
    remedy: STUCK,
  },
  LOGIN_STUCK: {
    code: 'KMS_UNAVAILABLE',
    what: 'a login that was given up has not returned, so the PIN was not tried once more',
    remedy: STUCK,
  },
}

/** For the table in the documentation. */
export const KNOWN_CODES: readonly string[] = [...Object.keys(RETURNED), ...Object.keys(FOUND)]

/** The token refused the login, or may have. Trying again could lock it. */
export function refusesPin({ code, during }: Failure): boolean {
  if (during !== 'C_Login') return false
  return (
    code.startsWith('CKR_PIN_') || code === 'CKR_USER_PIN_NOT_INITIALIZED' || !Object.hasOwn(RETURNED, code)
  )
}

export function failureOf(failure: Failure, call: FailedCall): EnvelopeError {
  const found = Object.hasOwn(FOUND, failure.code) ? FOUND[failure.code] : undefined
  if (found !== undefined)
    return new EnvelopeError(found.code, `${described(call)} failed: ${found.what}`, remedied(found))
  const known = Object.hasOwn(RETURNED, failure.code) ? RETURNED[failure.code] : undefined
  // Only the function that gets the ciphertext can judge it.
  const isMisplaced = known?.code === 'CIPHERTEXT_DEK_INVALID' && failure.during !== 'C_Decrypt'
  const unknown = failure.during === 'C_Login' ? UNKNOWN_IN_LOGIN : UNKNOWN
  const row = known === undefined || isMisplaced ? unknown : known
  const during = failure.during === undefined ? '' : ` in ${failure.during}`
  return new EnvelopeError(row.code, `${described(call)} failed with ${failure.code}${during}`, {
    kmsCode: failure.code,
    ...remedied(row),
  })
}

export function timedOut(call: FailedCall, timeoutMs: number): EnvelopeError {
  return new EnvelopeError('KMS_TIMEOUT', `${described(call)} got no answer within ${String(timeoutMs)} ms`)
}

function described({ action, cmkId }: FailedCall): string {
  return `${action} under CMK ${cmkId}`
}

function remedied({ remedy }: Row): { readonly remedy?: string } {
  return remedy === undefined ? {} : { remedy }
}
