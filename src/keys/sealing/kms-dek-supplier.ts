import type { DekStore, StoredDek } from '../../dek-store/dek-store.js'
import { asStoredDek } from '../../dek-store/stored-dek.js'
import { isEnvelopeError } from '../../errors.js'
import { nameOfThrown, type EncryptionEvents, type EventHub } from '../../events.js'
import { waitFor } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import type { DekSupplier, SealingScope, SuppliedDek } from './dek-supplier.js'
import { matchesScope, storableDek, storedAge, unwrapStored } from './stored-deks.js'

/** How long to wait for a store. It only saves KMS calls. */
const STORE_MS = 5000

/** Supplies DEKs that the KMS services make, and keeps them in the store if there is one. */
export class KmsDekSupplier implements DekSupplier {
  readonly #scope: SealingScope
  readonly #name: string
  readonly #store: DekStore | undefined
  readonly #clock: Clock
  readonly #events: EventHub
  /** A stored DEK made up to this time is not used: it was used, refused or revoked here. */
  #ignoreStoredUntil = -Infinity
  /** Set by a revocation: the next DEK does not come from the store. */
  #skipStore = false
  /** The DEK to write to the store; null to remove the stored one. */
  #pendingWrite: StoredDek | null | undefined
  #writing: Promise<void> | undefined

  constructor(scope: SealingScope, store: DekStore | undefined, clock: Clock, events: EventHub) {
    this.#scope = scope
    this.#name = JSON.stringify(scope.topic === undefined ? [scope.rule] : [scope.rule, scope.topic])
    // Everyone has a public key, and could use it to plant their own DEK.
    this.#store = scope.cmks.list.some(({ publicKeyWraps }) => publicKeyWraps) ? undefined : store
    this.#clock = clock
    this.#events = events
  }

  async next(signal: AbortSignal): Promise<SuppliedDek> {
    const stored = await this.#fromStore(signal)
    if (stored !== undefined) return stored
    const { context, sealUnder } = this.#scope.encrypt
    const made = await this.#scope.cmks.newDek({ context, sealUnder, signal })
    if (signal.aborted) made.dek.destroy()
    signal.throwIfAborted()
    this.#skipStore = false
    // One that lacks a CMK ends with this process.
    if (this.#store !== undefined && made.missing.length === 0) {
      const storable = storableDek(made, this.#scope, this.#clock)
      this.#ignoreStoredUntil = Math.max(this.#ignoreStoredUntil, storable.createdAt)
      this.#write(storable)
    }
    return { ...made, origin: 'made', ageMs: 0 }
  }

  exhausted(): void {
    // Nothing to do: a DEK that was used here is never loaded again.
  }

  revoke(): void {
    this.#ignoreStoredUntil = Math.max(this.#ignoreStoredUntil, this.#clock.wallMs())
    this.#skipStore = true
    this.#write(null)
  }

  async settled(): Promise<void> {
    if (this.#writing !== undefined) await waitFor(this.#writing, { clock: this.#clock, ms: STORE_MS })
  }

  async #fromStore(signal: AbortSignal): Promise<SuppliedDek | undefined> {
    const store = this.#store
    if (store === undefined || this.#skipStore) return undefined
    const loaded = await this.#load(store, signal)
    signal.throwIfAborted()
    if (loaded === undefined) return undefined
    const stored = asStoredDek(loaded)
    if (stored === undefined) {
      this.#failed('load', 'CIPHERTEXT_DEK_INVALID')
      return undefined
    }
    const ageMs = storedAge(stored, this.#clock)
    const { rotate, prefetchMs } = this.#scope.encrypt
    // A DEK that is about to end would be replaced immediately.
    const isFresh = ageMs !== undefined && ageMs() < rotate.maxAgeMs - prefetchMs
    if (!isFresh || stored.createdAt <= this.#ignoreStoredUntil || !matchesScope(stored, this.#scope))
      return undefined
    try {
      const unwrapped = await unwrapStored(stored, this.#scope, signal)
      if (signal.aborted) unwrapped.dek.destroy()
      signal.throwIfAborted()
      this.#ignoreStoredUntil = Math.max(this.#ignoreStoredUntil, stored.createdAt)
      return { ...unwrapped, origin: 'stored', ageMs: ageMs() }
    } catch (error) {
      signal.throwIfAborted()
      // A process that may not unwrap this DEK makes its own, and does not ask for this one again.
      const transient = isEnvelopeError(error) && error.kind === 'transient'
      if (!transient) this.#ignoreStoredUntil = Math.max(this.#ignoreStoredUntil, stored.createdAt)
      this.#failed('unwrap', isEnvelopeError(error) ? error.code : nameOfThrown(error))
      return undefined
    }
  }

  /** Writes in sequence, in the background. A pending write is skipped if a newer one replaces it. */
  #write(wanted: StoredDek | null): void {
    const store = this.#store
    if (store === undefined) return
    this.#pendingWrite = wanted
    this.#writing ??= this.#writeAll(store).finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(store: DekStore): Promise<void> {
    while (this.#pendingWrite !== undefined) {
      const wanted = this.#pendingWrite
      this.#pendingWrite = undefined
      try {
        await (wanted === null ? store.remove(this.#name) : store.save(this.#name, wanted))
      } catch (error) {
        this.#failed(wanted === null ? 'remove' : 'save', nameOfThrown(error))
      }
    }
  }

  /** The content of the store. Returns undefined, and emits an event, if the store fails or takes too long. */
  async #load(store: DekStore, signal: AbortSignal): Promise<unknown> {
    const load = async (): Promise<unknown> => {
      // Only after the last write of this process has ended.
      await this.#writing
      return store.load(this.#name)
    }
    try {
      const loaded = await waitFor(load(), { clock: this.#clock, ms: STORE_MS, signal })
      if (typeof loaded === 'object') return loaded.value
      if (loaded === 'late') this.#failed('load', 'TimeoutError')
    } catch (error) {
      this.#failed('load', nameOfThrown(error))
    }
    return undefined
  }

  #failed(operation: EncryptionEvents['dek.storeFailed']['operation'], reason: string): void {
    const { rule, topic } = this.#scope
    const names = topic === undefined ? { rule } : { rule, topic }
    this.#events.emit('dek.storeFailed', { ...names, operation, reason })
  }
}
