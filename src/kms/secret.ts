/** What the KMS encrypts itself, without a DEK: bounds, and how it differs from a DEK. `docs/secrets.md` specifies both. */
import { EnvelopeError } from '../errors.js'
import type { EncryptionContext } from './kms.js'

/** What the services with the lowest limits take. */
export const MAX_SECRET_BYTES = 4096
/** What a KMS may return for it, which is base64 with some services. */
export const MAX_SECRET_CIPHERTEXT_BYTES = 8192

/** A context of a secret may not have this key. */
export const SECRET_MARK_KEY = 'kafka-envelope'
/** No context of a rule or of an envelope can have this value: `~` is not among their characters. */
const SECRET_MARK = 'secret~1'

/**
 * The context with which a KMS encrypts a secret. It equals no context of a DEK. So no ciphertext DEK decrypts as a
 * secret, and no secret unwraps as a DEK, whatever the bytes in it.
 */
export function secretContext(context: EncryptionContext): EncryptionContext {
  return { ...context, [SECRET_MARK_KEY]: SECRET_MARK }
}

/** For a CMK of a provider, or of a type, that encrypts no secrets. */
export function encryptsNoSecrets(cmkId: string): EnvelopeError {
  return new EnvelopeError('CMK_UNUSABLE', `CMK ${cmkId} encrypts no secrets`, {
    remedy:
      'Name a symmetric CMK whose provider encrypts secrets (docs/secrets.md has the list), or use an envelope',
  })
}
