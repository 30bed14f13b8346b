import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Pkcs11js, Pkcs11Module } from '../../../src/kms/pkcs11/pkcs11js.js'

/** A token in memory that fails and misbehaves as a test says, in place of the package `pkcs11js`. */
export interface FakeKey {
  readonly id: Buffer
  readonly value: Buffer
  readonly label: string
  encrypts: boolean
  decrypts: boolean
  sensitive: boolean
  extractable: boolean
  isPrivate: boolean
  keyType: number
  length: number
}

const CONSTANTS = {
  CKF_OS_LOCKING_OK: 2,
  CKF_SERIAL_SESSION: 4,
  CKF_USER_PIN_FINAL_TRY: 0x20000,
  CKF_USER_PIN_LOCKED: 0x40000,
  CKU_USER: 1,
  CKO_SECRET_KEY: 4,
  CKK_AES: 0x1f,
  CKM_AES_GCM: 0x1087,
  CK_PARAMS_AES_GCM_v240: 7,
  CKA_CLASS: 0,
  CKA_TOKEN: 1,
  CKA_PRIVATE: 2,
  CKA_LABEL: 3,
  CKA_KEY_TYPE: 0x100,
  CKA_ID: 0x102,
  CKA_SENSITIVE: 0x103,
  CKA_ENCRYPT: 0x104,
  CKA_DECRYPT: 0x105,
  CKA_VALUE_LEN: 0x161,
  CKA_EXTRACTABLE: 0x162,
} as const

export class FakeToken {
  readonly labels = ['payments']
  readonly keys: FakeKey[] = []
  readonly calls: string[] = []
  flags = 0
  /** What a wrong tag is answered with. */
  wrongTag = 'CKR_GENERAL_ERROR'
  /** Whether the token replaces the IV of its caller, and says so. */
  changesIv: 'no' | 'silently' | 'and says so' = 'no'
  isLoggedIn = false
  /** How many objects one C_FindObjects returns. */
  batch = Infinity
  /** Returns the code with which a call fails. */
  fails: (call: string, nth: number) => string | undefined = () => undefined

  add(id: number, changes: Partial<FakeKey> = {}): FakeKey {
    const key: FakeKey = {
      id: Buffer.from([id]),
      value: randomBytes(32),
      label: 'orders',
      encrypts: true,
      decrypts: true,
      sensitive: true,
      extractable: false,
      isPrivate: true,
      keyType: CONSTANTS.CKK_AES,
      length: 32,
      ...changes,
    }
    this.keys.push(key)
    return key
  }

  count(call: string): number {
    return this.calls.filter((each) => each === call).length
  }

  /** What `require('pkcs11js')` would return. */
  get sdk(): Pkcs11js {
    const module = this.#module()
    function PKCS11(): Pkcs11Module {
      return module
    }
    return { ...CONSTANTS, PKCS11: PKCS11 as unknown as new () => Pkcs11Module }
  }

  #module(): Pkcs11Module {
    const handle = (n: number): Buffer => Buffer.from([n])
    let found: Buffer[] = []
    let operation: Parameters<Pkcs11Module['C_EncryptInit']> | undefined
    const keyAt = (object: Buffer): FakeKey => this.keys[object[0] ?? -1] as FakeKey
    const module: Pkcs11Module = {
      load: () => undefined,
      C_Initialize: () => undefined,
      C_GetSlotList: () => this.labels.map((_, at) => handle(at)),
      C_GetTokenInfo: (slot) => ({ label: (this.labels[slot[0] ?? 0] ?? '').padEnd(32), flags: this.flags }),
      C_OpenSession: () => handle(1),
      C_CloseSession: () => undefined,
      C_GetSessionInfo: () => ({ state: this.isLoggedIn ? 1 : 0 }),
      C_Login: () => {
        this.isLoggedIn = true
      },
      C_FindObjectsInit: (_session, template) => {
        const label = template.find(({ type }) => type === CONSTANTS.CKA_LABEL)?.value
        found = this.keys.flatMap((key, at) =>
          key.label === label && (this.isLoggedIn || !key.isPrivate) ? [handle(at)] : [],
        )
      },
      C_FindObjects: (_session, max) => found.splice(0, Math.min(max, this.batch)),
      C_FindObjectsFinal: () => undefined,
      C_GetAttributeValue: (_session, object, template) =>
        template.map(({ type }) => ({ value: attribute(keyAt(object), type) })),
      C_EncryptInit: (...given) => {
        operation = given
      },
      C_DecryptInit: (...given) => {
        operation = given
      },
      C_Encrypt: (_session, plain) => {
        const [, { parameter }, key] = operation as NonNullable<typeof operation>
        const iv = this.changesIv === 'no' ? parameter.iv : randomBytes(12)
        if (this.changesIv === 'and says so') parameter.iv.set(iv)
        const cipher = createCipheriv('aes-256-gcm', keyAt(key).value, iv, { authTagLength: 16 })
        cipher.setAAD(parameter.aad)
        return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
      },
      C_Decrypt: (_session, sealed) => {
        const [, { parameter }, key] = operation as NonNullable<typeof operation>
        const decipher = createDecipheriv('aes-256-gcm', keyAt(key).value, parameter.iv, {
          authTagLength: 16,
        })
        decipher.setAAD(parameter.aad)
        decipher.setAuthTag(sealed.subarray(-16))
        const plain = decipher.update(sealed.subarray(0, -16))
        try {
          decipher.final()
        } catch {
          throw new Error(`${this.wrongTag}:5`)
        }
        return plain
      },
    }
    return new Proxy(module, {
      get: (target, name: keyof Pkcs11Module) => {
        const work = target[name] as (...given: unknown[]) => unknown
        return (...given: unknown[]) => {
          this.calls.push(name)
          const code = this.fails(name, this.count(name))
          if (code !== undefined) throw new Error(`${code}:1`)
          return work(...given)
        }
      },
    })
  }
}

function attribute(key: FakeKey, type: number): Buffer {
  const flag = (value: boolean): Buffer => Buffer.from([value ? 1 : 0])
  const number = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)
  switch (type) {
    case CONSTANTS.CKA_ID:
      return key.id
    case CONSTANTS.CKA_PRIVATE:
      return flag(key.isPrivate)
    case CONSTANTS.CKA_SENSITIVE:
      return flag(key.sensitive)
    case CONSTANTS.CKA_EXTRACTABLE:
      return flag(key.extractable)
    case CONSTANTS.CKA_ENCRYPT:
      return flag(key.encrypts)
    case CONSTANTS.CKA_DECRYPT:
      return flag(key.decrypts)
    case CONSTANTS.CKA_KEY_TYPE:
      return number(key.keyType)
    default:
      return number(key.length)
  }
}
