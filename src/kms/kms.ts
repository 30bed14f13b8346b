import type { KmsOperation } from '../events.js'

/**
 * Encryption context: authenticated by the KMS with the DEK, and by every envelope. Keys and values
 * match `[A-Za-z0-9._:/@=+-]{1,128}`; at most 1,024 bytes as encoded in the envelope. It is visible
 * to everyone who sees a record.
 */
export type EncryptionContext = Readonly<Record<string, string>>

/** Describes a CMK, as far as envelopes are concerned. */
export interface CmkDescription {
  /**
   * The provider name on the wire; it says how to unwrap, algorithm included. `[a-z0-9/-]{1,64}`,
   * frozen once released.
   */
  readonly provider: string
  /**
   * Whether a public key wraps. Anyone who has the public key can then make envelopes, so readers must
   * opt in (`acceptPublicKeySealing`).
   */
  readonly publicKeyWraps: boolean
}

/** Given to every call. */
export interface KmsCall {
  /** The CMK, by the id in configuration. `[!-~]{1,256}`. */
  readonly cmkId: string
  readonly context: EncryptionContext
  /** Aborted when the call is cancelled or its time is over. */
  readonly signal: AbortSignal
}

/** The limits of a service that a call counts against. */
export interface KmsCallLimits {
  /** How many calls of one `group` may start in any second. This call counts as `calls`, default 1. */
  readonly rate?: { readonly group: string; readonly perSecond: number; readonly calls?: number }
  /** How many calls of one `group` may run at the same time. */
  readonly concurrency?: { readonly group: string; readonly max: number }
}

/**
 * A key management service. This doc is the contract; `test/contract` checks it for every provider.
 *
 * - DEKs go in and out as plain `Uint8Array`s of exactly 32 bytes. One that is returned belongs to the
 *   caller, who wipes it: never return a view of something shared, never keep one. One that is passed in
 *   is only lent for the call.
 * - A rejection is an `EnvelopeError`: `KMS_UNAVAILABLE`, `KMS_THROTTLED` or `KMS_TIMEOUT` where the
 *   same call may succeed later, and `KMS_RESPONSE_INVALID` where what answered was not the service, or did not
 *   answer the question (a result that is not as described below counts as that too); `KMS_DENIED`, `CMK_NOT_FOUND`, `CMK_DISABLED`, `CMK_UNUSABLE` where
 *   someone must act, and the service itself said so; `CIPHERTEXT_DEK_INVALID` where it said
 *   that the ciphertext DEK is to blame; `CMK_MISMATCH` or `UNWRAP_FAILED` where no genuine ciphertext DEK can have the
 *   answer that it gave, which is then asked for once more; a code of the provider's own (`KEYRING_…`,
 *   `KMS_CREDENTIALS_UNAVAILABLE`). Anything else that is thrown counts as `KMS_UNAVAILABLE`. No message
 *   contains a secret.
 * - A provider neither caches DEKs nor retries nor holds calls back (this library does), and may be called
 *   concurrently. It looks at the current state of the CMK on each call, so that disabling or rotating one
 *   takes effect immediately; wrapping with a cached public key is the exception.
 */
export interface Kms {
  /** Says what the CMK is. Called once per configured CMK, before any client connects. */
  describe(cmkId: string, signal: AbortSignal): Promise<CmkDescription>
  /** A new DEK and its ciphertext under the CMK, 1 to 1,024 bytes. */
  generateDek(call: KmsCall): Promise<GeneratedDek>
  /** Wraps a DEK made elsewhere: 1 to 1,024 bytes. */
  wrapDek(call: KmsCall & { readonly dek: Uint8Array }): Promise<Uint8Array>
  /**
   * The DEK in `ciphertextDek`. `context` must be the one it was wrapped with. The CMK that the service
   * says it used must be `cmkId`, else `CMK_MISMATCH`.
   */
  unwrapDek(call: KmsCall & { readonly ciphertextDek: Uint8Array }): Promise<Uint8Array>
  /** Proves that wrapping or unwrapping under the CMK would work for this process, else rejects as it would. */
  verify(call: KmsCall & { readonly use: 'wrap' | 'unwrap' }): Promise<void>
  /**
   * The limits of the service for a call. All encryptions that use this object keep to them together, with sealing before
   * opening. Absent: only `kmsRateLimit` of the configuration holds calls back.
   */
  limits?(operation: Exclude<KmsOperation, 'describe'>, cmkId: string): KmsCallLimits
  /** Releases connections and timers. Called once, when the last encryption that uses this object is closed. */
  close?(): Promise<void>
}

export interface GeneratedDek {
  /** 32 random bytes; the caller wipes them. */
  readonly dek: Uint8Array
  readonly ciphertextDek: Uint8Array
}
