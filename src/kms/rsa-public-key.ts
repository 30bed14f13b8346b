/**
 * RSA-OAEP (RFC 8017, 7.1) of a DEK, SHA-256 for both hash and MGF1, empty label, modulus of at least 2,048
 * bits. It authenticates no encryption context (the envelope does), and anyone who has the public key can wrap.
 */
import { constants, createPublicKey, publicEncrypt, type KeyObject } from 'node:crypto'
import type { EnvelopeError } from '../errors.js'

export const MIN_BITS = 2048
/** A ciphertext DEK is as long as the modulus, and has at most 1,024 bytes. */
export const MAX_BITS = 8192
/** NIST SP 800-56B, 6.2: smaller exponents are not allowed. */
const MIN_EXPONENT = 65537n

/** OpenSSL uses the OAEP hash for MGF1 too. The label is empty unless one is given. */
export const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const

/**
 * A public key in PEM form (SPKI or PKCS #1) that DEKs may be wrapped with.
 * @throws the error that `refused` returns for the reason, a predicate such as `is damaged`
 */
export function readPublicKey(pem: string, refused: (why: string) => EnvelopeError): KeyObject {
  // createPublicKey() would also take a private key or a certificate. A private key means that the wrong file was
  // shared; with a certificate, the user would expect its dates and issuer to be checked.
  if (!/^\s*-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(pem)) throw refused('is not a public key in PEM form')
  const key = parsed(
    () => createPublicKey(pem),
    () => refused('is damaged'),
  )
  const why = whyUnusable(key)
  if (why !== undefined) throw refused(why)
  return key
}

/**
 * A public key in the DER form of an SPKI (RFC 5280, 4.1), with no bytes after it. {@link whyUnusable} says whether
 * DEKs may be wrapped with it.
 * @throws the error that `damaged` returns
 */
export function readSpki(der: Uint8Array, damaged: () => EnvelopeError): KeyObject {
  const key = parsed(() => createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' }), damaged)
  // OpenSSL ignores bytes after the key.
  if (!key.export({ format: 'der', type: 'spki' }).equals(der)) throw damaged()
  return key
}

function parsed(parse: () => KeyObject, damaged: () => EnvelopeError): KeyObject {
  try {
    return parse()
  } catch {
    throw damaged()
  }
}

/** Returns as many bytes as the modulus has. */
export function wrapWithPublicKey(key: KeyObject, dek: Uint8Array): Uint8Array {
  return new Uint8Array(publicEncrypt({ key, ...OAEP }, dek))
}

/** Why a public or private key cannot be used for DEKs, as a predicate; undefined if it can. */
export function whyUnusable(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType !== 'rsa') return `is of type ${key.asymmetricKeyType ?? 'unknown'}, not RSA`
  if (modulusBits(key) < MIN_BITS) return `has fewer than ${String(MIN_BITS)} bits`
  if (modulusBits(key) > MAX_BITS) return `has more than ${String(MAX_BITS)} bits`
  if ((key.asymmetricKeyDetails?.publicExponent ?? 0n) < MIN_EXPONENT) {
    return `has a public exponent below ${String(MIN_EXPONENT)}`
  }
  return undefined
}

export function modulusBits(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0
}
