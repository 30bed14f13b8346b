import { isUint8Array } from 'node:util/types'
import { refuseCancelled } from '../cancellation.js'
import { EnvelopeError } from '../errors.js'
import type { Cmk } from '../kms/cmk.js'
import type { EncryptionContext } from '../kms/kms.js'
import { encryptsNoSecrets, MAX_SECRET_BYTES, secretContext } from '../kms/secret.js'
import { checkedContext } from './checked-context.js'
import { fromBase64, readSecret, writeSecret } from './encrypted-secret.js'

/**
 * Encrypts and decrypts small secrets, such as keys, certificates and passwords: each is one call to the KMS, which
 * encrypts it itself. There is no DEK. `docs/secrets.md` compares this with envelopes.
 */
export interface Secrets {
  /**
   * Encrypts a secret of 1 to 4,096 bytes under the first CMK of the entry. The secret is copied at once; wipe it when
   * you like.
   *
   * @param context authenticated by the KMS: `decrypt` needs the same. Keys and values as in a rule; at most 1,000 bytes
   * together. The key `kafka-envelope` is reserved. The KMS logs it, so nothing in it may be secret.
   * @returns the encrypted secret, which names its CMK. In files and in the environment, write it in base64.
   * @throws EnvelopeError INVALID_SECRET, SECRET_TOO_LARGE, or the failure of the KMS
   */
  encrypt(secret: Uint8Array, context?: EncryptionContext): Promise<Buffer>
  /**
   * Decrypts what `encrypt` returned, under the CMK that it names. That must be one of the entry; otherwise no KMS is
   * called.
   *
   * @param encrypted the bytes, or their base64
   * @returns the secret, which you may wipe
   * @throws EnvelopeError SECRET_MALFORMED, SECRET_OF_ANOTHER_CMK, SECRET_NOT_AUTHENTIC, INVALID_SECRET for a context that
   * no secret can have, or the failure of the KMS
   */
  decrypt(encrypted: Uint8Array | string, context?: EncryptionContext): Promise<Buffer>
}

/** The CMKs of one entry of `cmks`, with the shares of calls for sealing and for opening. */
export interface SecretCmks {
  readonly encrypting: readonly [Cmk, ...Cmk[]]
  readonly decrypting: readonly Cmk[]
}

/**
 * @param lifetime aborted when the owner is closed
 * @throws EnvelopeError CMK_UNUSABLE if the first CMK encrypts no secrets
 */
export function secretsUnder({ encrypting, decrypting }: SecretCmks, lifetime: AbortSignal): Secrets {
  const [cmk] = encrypting
  if (!cmk.encryptsSecrets) throw encryptsNoSecrets(cmk.id)
  return {
    async encrypt(secret, context = {}) {
      refuseCancelled(lifetime)
      const bound = secretContext(checkedContext(context))
      // The call may wait for its turn, and the caller may change its bytes meanwhile.
      const copy = copied(secret)
      try {
        const ciphertext = await cmk.encryptSecret(copy, bound, lifetime)
        return writeSecret({ provider: cmk.provider, cmkId: cmk.id, ciphertext })
      } finally {
        copy.fill(0)
      }
    },
    async decrypt(encrypted, context = {}) {
      refuseCancelled(lifetime)
      const bound = secretContext(checkedContext(context))
      const { provider, cmkId, ciphertext } = readSecret(bytesOf(encrypted))
      const candidates = decrypting.filter((each) => each.provider === provider)
      const own =
        candidates.find(({ id }) => id === cmkId) ?? candidates.find(({ unwrapsFor }) => unwrapsFor(cmkId))
      if (own === undefined) throw ofAnotherCmk(provider, cmkId, decrypting)
      const { buffer, byteOffset, byteLength } = await own.decryptSecret(ciphertext, bound, lifetime)
      return Buffer.from(buffer, byteOffset, byteLength)
    },
  }
}

/** Callers in JavaScript may pass anything. */
function copied(secret: unknown): Uint8Array {
  if (!isUint8Array(secret))
    throw new EnvelopeError('INVALID_SECRET', 'the secret is not a Buffer or a Uint8Array')
  if (secret.length === 0) throw new EnvelopeError('INVALID_SECRET', 'the secret is empty')
  if (secret.length > MAX_SECRET_BYTES)
    throw new EnvelopeError('SECRET_TOO_LARGE', 'the secret has more than 4,096 bytes')
  return Uint8Array.from(secret)
}

function bytesOf(encrypted: unknown): Uint8Array {
  if (typeof encrypted === 'string') return fromBase64(encrypted)
  if (isUint8Array(encrypted)) return encrypted
  throw new EnvelopeError('SECRET_MALFORMED', 'the value is neither bytes nor text')
}

function ofAnotherCmk(provider: string, cmkId: string, accepted: readonly Cmk[]): EnvelopeError {
  const ids = accepted.map((cmk) => `${cmk.provider} ${cmk.id}`).join(', ')
  return new EnvelopeError(
    'SECRET_OF_ANOTHER_CMK',
    `the secret was encrypted under ${provider} ${cmkId}, which is not among ${ids}`,
  )
}
