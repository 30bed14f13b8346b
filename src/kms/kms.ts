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
  /**
   * Whether this CMK unwraps what another CMK of the same provider wrapped, as replicas of one key in several regions do
   * for each other. `cmkId` comes from an envelope, and nothing vouches for it: decide by the ids alone. If it does,
   * `unwrapDek` is called with the id of this CMK. If absent, this CMK unwraps only under its own id.
   */
  readonly unwrapsFor?: (cmkId: string) => boolean
  /**
   * Whether the service itself re-encrypts this CMK's ciphertext DEKs under another CMK, or under the newest version of
   * this one (its own id), so that the DEK never leaves the service. Asked only about CMKs of the same `Kms` object;
   * decide by the ids alone. If it does, `rewrapDek` is called. Otherwise, or if absent, the DEK is unwrapped under one
   * CMK and wrapped under the other.
   */
  readonly rewrapsTo?: (cmkId: string) => boolean
}

/** Given to every call. */
export interface KmsCall {
  /** The id of the CMK, as in the configuration. `[!-~]{1,256}`. */
  readonly cmkId: string
  readonly context: EncryptionContext
  /** Aborted when the call is cancelled or its time is over. */
  readonly signal: AbortSignal
}

/** What a process does with a CMK: `generateDek`, `wrapDek` or `unwrapDek`. */
export type KmsUse = 'generate' | 'wrap' | 'unwrap'

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
 * - DEKs are passed in and returned as plain `Uint8Array`s of exactly 32 bytes. A returned DEK belongs to the caller,
 *   who wipes it: never return a view of shared memory, and never keep a DEK. A DEK that is passed in may be used only
 *   during the call.
 * - A rejection is an `EnvelopeError` with one of these codes. Any other error counts as `KMS_UNAVAILABLE`. No message
 *   contains a secret.
 *   - `KMS_UNAVAILABLE`, `KMS_THROTTLED`, `KMS_TIMEOUT`: the same call may succeed later.
 *   - `KMS_RESPONSE_INVALID`: the answer did not come from the service, or did not answer the call. A result that
 *     breaks the contract below counts as this too.
 *   - `KMS_DENIED`, `CMK_NOT_FOUND`, `CMK_DISABLED`, `CMK_UNUSABLE`: the service itself says so, and someone must act.
 *   - `CIPHERTEXT_DEK_INVALID`: the service says that the ciphertext DEK is to blame.
 *   - `CMK_MISMATCH`, `UNWRAP_FAILED`: no genuine ciphertext DEK can lead to the answer. The call is repeated once.
 *   - The provider's own codes (`KEYRING_…`, `KMS_CREDENTIALS_UNAVAILABLE`).
 * - A provider does not cache DEKs, retry or limit calls, because this library does; and it may be called concurrently.
 *   It looks at the current state of the CMK on each call, so that disabling or rotating one takes effect immediately;
 *   wrapping with a cached public key is the exception.
 */
export interface Kms {
  /**
   * Says what the CMK is. Called once per configured CMK, before any client connects. `createEncryption` rejects with its
   * error, without a retry: a provider that answers from its options lets a process start during an outage.
   */
  describe(cmkId: string, signal: AbortSignal): Promise<CmkDescription>
  /** Makes a new DEK and its ciphertext under the CMK, which has 1 to 1,024 bytes. */
  generateDek(call: KmsCall): Promise<GeneratedDek>
  /** Wraps a DEK made elsewhere. Returns 1 to 1,024 bytes. */
  wrapDek(call: KmsCall & { readonly dek: Uint8Array }): Promise<Uint8Array>
  /**
   * Unwraps the DEK in `ciphertextDek`. `context` must be the one it was wrapped with. If the service says that it used
   * a CMK other than `cmkId`, rejects with `CMK_MISMATCH`.
   */
  unwrapDek(call: KmsCall & { readonly ciphertextDek: Uint8Array }): Promise<Uint8Array>
  /**
   * Re-encrypts the DEK in `ciphertextDek` from `cmkId` to `toCmkId`, or to the newest version if both are the same, with
   * the same `context`. Called only if `rewrapsTo(toCmkId)` of `cmkId` is true. Returns 1 to 1,024 bytes; the ciphertext
   * DEK that was passed in still unwraps. Rejects with `CMK_MISMATCH` if the service says that it unwrapped with a CMK
   * other than `cmkId`, and with `KMS_RESPONSE_INVALID` if it says that it wrapped under a CMK other than `toCmkId`.
   */
  rewrapDek?(
    call: KmsCall & { readonly ciphertextDek: Uint8Array; readonly toCmkId: string },
  ): Promise<Uint8Array>
  /**
   * Encrypts a secret of 1 to 4,096 bytes under the CMK itself. `context` is authenticated, as that of a DEK is; it
   * always has an entry that no context of a DEK has. Returns 1 to 8,192 bytes. A secret that is passed in may be used
   * only during the call.
   *
   * Absent, together with `decryptSecret`, if no CMK of the provider authenticates the context. Never called for a CMK
   * whose public key wraps.
   */
  encryptSecret?(call: KmsCall & { readonly secret: Uint8Array }): Promise<Uint8Array>
  /**
   * Decrypts what `encryptSecret` returned, in the same context. Returns the secret in its own memory; it belongs to the
   * caller. If the service says that the ciphertext is to blame, or that it used another CMK, rejects as `unwrapDek` does.
   */
  decryptSecret?(call: KmsCall & { readonly ciphertext: Uint8Array }): Promise<Uint8Array>
  /**
   * Proves that `generateDek`, `wrapDek` or `unwrapDek` works for this process under the CMK; otherwise rejects as that
   * call would. Some services have a permission for each.
   */
  verify(call: KmsCall & { readonly use: KmsUse }): Promise<void>
  /**
   * The limits of the service for a call. All encryptions that use this object share them, and sealing goes before
   * opening. If absent, only `kmsRateLimit` of the configuration limits calls.
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
