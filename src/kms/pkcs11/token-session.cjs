// @ts-check
'use strict'
/*
 * One session with a token. Every call looks the key up again, so that its current state counts. `docs/format.md`
 * specifies what is wrapped how.
 */
const { randomFillSync, timingSafeEqual } = require('node:crypto')
const { endianness } = require('node:os')

const IV_BYTES = 12
const TAG_BYTES = 16
/** What a token may add to a ciphertext, with room to spare. */
const ROOM_BYTES = 96
/** AES-256 */
const KEY_BYTES = 32
const MAX_KEY_ID_BYTES = 64
/** More keys of one label than this are not looked at. */
const MAX_KEYS = 256
/** A code of PKCS#11 3.0, which pkcs11js does not know by name. */
const CKR_AEAD_DECRYPT_FAILED = 0x42
/** The state of a read-only session of a user who is logged in. pkcs11js has no name for it. */
const CKS_RO_USER_FUNCTIONS = 1

/** The session is gone, or the login: a new one may work. Nothing has happened, or may happen twice. */
const SESSION_LOST = new Set([
  'CKR_SESSION_HANDLE_INVALID',
  'CKR_SESSION_CLOSED',
  'CKR_DEVICE_REMOVED',
  'CKR_DEVICE_ERROR',
  'CKR_TOKEN_NOT_PRESENT',
  'CKR_USER_NOT_LOGGED_IN',
  'CKR_CRYPTOKI_NOT_INITIALIZED',
  'CKR_KEY_HANDLE_INVALID',
  'CKR_OBJECT_HANDLE_INVALID',
  'CKR_OPERATION_ACTIVE',
])

/** With these, a token says itself that the ciphertext is to blame. */
const CIPHERTEXT_CODES = ['CKR_ENCRYPTED_DATA_INVALID', 'CKR_AEAD_DECRYPT_FAILED']

/** A failure by its name. */
class TokenFailure extends Error {
  /** @param {string} code @param {string} [during] */
  constructor(code, during) {
    super(code)
    this.code = code
    this.during = during
  }
}

/**
 * @typedef {object} TokenOptions
 * @property {string} library
 * @property {string} token
 * @property {(tryPin: (pin: string) => void) => void} logIn tries the PIN at most once
 * @property {(work: () => void) => void} initialize does the work when no other thread does it
 *
 * @typedef {object} Key
 * @property {Buffer} handle
 * @property {Buffer} id
 * @property {boolean} encrypts
 * @property {boolean} decrypts
 *
 * @typedef {import('./messages.js').AadParts} AadParts
 */

class TokenSession {
  #p
  #options
  /**
   * The last ciphertext that opened under each key that may only decrypt.
   *
   * @type {Map<string, { aad: Buffer, body: Uint8Array }>}
   */
  #opened = new Map()
  /** @type {import('./pkcs11js.js').Pkcs11Module | undefined} */
  #module
  /** @type {Buffer | undefined} */
  #session

  /** @param {import('./pkcs11js.js').Pkcs11js} pkcs11js @param {TokenOptions} options */
  constructor(pkcs11js, options) {
    this.#p = pkcs11js
    this.#options = options
  }

