import { beforeEach, describe, expect, it } from 'vitest'
import sessions from '../../../src/kms/pkcs11/token-session.cjs'
import { FakeToken, type FakeKey } from './fake-token.js'

const { TokenSession } = sessions
const AAD = { head: Uint8Array.of(1, 2), tail: Uint8Array.of(3) }
const dek = (): Uint8Array => Uint8Array.from({ length: 32 }, (_, at) => at)

let token: FakeToken
let session: InstanceType<typeof TokenSession>

beforeEach(() => {
  token = new FakeToken()
  session = new TokenSession(token.sdk, {
    library: '/hsm.so',
    token: 'payments',
    logIn: (tryPin) => {
      tryPin('1234')
    },
    initialize: (work) => {
      work()
    },
  })
})

const wrap = () => session.wrap('orders', AAD, dek())
function unwrap(wrapped: Uint8Array, body = wrapped.subarray(2)) {
  return session.unwrap('orders', AAD, wrapped.subarray(1, 2), body)
}
const flipped = (wrapped: Uint8Array) =>
  wrapped.subarray(2).map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte))
function codeOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return (error as { code?: unknown }).code
  }
  return 'nothing thrown'
}

describe('a session with a token', () => {
  it('the highest CKA_ID that may encrypt wraps, and older versions still unwrap', () => {
    token.add(1)
    const old = wrap()
    token.add(3)
    token.add(2)
    const wide = token.add(0, { id: Buffer.from([1, 0]) })
    expect([...wrap().subarray(0, 3)]).toEqual([2, 1, 0])
    wide.encrypts = false
    expect([...wrap().subarray(0, 2)]).toEqual([1, 3])
    expect(unwrap(old)).toEqual(dek())
  })

  it.each<[string, string, Partial<FakeKey>]>([
    ['is extractable', 'KEY_CAN_LEAVE', { extractable: true }],
    ['needs no PIN', 'KEY_WITHOUT_PIN', { isPrivate: false }],
    ['is not sensitive', 'KEY_CAN_LEAVE', { sensitive: false }],
    ['is not AES', 'NOT_AES_256', { keyType: 0x13 }],
    ['has 128 bits', 'NOT_AES_256', { length: 16 }],
    ['has no CKA_ID', 'KEY_ID_UNUSABLE', { id: Buffer.alloc(0) }],
    ['has a CKA_ID that is too long', 'KEY_ID_UNUSABLE', { id: Buffer.alloc(65) }],
    ['has the CKA_ID of another one', 'KEYS_SHARE_ID', { id: Buffer.from([1]) }],
  ])('a key of the label that %s makes the CMK unusable: %s', (_, code, changes) => {
    token.add(1)
    const wrapped = wrap()
    token.add(2, changes)
    expect(codeOf(wrap)).toBe(code)
    expect(codeOf(() => unwrap(wrapped))).toBe(code)
    expect(
      codeOf(() => {
        session.verifyUnwrap('orders')
      }),
    ).toBe(code)
  })

  it('a key that may neither encrypt nor decrypt is off, one that is missing is not found', () => {
    const key = token.add(1)
    const wrapped = wrap()
    const verify = () => {
      session.verifyUnwrap('orders')
    }
    Object.assign(key, { encrypts: false, decrypts: false })
    expect([codeOf(wrap), codeOf(() => unwrap(wrapped)), codeOf(verify)]).toEqual([
      'KEY_OFF',
      'KEY_OFF',
      'KEY_OFF',
    ])
    Object.assign(key, { id: Buffer.from([9]) })
    expect(codeOf(() => unwrap(wrapped))).toBe('VERSION_NOT_FOUND')
    token.keys.pop()
    expect([codeOf(wrap), codeOf(() => unwrap(wrapped)), codeOf(verify)]).toEqual([
      'KEY_NOT_FOUND',
      'KEY_NOT_FOUND',
      'KEY_NOT_FOUND',
    ])
  })

  it('nothing is sealed under a key that has a twin which may only decrypt: that would not open', () => {
    token.add(1)
    token.add(1, { encrypts: false })
    expect(codeOf(wrap)).toBe('KEYS_SHARE_ID')
  })

  it('a token that finds few keys at a time hides none', () => {
    token.batch = 1
    token.add(1)
    token.add(2)
    expect([...wrap().subarray(0, 2)]).toEqual([1, 2])
    token.add(3, { extractable: true })
    expect(codeOf(wrap)).toBe('KEY_CAN_LEAVE')
  })

  it('a key costs few calls to look at, because each is a round trip to the HSM', () => {
    const old = token.add(1)
    for (let id = 2; id <= 10; id++) token.add(id)
    wrap()
    expect(token.count('C_GetAttributeValue')).toBe(20)
    old.keyType = 0x13
    token.fails = (call, nth) =>
      call === 'C_GetAttributeValue' && nth > 21 ? 'CKR_ATTRIBUTE_TYPE_INVALID' : undefined
    expect(codeOf(wrap)).toBe('NOT_AES_256')
  })

  it('more keys than it looks at are refused', () => {
    for (let at = 0; at < 257; at++) token.add(at & 0xff)
    expect(codeOf(wrap)).toBe('TOO_MANY_KEYS')
  })

  it('a token that replaces the IV silently seals nothing', () => {
    token.add(1)
    token.changesIv = 'silently'
    expect(codeOf(wrap)).toBe('CKR_GENERAL_ERROR')
  })

  it('a token that says that it replaced the IV seals nothing, even under a key that may only encrypt', () => {
    token.add(1, { decrypts: false })
    token.changesIv = 'and says so'
    expect(codeOf(wrap)).toBe('IV_REPLACED')
  })
})

