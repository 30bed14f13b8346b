/**
 * Provider `local/rsa-oaep-sha256`, an RSA CMK: RSA-OAEP (RFC 8017, 7.1) of the 32 bytes, SHA-256 for both
 * hash and MGF1, empty label, modulus of at least 2,048 bits. It authenticates no encryption context (the
 * envelope does), and whoever has the public key can wrap.
 */
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  privateDecrypt,
  publicEncrypt,
  type KeyObject,
} from 'node:crypto'
import { promisify } from 'node:util'

import { EnvelopeError } from '../../errors.js'
import { ciphertextDekInvalid, named, type CmkRow, type RsaCmk } from './local-cmk.js'

const DEFAULT_BITS = 3072
const MIN_BITS = 2048
/** A ciphertext DEK is as long as the modulus, and has at most 1,024 bytes. */
const MAX_BITS = 8192
/** NIST SP 800-56B, 6.2: smaller exponents are not allowed. */
const MIN_EXPONENT = 65537n

/** OpenSSL takes the OAEP hash for MGF1 too; the label is empty unless one is given. */
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const

export const rsa: CmkRow<RsaCmk> = {
  provider: 'local/rsa-oaep-sha256',
  publicKeyWraps: true,

  async create(id, modulusLength = DEFAULT_BITS) {
    if (!Number.isInteger(modulusLength) || modulusLength < MIN_BITS || modulusLength > MAX_BITS) {
      const message = `a modulus has ${String(MIN_BITS)} to ${String(MAX_BITS)} bits, not ${String(modulusLength)}`
      throw new EnvelopeError('CONFIG_INVALID', message, { issues: [{ path: 'modulusLength', message }] })
    }
    const pair = await promisify(generateKeyPair)('rsa', { modulusLength })
    // Text like the rest of the file, so it cannot be wiped.
    const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { ...publicCmk(id, pair.publicKey), privateKey }
  },

  rotate(cmk) {
    throw new EnvelopeError(
      'CMK_UNUSABLE',
      `${named(cmk.id)} is an RSA CMK, and those have no versions; add one under a new id, name it first in the rule, and keep this one for reading`,
    )
  },

  versions: ({ createdAt }) => [{ version: 1, createdAt }],

  canUnwrap: (cmk) => cmk.privateKey !== undefined,

  publicKey: (cmk) => cmk.publicKey,

  wrap(cmk, dek) {
    return new Uint8Array(publicEncrypt({ key: publicKeyOf(cmk), ...OAEP }, dek))
  },

  unwrap(cmk, ciphertextDek) {
    const key = privateKeyOf(cmk)
    if (ciphertextDek.length !== Math.ceil(bitsOf(key) / 8)) throw ciphertextDekInvalid(cmk.id)
    let plain: Buffer | undefined
    try {
      plain = privateDecrypt({ key, ...OAEP }, ciphertextDek)
      return new Uint8Array(plain)
    } catch {
      throw ciphertextDekInvalid(cmk.id)
    } finally {
      plain?.fill(0)
    }
  },
}

/** The CMK that a producer gets: `pem` (SPKI or PKCS #1) is the public part of one that others hold. */
export function importedCmk(id: string, pem: string): RsaCmk {
  // createPublicKey() would take a private key or a certificate too. The first shows that the wrong file
  // is being handed around, the second that somebody expects its dates and issuer to be checked.
  if (!/^\s*-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(pem)) {
    throw new EnvelopeError('CMK_UNUSABLE', `${named(id)} must come as a public key in PEM form`)
  }
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    throw new EnvelopeError('CMK_UNUSABLE', `the public key for ${named(id)} is damaged`)
  }
  const why = whyUnusable(key)
  if (why !== undefined) throw new EnvelopeError('CMK_UNUSABLE', `the public key for ${named(id)} ${why}`)
  return publicCmk(id, key)
}

function publicCmk(id: string, key: KeyObject): RsaCmk {
  const publicKey = key.export({ type: 'spki', format: 'pem' }).toString()
  return { id, type: 'rsa-oaep-sha256', enabled: true, createdAt: new Date().toISOString(), publicKey }
}

function publicKeyOf(cmk: RsaCmk): KeyObject {
  return usable(cmk, () => createPublicKey(cmk.publicKey))
}

function privateKeyOf(cmk: RsaCmk): KeyObject {
  const { privateKey } = cmk
  if (privateKey === undefined) {
    throw new EnvelopeError('CMK_UNUSABLE', `the keyring holds only the public key of ${named(cmk.id)}`)
  }
  const key = usable(cmk, () => createPrivateKey(privateKey))
  // Someone edited the file; `verify` finds it before anything is wrapped that cannot be unwrapped.
  if (!createPublicKey(key).equals(publicKeyOf(cmk))) {
    throw new EnvelopeError('KEYRING_INVALID', `public and private key of ${named(cmk.id)} do not match`)
  }
  return key
}

/** A key of the keyring; someone may have edited the file, so the limits are checked again. */
function usable(cmk: RsaCmk, load: () => KeyObject): KeyObject {
  let key: KeyObject
  try {
    key = load()
  } catch {
    throw new EnvelopeError('KEYRING_INVALID', `a key of ${named(cmk.id)} is damaged`)
  }
  const why = whyUnusable(key)
  if (why !== undefined) throw new EnvelopeError('KEYRING_INVALID', `a key of ${named(cmk.id)} ${why}`)
  return key
}

function whyUnusable(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType !== 'rsa') return `is of type ${key.asymmetricKeyType ?? 'unknown'}, not RSA`
  if (bitsOf(key) < MIN_BITS) return `has fewer than ${String(MIN_BITS)} bits`
  if (bitsOf(key) > MAX_BITS) return `has more than ${String(MAX_BITS)} bits`
  if ((key.asymmetricKeyDetails?.publicExponent ?? 0n) < MIN_EXPONENT) {
    return `has a public exponent below ${String(MIN_EXPONENT)}`
  }
  return undefined
}

function bitsOf(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0
}
