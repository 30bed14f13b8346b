/** A ciphertext DEK and its metadata. It is worthless without permission to unwrap under one of its CMKs. */
export interface StoredDek {
  /** Milliseconds since the epoch. Its age counts from here, in every process. */
  readonly createdAt: number
  /** The encryption context that it was wrapped with. */
  readonly context: Readonly<Record<string, string>>
  /** In the order of the rule's CMKs. */
  readonly wrappings: readonly {
    readonly provider: string
    readonly cmkId: string
    /** Base64. */
    readonly ciphertextDek: string
  }[]
  /**
   * Base64 of 32 bytes: a MAC of all of the above under the DEK itself, so that a change made without the DEK is
   * detected.
   */
  readonly mac: string
}

/**
 * Keeps ciphertext DEKs across restarts. The contract of a store:
 *
 * - A scope is a name of printable text, up to 600 characters: one for each rule, or for each of its topics under
 *   `dekScope: 'topic'`.
 * - The result of `load` is checked. A DEK is not used if it is too old, was changed, or was made under CMKs or a
 *   context other than those that the rule has now. But anyone who can write to the store can bring back an older DEK
 *   until its age is up. Anyone who can also wrap under one of its CMKs can plant their own DEK, and read what is
 *   sealed under it. So protect the store as strictly as the configuration. Rules with a CMK whose public key wraps
 *   never use a store, since everyone has that key.
 * - Several processes may share a store. They then seal under one DEK, each in its own sessions. If two save at the
 *   same time, either may win.
 * - A store that fails does not stop sealing: a new DEK is made, and a `dek.storeFailed` event reports it. A store that
 *   does not answer is ignored after 5 seconds.
 * - A process writes in sequence. A `save` that never ends blocks the `remove` after it, because it could undo that
 *   `remove`. So make each call fail in time.
 */
export interface DekStore {
  /** The DEK that was saved last for the scope, or undefined. */
  load(scope: string): Promise<StoredDek | undefined>
  save(scope: string, dek: StoredDek): Promise<void>
  /** The DEK was retired early (`rotate`, `evict`, a denial): no process may load it any longer. */
  remove(scope: string): Promise<void>
}