describe('a ciphertext that does not open', () => {
  it.each([
    ...['CKR_GENERAL_ERROR', 'CKR_ENCRYPTED_DATA_INVALID', 'CKR_VENDOR_DEFINED'],
    ...['CKR_DATA_INVALID', 'CKR_DEVICE_ERROR'],
  ])('the ciphertext is to blame if the key works, when the token answers %s', (code) => {
    token.add(1)
    const wrapped = wrap()
    token.wrongTag = code
    expect(codeOf(() => unwrap(wrapped, flipped(wrapped)))).toBe('CIPHERTEXT_REFUSED')
  })

  it('the token is to blame if it opens nothing', () => {
    token.add(1)
    const wrapped = wrap()
    token.fails = (call) => (call === 'C_Decrypt' ? 'CKR_GENERAL_ERROR' : undefined)
    expect(codeOf(() => unwrap(wrapped))).toBe('CKR_GENERAL_ERROR')
  })

  it.each(['CKR_ENCRYPTED_DATA_INVALID', 'CKR_AEAD_DECRYPT_FAILED'])(
    'the token is to blame if it answers %s to everything, whatever its key may do',
    (code) => {
      const key = token.add(1)
      const wrapped = wrap()
      const refuse = (call: string): string | undefined => (call === 'C_Decrypt' ? code : undefined)
      token.fails = refuse
      expect([codeOf(wrap), codeOf(() => unwrap(wrapped))]).toEqual([
        'ROUND_TRIP_FAILED',
        'ROUND_TRIP_FAILED',
      ])
      token.fails = () => undefined
      key.encrypts = false
      unwrap(wrapped)
      token.fails = refuse
      expect(codeOf(() => unwrap(wrapped))).toBe('ROUND_TRIP_FAILED')
    },
  )

  it('a device that fails, and not the ciphertext, is to blame if the key does not work in its session', () => {
    token.add(1)
    const wrapped = wrap()
    token.fails = (call) =>
      call === 'C_Decrypt' && token.count('C_OpenSession') === 1 ? 'CKR_DEVICE_ERROR' : undefined
    expect(unwrap(wrapped)).toEqual(dek())
    expect(token.count('C_OpenSession')).toBe(2)
  })

  it('a fault that passes does not blame the ciphertext', () => {
    token.add(1)
    const wrapped = wrap()
    const before = token.count('C_Decrypt')
    token.fails = (call, nth) =>
      call === 'C_Decrypt' && nth === before + 1 ? 'CKR_GENERAL_ERROR' : undefined
    expect(unwrap(wrapped)).toEqual(dek())
  })

  it('a key that may only decrypt proves that it works with what it opened before', () => {
    const key = token.add(1)
    const wrapped = wrap()
    key.encrypts = false
    unwrap(wrapped)
    expect(codeOf(() => unwrap(wrapped, flipped(wrapped)))).toBe('CIPHERTEXT_REFUSED')
    token.fails = (call) => (call === 'C_Decrypt' ? 'CKR_GENERAL_ERROR' : undefined)
    expect(codeOf(() => unwrap(wrapped, flipped(wrapped)))).toBe('CKR_GENERAL_ERROR')
  })

  it('a key that may only decrypt and has opened nothing proves nothing, so the code of the token counts', () => {
    const key = token.add(1)
    const wrapped = wrap()
    key.encrypts = false
    expect(codeOf(() => unwrap(wrapped, flipped(wrapped)))).toBe('CKR_GENERAL_ERROR')
    token.wrongTag = 'CKR_AEAD_DECRYPT_FAILED'
    expect(codeOf(() => unwrap(wrapped, flipped(wrapped)))).toBe('CKR_AEAD_DECRYPT_FAILED')
  })
})