  /**
   * Wraps under the newest key that may encrypt: id of the key, IV, ciphertext, tag. If the key may decrypt too, the
   * result is unwrapped before it counts: a token that changes the IV would make records that open nowhere.
   *
   * @param {string} label @param {AadParts} aad @param {Uint8Array} bytes a DEK or a secret
   * @returns {Uint8Array<ArrayBuffer>}
   */
  wrap(label, aad, bytes) {
    return this.#withSession((session) => {
      const keys = this.#find(session, label)
      const key = keys
        .filter(({ encrypts }) => encrypts)
        .reduce((/** @type {Key | undefined} */ a, b) => (a && newer(a.id, b.id) ? a : b), undefined)
      if (key === undefined) throw new TokenFailure('KEY_OFF')
      this.#refuseTwins(keys, key)
      const bound = aadOf(aad, key.id)
      const body = this.#encrypt(session, key, bound, bytes)
      if (key.decrypts) this.#expect(session, key, bound, body, bytes)
      const out = new Uint8Array(1 + key.id.length + body.length)
      out[0] = key.id.length
      out.set(key.id, 1)
      out.set(body, 1 + key.id.length)
      return out
    })
  }

  /**
   * @param {string} label @param {AadParts} aad @param {Uint8Array} keyId @param {Uint8Array} body
   * @returns {Uint8Array<ArrayBuffer>}
   */
  unwrap(label, aad, keyId, body) {
    return this.#withSession((session) => {
      const keys = this.#find(session, label)
      const key = keys.find(({ id }) => id.equals(keyId))
      if (key === undefined) throw new TokenFailure('VERSION_NOT_FOUND')
      this.#refuseTwins(keys, key)
      if (!key.decrypts) throw new TokenFailure('KEY_OFF')
      const bound = aadOf(aad, key.id)
      const name = `${label} ${key.id.toString('hex')}`
      try {
        const plain = this.#decrypt(session, key, bound, body)
        if (!key.encrypts) this.#opened.set(name, { aad: bound, body })
        return plain
      } catch (error) {
        const prove = this.#proofThatWorks(session, key, bound, body, name)
        if (!mayBlameCiphertext(error) || prove === undefined) throw error
        return this.#decideWhoIsToBlame(session, key, bound, body, prove)
      }
    })
  }

  /** Proves as much as is possible without a ciphertext of this key. @param {string} label */
  verifyUnwrap(label) {
    this.#withSession((session) => {
      const keys = this.#find(session, label)
      const opening = keys.filter(({ decrypts }) => decrypts)
      if (opening.length === 0) throw new TokenFailure('KEY_OFF')
      for (const key of opening) {
        this.#refuseTwins(keys, key)
        if (key.encrypts) this.#probe(session, key, Buffer.from('kafka-envelope-verifies'))
      }
    })
  }

  close() {
    if (this.#session !== undefined) this.#release(this.#session)
    this.#session = undefined
  }

  /** Not C_Logout and not C_Finalize: the login and the module belong to the whole process. @param {Buffer} session */
  #release(session) {
    try {
      this.#module?.C_CloseSession(session)
    } catch {
      // The session is gone already.
    }
  }

  /**
   * How the key can prove that it works: with a round trip if it may encrypt, or else with what it opened before.
   *
   * @param {Buffer} session @param {Key} key @param {Buffer} aad @param {Uint8Array} body @param {string} name
   */
  #proofThatWorks(session, key, aad, body, name) {
    if (key.encrypts) return () => this.#probe(session, key, aad, body.length - IV_BYTES - TAG_BYTES)
    const before = this.#opened.get(name)
    return before && (() => void this.#mustOpen(session, key, before.aad, before.body).fill(0))
  }

  /**
   * A token may answer the same to a wrong tag as to a fault of its own. So the key must prove that it works now, with
   * bytes of the same sizes. If it does, and the ciphertext still does not open, the ciphertext is to blame.
   *
   * @param {Buffer} session @param {Key} key @param {Buffer} aad @param {Uint8Array} body @param {() => void} prove
   */
  #decideWhoIsToBlame(session, key, aad, body, prove) {
    prove()
    try {
      return this.#decrypt(session, key, aad, body)
    } catch (error) {
      if (!mayBlameCiphertext(error)) throw error
      prove()
      throw new TokenFailure('CIPHERTEXT_REFUSED')
    }
  }

  /** @param {Buffer} session @param {Key} key @param {Buffer} aad */
  #probe(session, key, aad, length = 32) {
    const sample = randomFillSync(new Uint8Array(length))
    this.#expect(session, key, aad, this.#encrypt(session, key, aad, sample), sample)
  }

  /** @param {Buffer} session @param {Key} key @param {Buffer} aad @param {Uint8Array} body @param {Uint8Array} plain */
  #expect(session, key, aad, body, plain) {
    const opened = this.#mustOpen(session, key, aad, body)
    const same = opened.length === plain.length && timingSafeEqual(opened, plain)
    opened.fill(0)
    if (!same) throw new TokenFailure('ROUND_TRIP_FAILED')
  }

  /**
   * Opens what the token wrapped or opened before. If it says that this is invalid, the token is to blame.
   *
   * @param {Buffer} session @param {Key} key @param {Buffer} aad @param {Uint8Array} body
   */
  #mustOpen(session, key, aad, body) {
    try {
      return this.#decrypt(session, key, aad, body)
    } catch (error) {
      throw CIPHERTEXT_CODES.some((code) => isCode(error, code))
        ? new TokenFailure('ROUND_TRIP_FAILED')
        : error
    }
  }

  /** @param {Buffer} session @param {Key} key @param {Buffer} aad @param {Uint8Array} bytes */
  #encrypt(session, key, aad, bytes) {
    const iv = randomFillSync(Buffer.alloc(IV_BYTES))
    const given = Buffer.from(iv)
    this.#call('C_EncryptInit', (m) => m.C_EncryptInit(session, this.#gcm(given, aad), key.handle))
    const room = Buffer.alloc(bytes.length + ROOM_BYTES)
    const sealed = this.#call('C_Encrypt', (m) => m.C_Encrypt(session, viewOf(bytes), room))
    // Tokens that insist on an IV of their own write it there.
    if (!given.equals(iv)) throw new TokenFailure('IV_REPLACED')
    if (sealed.length !== bytes.length + TAG_BYTES) throw new TokenFailure('LENGTH_WRONG', 'C_Encrypt')
    return Buffer.concat([iv, sealed])
  }

  /** @param {Buffer} session @param {Key} key @param {Buffer} aad @param {Uint8Array} body */
  #decrypt(session, key, aad, body) {
    const iv = Buffer.from(body.subarray(0, IV_BYTES))
    this.#call('C_DecryptInit', (m) => m.C_DecryptInit(session, this.#gcm(iv, aad), key.handle))
    const length = body.length - IV_BYTES - TAG_BYTES
    const room = Buffer.alloc(length + ROOM_BYTES)
    try {
      const sealed = viewOf(body.subarray(IV_BYTES))
      const plain = this.#call('C_Decrypt', (m) => m.C_Decrypt(session, sealed, room))
      try {
        if (plain.length !== length) throw new TokenFailure('LENGTH_WRONG', 'C_Decrypt')
        return new Uint8Array(plain)
      } finally {
        plain.fill(0)
      }
    } finally {
      room.fill(0)
    }
  }

  /** @param {Buffer} iv @param {Buffer} aad */
  #gcm(iv, aad) {
    const { CKM_AES_GCM: mechanism, CK_PARAMS_AES_GCM_v240: type } = this.#p
    return { mechanism, parameter: { type, iv, aad, ivBits: IV_BYTES * 8, tagBits: TAG_BYTES * 8 } }
  }

  /**
   * The secret keys with this label. One that may leave the token makes all unusable: its copies could open everything.
   * So does one that needs no login.
   *
   * @param {Buffer} session @param {string} label @returns {Key[]}
   */
  #find(session, label) {
    const p = this.#p
    this.#call('C_FindObjectsInit', (m) => {
      m.C_FindObjectsInit(session, [
        { type: p.CKA_CLASS, value: p.CKO_SECRET_KEY },
        { type: p.CKA_LABEL, value: label },
        { type: p.CKA_TOKEN, value: true },
      ])
    })
    const handles = []
    // A token may return fewer at a time than it has. If this fails, the session is not used again.
    for (;;) {
      const more = this.#call('C_FindObjects', (m) => m.C_FindObjects(session, MAX_KEYS + 1))
      handles.push(...more)
      if (more.length === 0 || handles.length > MAX_KEYS) break
    }
    this.#call('C_FindObjectsFinal', (m) => {
      m.C_FindObjectsFinal(session)
    })
    if (handles.length === 0) {
      // Without a login, private keys cannot be seen.
      const { state } = this.#call('C_GetSessionInfo', (m) => m.C_GetSessionInfo(session))
      throw new TokenFailure(state === CKS_RO_USER_FUNCTIONS ? 'KEY_NOT_FOUND' : 'CKR_USER_NOT_LOGGED_IN')
    }
    if (handles.length > MAX_KEYS) throw new TokenFailure('TOO_MANY_KEYS')
    return handles.map((handle) => this.#keyOf(session, handle))
  }

  /** @param {Buffer} session @param {Buffer} handle @returns {Key} */
  #keyOf(session, handle) {
    const p = this.#p
    const [isPrivate, isSensitive, isExtractable, keyType, id, encrypts, decrypts] = this.#attributes(
      session,
      handle,
      [
        ...[p.CKA_PRIVATE, p.CKA_SENSITIVE, p.CKA_EXTRACTABLE],
        ...[p.CKA_KEY_TYPE, p.CKA_ID, p.CKA_ENCRYPT, p.CKA_DECRYPT],
      ],
    )
    if (!isTrue(isPrivate)) throw new TokenFailure('KEY_WITHOUT_PIN')
    if (!isTrue(isSensitive) || isExtractable?.[0] !== 0) throw new TokenFailure('KEY_CAN_LEAVE')
    if (numberIn(keyType) !== p.CKK_AES) throw new TokenFailure('NOT_AES_256')
    // Keys of another type may not have it, which would fail the call.
    const [size] = this.#attributes(session, handle, [p.CKA_VALUE_LEN])
    if (numberIn(size) !== KEY_BYTES) throw new TokenFailure('NOT_AES_256')
    if (id === undefined || id.length === 0 || id.length > MAX_KEY_ID_BYTES)
      throw new TokenFailure('KEY_ID_UNUSABLE')
    return { handle, id, encrypts: isTrue(encrypts), decrypts: isTrue(decrypts) }
  }

  /**
   * Several at once: there may be many keys, and each call is a round trip to the HSM.
   *
   * @param {Buffer} session @param {Buffer} handle @param {readonly number[]} types
   */
  #attributes(session, handle, types) {
    const template = types.map((type) => ({ type }))
    return this.#call('C_GetAttributeValue', (m) => m.C_GetAttributeValue(session, handle, template)).map(
      ({ value }) => Buffer.from(/** @type {Buffer} */ (value ?? Buffer.alloc(0))),
    )
  }

  /** @param {readonly Key[]} keys @param {Key} key */
  #refuseTwins(keys, key) {
    if (keys.some((other) => other !== key && other.id.equals(key.id)))
      throw new TokenFailure('KEYS_SHARE_ID')
  }

  /**
   * Repeats the work once, in a new session, if the session was lost. What the work does may be done twice. A session in
   * which the token failed in another way is not used again either: it may never recover.
   *
   * @template T @param {(session: Buffer) => T} work @returns {T}
   */
  #withSession(work) {
    const isFresh = this.#session === undefined
    try {
      return this.#inSession(work)
    } catch (error) {
      if (isFresh || !(error instanceof TokenFailure) || !SESSION_LOST.has(error.code)) throw error
      return this.#inSession(work)
    }
  }

  /** @template T @param {(session: Buffer) => T} work @returns {T} */
  #inSession(work) {
    try {
      return work((this.#session ??= this.#open()))
    } catch (error) {
      if (!(error instanceof TokenFailure) || error.code.startsWith('CKR_') || error.during !== undefined)
        this.close()
      throw error
    }
  }

  #open() {
    const p = this.#p
    this.#load()
    const slot = this.#slot()
    const session = this.#call('C_OpenSession', (m) => m.C_OpenSession(slot, p.CKF_SERIAL_SESSION))
    try {
      this.#logIn(slot, session)
      return session
    } catch (error) {
      // Without hiding the error: the session may be gone, and a PIN that was refused must not be tried again.
      this.#release(session)
      throw error
    }
  }

  #load() {
    if (this.#module === undefined) {
      const module = new this.#p.PKCS11()
      try {
        module.load(this.#options.library)
        // Once more, so that it stays in memory. At the end of a thread, pkcs11js unloads what it loaded last; but the
        // module is still initialized, for other threads too, and may run threads of its own.
        module.load(this.#options.library)
      } catch {
        throw new TokenFailure('LIBRARY_NOT_LOADED')
      }
      this.#module = module
    }
    try {
      this.#options.initialize(() => {
        this.#call('C_Initialize', (m) => {
          m.C_Initialize({ flags: this.#p.CKF_OS_LOCKING_OK })
        })
      })
    } catch (error) {
      // By another part of this process, or before the session was lost.
      if (!isCode(error, 'CKR_CRYPTOKI_ALREADY_INITIALIZED')) throw error
    }
  }

  #slot() {
    /** @type {unknown} */
    let unread
    const slots = this.#call('C_GetSlotList', (m) => m.C_GetSlotList(true)).filter((slot) => {
      try {
        const info = this.#call('C_GetTokenInfo', (m) => m.C_GetTokenInfo(slot))
        return info.label.replace(/[ \0]+$/, '') === this.#options.token
      } catch (error) {
        // It may be another token that fails.
        unread ??= error
        return false
      }
    })
    const [slot, second] = slots
    if (slot === undefined) throw unread ?? new TokenFailure('TOKEN_NOT_FOUND')
    if (second !== undefined) throw new TokenFailure('TOKENS_SHARE_LABEL')
    return slot
  }

  /**
   * A wrong PIN may lock the token for every process. The last try is left to the administrator.
   *
   * @param {Buffer} slot @param {Buffer} session
   */
  #logIn(slot, session) {
    const { CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, CKU_USER } = this.#p
    const { flags } = this.#call('C_GetTokenInfo', (m) => m.C_GetTokenInfo(slot))
    if ((flags & CKF_USER_PIN_LOCKED) !== 0) throw new TokenFailure('CKR_PIN_LOCKED', 'C_GetTokenInfo')
    if ((flags & CKF_USER_PIN_FINAL_TRY) !== 0) throw new TokenFailure('PIN_FINAL_TRY')
    this.#options.logIn((pin) => {
      try {
        this.#call('C_Login', (m) => {
          m.C_Login(session, CKU_USER, pin)
        })
      } catch (error) {
        // A login is for the whole process.
        if (!isCode(error, 'CKR_USER_ALREADY_LOGGED_IN')) throw error
      }
    })
  }

  /**
   * @template T @param {string} name @param {(module: import('./pkcs11js.js').Pkcs11Module) => T} work @returns {T}
   */
  #call(name, work) {
    if (this.#module === undefined) throw new TokenFailure('LIBRARY_NOT_LOADED')
    try {
      return work(this.#module)
    } catch (error) {
      throw new TokenFailure(codeIn(error), name)
    }
  }
}

