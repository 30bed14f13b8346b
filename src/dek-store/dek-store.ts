/** A ciphertext DEK and what it was made for. It is worth nothing without the right to unwrap under one of its CMKs. */
export interface StoredDek {
  /** Milliseconds since the epoch. Its age counts from here, whoever uses it. */
  readonly createdAt: number
  /** The encryption context that it was wrapped with. */
  readonly context: Readonly<Record<string, string>>
  /** In the rule's order. */
  readonly wrappings: readonly {
    readonly provider: string
    readonly cmkId: string
    /** Base64. */
    readonly ciphertextDek: string
  }[]
  /** Base64 of 32 bytes: authenticates all of the above under the DEK itself, so that nobody without it can mix or date anew. */
  readonly mac: string
}

/**
 * Keeps ciphertext DEKs across restarts. This doc is the contract.
 *
 * - A scope is a name of printable text, up to 600 characters: one for each rule, or for each of its topics under
 *   `dekScope: 'topic'`.
 * - What `load` returns is checked before use, and a DEK that is too old, changed, or made under other CMKs or another
 *   context than the rule has now, is not used. Still, whoever can write to a store can have an older DEK used again until
 *   its age is up, and who can also wrap under one of its CMKs can plant a DEK of their own and read what is sealed under it: keep
 *   it as well as the configuration. Rules with a CMK whose public key wraps never use a store, since everyone has that key.
 * - Several processes may share a store. They then seal under one DEK, each in sessions of its own; of two that save
 *   at once either may win.
 * - A store that fails stops nobody: the DEK is made anew, and the failure is a `dek.storeFailed` event. One that does not
 *   answer is waited for 5 seconds at most.
 * - A process writes one thing after another: a `save` that does not end holds back the `remove` after it, which it might
 *   undo otherwise. So let each call fail in time.
 */
export interface DekStore {
  /** What was saved last for the scope, or undefined. */
  load(scope: string): Promise<StoredDek | undefined>
  save(scope: string, dek: StoredDek): Promise<void>
  /** The DEK was ended before its time (`rotate`, `forget`, denial): nobody shall load it any more. */
  remove(scope: string): Promise<void>
}