describe('the session and the login', () => {
  it.each([
    'CKR_SESSION_HANDLE_INVALID',
    'CKR_SESSION_CLOSED',
    'CKR_DEVICE_REMOVED',
    'CKR_DEVICE_ERROR',
    'CKR_TOKEN_NOT_PRESENT',
    'CKR_USER_NOT_LOGGED_IN',
    'CKR_CRYPTOKI_NOT_INITIALIZED',
  ])('a new session takes over once after %s', (code) => {
    token.add(1)
    const wrapped = wrap()
    expect(token.count('C_OpenSession')).toBe(1)
    let left = 1
    token.fails = (call) => (call === 'C_FindObjectsInit' && left-- > 0 ? code : undefined)
    expect(unwrap(wrapped)).toEqual(dek())
    expect(token.count('C_OpenSession')).toBe(2)
    left = Infinity
    expect(codeOf(() => unwrap(wrapped))).toBe(code)
    expect(token.count('C_OpenSession')).toBe(3)
  })

  it.each(['CKR_GENERAL_ERROR', 'CKR_VENDOR_DEFINED'])(
    'a session in which the token fails with %s is not used again',
    (code) => {
      token.add(1)
      wrap()
      token.fails = (call) =>
        call === 'C_FindObjectsInit' && token.count('C_OpenSession') === 1 ? code : undefined
      expect(codeOf(wrap)).toBe(code)
      expect(codeOf(wrap)).toBe('nothing thrown')
      expect([token.count('C_OpenSession'), token.count('C_CloseSession')]).toEqual([2, 1])
    },
  )

  it('a search that fails is reported as it failed, even if it cannot be ended', () => {
    token.add(1)
    wrap()
    let lost = true
    token.fails = (call) => {
      if (call === 'C_OpenSession') lost = false
      if (!lost) return undefined
      return { C_FindObjects: 'CKR_DEVICE_REMOVED', C_FindObjectsFinal: 'CKR_OPERATION_NOT_INITIALIZED' }[
        call
      ]
    }
    expect(codeOf(wrap)).toBe('nothing thrown')
  })

  it('a login that others ended is made again, and keys that it hides do not count as gone', () => {
    token.add(1)
    const wrapped = wrap()
    token.isLoggedIn = false
    expect(unwrap(wrapped)).toEqual(dek())
    expect(token.count('C_Login')).toBe(2)
    token.keys.pop()
    expect(codeOf(() => unwrap(wrapped))).toBe('KEY_NOT_FOUND')
    expect(token.count('C_Login')).toBe(2)
  })

  it('a login that others made in this process counts, and so does their initialisation', () => {
    token.add(1)
    token.isLoggedIn = true
    token.fails = (call) =>
      ({ C_Login: 'CKR_USER_ALREADY_LOGGED_IN', C_Initialize: 'CKR_CRYPTOKI_ALREADY_INITIALIZED' })[call]
    expect(unwrap(wrap())).toEqual(dek())
  })

  it.each([
    ['PIN_FINAL_TRY', 0x20000],
    ['CKR_PIN_LOCKED', 0x40000],
  ])('no PIN is tried on a token that says %s', (code, flags) => {
    token.add(1)
    token.flags = flags
    expect(codeOf(wrap)).toBe(code)
    expect(token.count('C_Login')).toBe(0)
    expect(token.count('C_CloseSession')).toBe(1)
  })

  it('a PIN that was refused is tried once in a call', () => {
    token.fails = (call) => (call === 'C_Login' ? 'CKR_PIN_INCORRECT' : undefined)
    expect(codeOf(wrap)).toBe('CKR_PIN_INCORRECT')
    expect(token.count('C_Login')).toBe(1)
  })

  it('a PIN that was refused counts as such when the session cannot be closed, too', () => {
    token.fails = (call) =>
      ({ C_Login: 'CKR_PIN_INCORRECT', C_CloseSession: 'CKR_SESSION_HANDLE_INVALID' })[call]
    expect(codeOf(wrap)).toBe('CKR_PIN_INCORRECT')
  })

  it('a slot that cannot be read does not hide the token in another one', () => {
    token.labels.unshift('broken')
    token.add(1)
    token.fails = (call, nth) => (call === 'C_GetTokenInfo' && nth === 1 ? 'CKR_DEVICE_ERROR' : undefined)
    expect(codeOf(wrap)).toBe('nothing thrown')
  })

  it('a token that may be in a slot that cannot be read does not count as missing', () => {
    token.labels[0] = 'other'
    token.labels.push('payments')
    token.fails = (call, nth) => (call === 'C_GetTokenInfo' && nth === 2 ? 'CKR_DEVICE_ERROR' : undefined)
    expect(codeOf(wrap)).toBe('CKR_DEVICE_ERROR')
  })

  it('a token is found by its label alone, and by one label only', () => {
    token.labels[0] = 'payments-2'
    expect(codeOf(wrap)).toBe('TOKEN_NOT_FOUND')
    token.labels.splice(0, 1, 'payments', 'payments')
    expect(codeOf(wrap)).toBe('TOKENS_SHARE_LABEL')
  })

  it('closing ends the session, and leaves login and module to the process', () => {
    token.add(1)
    wrap()
    session.close()
    expect(token.calls.at(-1)).toBe('C_CloseSession')
    expect(token.calls).not.toContain('C_Logout')
    expect(token.calls).not.toContain('C_Finalize')
  })
})
