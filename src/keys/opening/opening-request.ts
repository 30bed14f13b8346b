import { canonicalContext } from '../../envelope/context.js'
import type { CmkSet, CmkWrapping } from '../../kms/cmk-set.js'
import type { EncryptionContext } from '../../kms/kms.js'
import type { SessionRef } from './opened-dek.js'

/** A wrapping that a rule accepts, with the name under which the opened DEK is cached. */
export interface Candidate extends CmkWrapping {
  readonly name: string
}

/**
 * Everything needed to find or derive the content key of a session. It depends only on the rule and the preamble of the
 * envelope.
 */
export interface OpeningRequest {
  readonly cmks: CmkSet
  /** In order of preference. */
  readonly candidates: readonly Candidate[]
  readonly context: EncryptionContext
  readonly session: SessionRef
  /** The name under which the content key is cached, within its DEK. */
  readonly sessionName: string
}

/** The key that opens an envelope: as the envelope describes it, and as far as the rule accepts that. */
export interface KeyDescription {
  /** The rule that decrypts. */
  readonly rule: { readonly name: string; readonly cmks: CmkSet }
  readonly context: EncryptionContext
  readonly session: SessionRef
  /** In order of preference. */
  readonly wrappings: readonly CmkWrapping[]
}

/**
 * Composes the cache keys. The name of an opened DEK contains everything that it was opened with: the rule, the CMK and
 * its KMS, the provider, the encryption context and the ciphertext DEK. The name of a content key, within its DEK,
 * contains session id, suite and commitment.
 */
export function openingRequest({ rule, context, session, wrappings }: KeyDescription): OpeningRequest {
  const contextText = canonicalContext(context)
  const { suite, sessionId, commitment } = session
  return {
    cmks: rule.cmks,
    candidates: wrappings.map(({ cmk, ciphertextDek }) => ({
      cmk,
      ciphertextDek,
      // JSON is unambiguous: no two lists of texts get the same name.
      name: JSON.stringify([
        rule.name,
        cmk.kmsName,
        cmk.provider,
        cmk.id,
        contextText,
        ciphertextDek.toString('base64'),
      ]),
    })),
    context,
    session,
    sessionName: `${String(suite.number)} ${sessionId.toString('hex')} ${commitment.toString('hex')}`,
  }
}
