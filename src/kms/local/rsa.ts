/**
 * Provider `local/rsa-oaep-sha256`, an RSA CMK: RSA-OAEP as in `rsa-public-key.ts`, the private key in the
 * keyring.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  privateDecrypt,
  type KeyObject,
} from 'node:crypto'
import { promisify } from 'node:util'

import { configError, EnvelopeError } from '../../errors.js'
import {
  MAX_BITS,
  MIN_BITS,
  modulusBits,
  OAEP,
  readPublicKey,
  whyUnusable,
  wrapWithPublicKey,
} from '../rsa-public-key.js'
import { ciphertextDekInvalid, createdNow, named, type CmkRow, type RsaCmk } from './local-cmk.js'

const DEFAULT_BITS = 3072

export const rsa: CmkRow<RsaCmk> = {
  provider: 'local/rsa-oaep-sha256',
  publicKeyWraps: true,

  async create(id, modulusLength = DEFAULT_BITS) {
    if (!Number.isInteger(modulusLength) || modulusLength < MIN_BITS || modulusLength > MAX_BITS) {
      const message = `expected ${String(MIN_BITS)} to ${String(MAX_BITS)} bits; got ${String(modulusLength)}`
      throw configError([{ path: 'modulusLength', message }], { subject: 'the new CMK' })
    }
    const pair = await promisify(generateKeyPair)('rsa', { modulusLength })
    // Text, like the rest of the file, so it cannot be wiped.
    const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { ...publicCmk(id, pair.publicKey), privateKey }
  },

  rotate(cmk) {
    throw new EnvelopeError(
      'CMK_UNUSABLE',
      `${named(cmk.id)} is an RSA CMK, and RSA CMKs have no versions; add one under a new id, list it first in the rule, and keep this one for reading`,
    )
  },

  versions: ({ createdAt }) => [{ version: 1, createdAt }],

  canUnwrap: (cmk) => cmk.privateKey !== undefined,

  publicKey: (cmk) => cmk.publicKey,

  wrap(cmk, dek) {
    return wrapWithPublicKey(publicKeyOf(cmk), dek)
  },

  unwrap(cmk, ciphertextDek) {
    const key = privateKeyOf(cmk)
    if (ciphertextDek.length !== Math.ceil(modulusBits(key) / 8)) throw ciphertextDekInvalid(cmk.id)
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

/** A CMK for a producer: `pem` (SPKI or PKCS #1) is the public part of a CMK that others hold. */
export function importedCmk(id: string, pem: string): RsaCmk {
  const key = readPublicKey(
    pem,
    (why) => new EnvelopeError('CMK_UNUSABLE', `the public key for ${named(id)} ${why}`),
  )
  return publicCmk(id, key)
}

function publicCmk(id: string, key: KeyObject): RsaCmk {
  const publicKey = key.export({ type: 'spki', format: 'pem' }).toString()
  return { id, type: 'rsa-oaep-sha256', enabled: true, createdAt: createdNow(), publicKey }
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
  // Someone edited the file. `verify` detects it before a DEK is wrapped that cannot be unwrapped.
  if (!createPublicKey(key).equals(publicKeyOf(cmk))) {
    throw new EnvelopeError('KEYRING_INVALID', `public and private key of ${named(cmk.id)} do not match`)
  }
  return key
}

/** A key of the keyring. Its limits are checked again, because someone may have edited the file. */
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
