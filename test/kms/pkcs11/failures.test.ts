import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../../src/errors.js'
import { failureOf, KNOWN_CODES, refusesPin } from '../../../src/kms/pkcs11/failures.js'

const CALL = { action: 'unwrap', cmkId: 'pkcs11:token=payments;object=orders' } as const

/** Every code of the table. */
const ROWS: Readonly<Partial<Record<ErrorCode, readonly string[]>>> = {
  KMS_UNAVAILABLE: [
    'CKR_DEVICE_ERROR',
    'CKR_DEVICE_MEMORY',
    'CKR_DEVICE_REMOVED',
    'CKR_TOKEN_NOT_PRESENT',
    'CKR_SESSION_HANDLE_INVALID',
    'CKR_SESSION_CLOSED',
    'CKR_HOST_MEMORY',
    'CKR_FUNCTION_FAILED',
    'CKR_GENERAL_ERROR',
    'CKR_CRYPTOKI_NOT_INITIALIZED',
    'TOKEN_NOT_FOUND',
    'THREAD_ENDED',
    'THREADS_STUCK',
    'LOGIN_STUCK',
    'NO_THREAD',
  ],
  KMS_THROTTLED: ['CKR_SESSION_COUNT'],
  KMS_DENIED: [
    'CKR_PIN_INCORRECT',
    'CKR_PIN_INVALID',
    'CKR_PIN_LEN_RANGE',
    'CKR_PIN_EXPIRED',
    'CKR_PIN_LOCKED',
    'CKR_USER_PIN_NOT_INITIALIZED',
    'CKR_USER_ANOTHER_ALREADY_LOGGED_IN',
    'CKR_USER_NOT_LOGGED_IN',
    'PIN_FINAL_TRY',
    'PIN_REFUSED_BEFORE',
  ],
  CMK_DISABLED: ['CKR_KEY_FUNCTION_NOT_PERMITTED', 'KEY_OFF'],
  CMK_UNUSABLE: [
    'CKR_KEY_TYPE_INCONSISTENT',
    'CKR_KEY_SIZE_RANGE',
    'CKR_MECHANISM_INVALID',
    'CKR_MECHANISM_PARAM_INVALID',
    'TOKENS_SHARE_LABEL',
    'KEY_CAN_LEAVE',
    'KEY_WITHOUT_PIN',
    'NOT_AES_256',
    'KEY_ID_UNUSABLE',
    'KEYS_SHARE_ID',
    'TOO_MANY_KEYS',
    'IV_REPLACED',
  ],
  CMK_NOT_FOUND: ['KEY_NOT_FOUND', 'VERSION_NOT_FOUND'],
  CIPHERTEXT_DEK_INVALID: ['CKR_ENCRYPTED_DATA_INVALID', 'CKR_AEAD_DECRYPT_FAILED', 'CIPHERTEXT_REFUSED'],
  KMS_SDK_MISSING: ['NO_PKCS11JS', 'LIBRARY_NOT_LOADED', 'NO_THREAD_FILE'],
  KMS_CREDENTIALS_UNAVAILABLE: ['NO_PIN'],
  KMS_RESPONSE_INVALID: ['ROUND_TRIP_FAILED', 'LENGTH_WRONG'],
}
const PAIRS = Object.entries(ROWS).flatMap(([code, names]) => names.map((name) => [name, code] as const))

describe('the failures of a token', () => {
  it('every code of the table of PKCS#11 is tried here', () => {
    expect(PAIRS.map(([name]) => name).sort()).toEqual([...KNOWN_CODES].sort())
  })

  it.each(PAIRS)('%s of a token is %s', (name, code) => {
    const error = failureOf({ code: name, during: 'C_Decrypt' }, CALL)
    expect(error.code).toBe(code)
    expect(error.kmsCode).toBe(name.startsWith('CKR_') ? name : undefined)
    expect(error.message).toContain(`unwrap under CMK ${CALL.cmkId} failed`)
  })

  it('a code that blames the ciphertext is transient if a function returns it that did not get the ciphertext', () => {
    for (const code of ['CKR_ENCRYPTED_DATA_INVALID', 'CKR_AEAD_DECRYPT_FAILED'])
      expect(failureOf({ code, during: 'C_FindObjects' }, CALL).code).toBe('KMS_UNAVAILABLE')
  })

  it('a code that is not listed is transient, and named', () => {
    expect(failureOf({ code: 'CKR_VENDOR_DEFINED' }, CALL)).toMatchObject({
      code: 'KMS_UNAVAILABLE',
      kmsCode: 'CKR_VENDOR_DEFINED',
    })
  })

  it('a PIN that was refused is not tried again, a session that was lost is', () => {
    const returned = KNOWN_CODES.filter((code) => code.startsWith('CKR_'))
    expect(returned.filter((code) => refusesPin({ code, during: 'C_Login' })).sort()).toEqual([
      'CKR_PIN_EXPIRED',
      'CKR_PIN_INCORRECT',
      'CKR_PIN_INVALID',
      'CKR_PIN_LEN_RANGE',
      'CKR_PIN_LOCKED',
      'CKR_USER_PIN_NOT_INITIALIZED',
    ])
  })

  it('a code that is not listed may refuse the PIN, if the token answers it to a login', () => {
    const failure = { code: 'CKR_0x80000004', during: 'C_Login' }
    expect(refusesPin(failure)).toBe(true)
    expect(failureOf(failure, CALL)).toMatchObject({
      code: 'KMS_DENIED',
      kmsCode: 'CKR_0x80000004',
      message: expect.stringContaining('Check the PIN') as unknown,
    })
    expect(refusesPin({ ...failure, during: 'C_FindObjectsInit' })).toBe(false)
  })

  it('a token that says before the login that it would refuse the PIN may be asked again, which costs no try', () => {
    expect(refusesPin({ code: 'CKR_PIN_LOCKED', during: 'C_GetTokenInfo' })).toBe(false)
    expect(refusesPin({ code: 'PIN_FINAL_TRY' })).toBe(false)
  })
})
