import { constants, createPublicKey, privateDecrypt, publicEncrypt, type KeyObject } from 'node:crypto'

import { given } from './action.js'
import { Refusal } from './refusal.js'

const { RSA_NO_PADDING, RSA_PKCS1_OAEP_PADDING, RSA_PKCS1_PADDING } = constants

/** By the vendor's name. With OAEP, MGF1 takes the same hash; the label is empty. */
const ALGORITHMS: ReadonlyMap<string, { readonly padding: number; readonly oaepHash?: string }> = new Map([
  ['RSAES_PKCS1_V1_5', { padding: RSA_PKCS1_PADDING }],
  ['RSAES_OAEP_SHA_1', { padding: RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }],
  ['RSAES_OAEP_SHA_256', { padding: RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }],
])
const SM2 = ['SM2', 'SM2_C1C3C2_ASN1']

/** @throws Refusal InvalidParameter for an unknown algorithm, FailedOperation.DecryptError */
export function decryptByRsa(privateKey: string, algorithm: string, ciphertext: Buffer): Buffer {
  const row = ALGORITHMS.get(algorithm)
  if (row === undefined) throw new Refusal('InvalidParameter', 'Algorithm is unknown.')
  try {
    if (row.padding === RSA_PKCS1_PADDING) {
      return withoutPkcs1Padding(privateDecrypt({ key: privateKey, padding: RSA_NO_PADDING }, ciphertext))
    }
    return privateDecrypt({ key: privateKey, ...row }, ciphertext)
  } catch {
    throw new Refusal('FailedOperation.DecryptError', 'The ciphertext does not decrypt.')
  }
}

/**
 * `plaintext` as it is returned: encrypted if the caller gave a public key.
 *
 * @throws Refusal InvalidParameter, FailedOperation.EncryptionError for SM2, which Node.js does not have
 */
export function encryptForCaller(
  plaintext: Buffer,
  parameters: {
    readonly EncryptionPublicKey?: string | undefined
    readonly EncryptionAlgorithm?: string | undefined
  },
): Buffer {
  const pem = given(parameters.EncryptionPublicKey)
  if (pem === undefined) return plaintext
  // "If it is left empty, SM2 is used."
  const algorithm = given(parameters.EncryptionAlgorithm) ?? 'SM2'
  if (SM2.includes(algorithm)) {
    throw new Refusal(
      'FailedOperation.EncryptionError',
      'This emulator has no SM2: give an EncryptionAlgorithm.',
    )
  }
  const row = ALGORITHMS.get(algorithm)
  if (row === undefined) throw new Refusal('InvalidParameter', 'EncryptionAlgorithm is unknown.')
  const key = rsa2048(pem)
  try {
    return publicEncrypt({ key, ...row }, plaintext)
  } catch {
    throw new Refusal('FailedOperation.EncryptionError', 'The plaintext is too long for EncryptionPublicKey.')
  }
}

function rsa2048(pem: string): KeyObject {
  let key: KeyObject | undefined
  try {
    key = createPublicKey(pem)
  } catch {
    // Below.
  }
  if (key?.asymmetricKeyType !== 'rsa' || key.asymmetricKeyDetails?.modulusLength !== 2048) {
    throw new Refusal('InvalidParameter', 'EncryptionPublicKey is not an RSA-2048 key in PEM.')
  }
  return key
}

/**
 * EME-PKCS1-v1_5 decoding (RFC 8017, 7.2.2): 00 02, at least 8 bytes that are not 00, 00, message. Node.js 20 no longer
 * does this for a private key, because an answer like the vendor's lets callers decrypt with many queries. The keys
 * here protect nothing.
 */
function withoutPkcs1Padding(block: Buffer): Buffer {
  const end = block.indexOf(0, 2)
  if (block[0] !== 0 || block[1] !== 2 || end < 10) throw new Error('padding')
  return block.subarray(end + 1)
}