/**
 * Only the name of the code, or its number where pkcs11js knows no name.
 *
 * @param {unknown} error
 */
function codeIn(error) {
  if (!(error instanceof Error)) return 'UNKNOWN'
  const name = /\bCKR_[A-Z0-9_]{2,50}\b/.exec(error.message)?.[0]
  const number = 'code' in error && typeof error.code === 'number' ? error.code : undefined
  if (number === CKR_AEAD_DECRYPT_FAILED) return 'CKR_AEAD_DECRYPT_FAILED'
  if (name === 'CKR_VENDOR_DEFINED' && number !== undefined) return `CKR_0x${number.toString(16)}`
  return name ?? 'UNKNOWN'
}

/**
 * Tokens answer a tag that does not verify with many codes, also with those for faults of theirs.
 *
 * @param {unknown} error
 */
function mayBlameCiphertext(error) {
  if (!(error instanceof TokenFailure) || error.during !== 'C_Decrypt') return false
  // Not what this session found itself, such as a wrong length.
  if (!error.code.startsWith('CKR_')) return false
  // If the device did fail, the session is lost, and the key cannot prove that it works.
  return error.code === 'CKR_DEVICE_ERROR' || !SESSION_LOST.has(error.code)
}

/** @param {unknown} error @param {string} code */
function isCode(error, code) {
  return error instanceof TokenFailure && error.code === code
}

