import {
  constants,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  privateDecrypt,
  randomBytes,
  type KeyObject,
  type KeyPairKeyObjectResult,
} from 'node:crypto'
import { badParameter, Refusal, type Parameters } from './wire.js'

export type Operation = 'get' | 'unwrapkey' | 'encrypt' | 'decrypt'
export type KeyType = 'RSA' | 'oct-HSM'

/** One version of a key. */
export interface Version {
  /** 32 hexadecimal digits. */
  readonly name: string
  readonly key: KeyObject
  readonly publicKey: KeyObject | undefined
  enabled: boolean
  /** Seconds since the epoch. */
  nbf?: number
  exp?: number
}

type Members = Readonly<Record<string, string>>

/** A key with its versions. The newest one is the current one. */
export class VaultKey {
  readonly name: string
  readonly type: KeyType
  readonly versions: Version[] = []
  readonly #newPair: () => KeyPairKeyObjectResult

  constructor(name: string, type: KeyType, newPair: () => KeyPairKeyObjectResult) {
    this.name = name
    this.type = type
    this.#newPair = newPair
    this.rotate()
  }

  rotate(): void {
    const name = randomBytes(16).toString('hex')
    if (this.type === 'oct-HSM') {
      this.versions.push({ name, key: createSecretKey(randomBytes(32)), publicKey: undefined, enabled: true })
      return
    }
    const { privateKey, publicKey } = this.#newPair()
    this.versions.push({ name, key: privateKey, publicKey, enabled: true })
  }

  setEnabled(enabled: boolean): void {
    for (const each of this.versions) each.enabled = enabled
  }

  /** @throws Refusal KeyNotFound */
  version(name: string | undefined): Version {
    const found = name === undefined ? this.versions.at(-1) : this.versions.find((each) => each.name === name)
    if (found !== undefined) return found
    throw keyNotFound(`${this.name}/${String(name)}`)
  }

  /** @param kid of the version */
  bundle({ publicKey, enabled, nbf, exp }: Version, kid: string): object {
    if (publicKey === undefined)
      return { key: { kid, kty: this.type, key_ops: ['encrypt', 'decrypt'] }, attributes: { enabled } }
    const { n, e } = publicKey.export({ format: 'jwk' })
    return {
      key: { kid, kty: this.type, key_ops: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'], n, e },
      attributes: {
        enabled,
        ...(nbf === undefined ? {} : { nbf }),
        ...(exp === undefined ? {} : { exp }),
        created: 1_760_000_000,
        updated: 1_760_000_000,
        recoveryLevel: 'Recoverable+Purgeable',
      },
      tags: {},
    }
  }

  /** @returns the members of the result other than `kid` */
  operate(operation: Exclude<Operation, 'get'>, version: Version, given: Parameters): Members {
    const aes = this.type === 'oct-HSM'
    if (!version.enabled)
      throw new Refusal(403, 'Forbidden', `Operation ${operation} is not allowed on a disabled key.`, {
        inner: 'KeyDisabled',
      })
    if (given.alg !== (aes ? 'A256GCM' : 'RSA-OAEP-256') || aes === (operation === 'unwrapkey'))
      throw badParameter('Key and algorithm are incompatible.')
    if (!aes) return { value: unwrap(version.key, given).toString('base64url') }
    return operation === 'encrypt' ? encrypt(version.key, given) : decrypt(version.key, given)
  }
}

export function keyNotFound(what: string): Refusal {
  return new Refusal(404, 'KeyNotFound', `A key with (name/id) ${what} was not found in this key vault.`)
}

function unwrap(key: KeyObject, { value, iv, tag, aad }: Parameters): Buffer {
  if (iv !== undefined || tag !== undefined || aad !== undefined)
    throw badParameter('RSA takes only a value.')
  if (value.length !== (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
    throw badParameter('The parameter is incorrect.\r\n')
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, value)
  } catch {
    throw badParameter('Error occurred while decoding OAEP padding.')
  }
}

/** The HSM makes the IV. */
function encrypt(key: KeyObject, { value, iv: givenIv, tag, aad = Buffer.of() }: Parameters): Members {
  if (givenIv !== undefined || tag !== undefined)
    throw badParameter('A256GCM takes no iv and no tag to encrypt.')
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad)
  const ciphertext = Buffer.concat([cipher.update(value), cipher.final()])
  return {
    value: ciphertext.toString('base64url'),
    iv: iv.toString('base64url'),
    tag: cipher.getAuthTag().toString('base64url'),
    aad: aad.toString('base64url'),
  }
}

function decrypt(key: KeyObject, { value, iv, tag, aad = Buffer.of() }: Parameters): Members {
  if (iv?.length !== 12 || tag?.length !== 16)
    throw badParameter('A256GCM needs an iv of 12 and a tag of 16 bytes.')
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 }).setAAD(aad).setAuthTag(tag)
  try {
    return { value: Buffer.concat([decipher.update(value), decipher.final()]).toString('base64url') }
  } catch {
    throw badParameter('Unable to decrypt specified value with this key.')
  }
}