/** @param {AadParts} aad @param {Uint8Array} keyId */
function aadOf({ head, tail }, keyId) {
  return Buffer.concat([head, Buffer.from([keyId.length]), keyId, tail])
}

/** Ids are big-endian numbers. Of two spellings of one number, the longer one is newer. @param {Buffer} a @param {Buffer} b */
function newer(a, b) {
  const width = Math.max(a.length, b.length)
  /** @param {Buffer} id */
  const padded = (id) => Buffer.concat([Buffer.alloc(width - id.length), id])
  return (Buffer.compare(padded(a), padded(b)) || a.length - b.length) > 0
}

/** A CK_BBOOL. @param {Buffer | undefined} value */
function isTrue(value) {
  return value?.[0] === 1
}

/** A CK_ULONG, in the order of bytes and the size of this machine. @param {Buffer | undefined} value */
function numberIn(value) {
  if (value?.length !== 4 && value?.length !== 8) return undefined
  const bytes = endianness() === 'LE' ? Buffer.from(value).reverse() : value
  return Number(BigInt(`0x${bytes.toString('hex')}`))
}

/** @param {Uint8Array} bytes */
function viewOf({ buffer, byteOffset, byteLength }) {
  return Buffer.from(buffer, byteOffset, byteLength)
}

module.exports = { TokenSession, TokenFailure }
