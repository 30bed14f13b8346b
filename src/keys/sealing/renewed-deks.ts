import type { DekStore, StoredDek } from '../../dek-store/dek-store.js'
import { asStoredDek } from '../../dek-store/stored-dek.js'
import { isEnvelopeError } from '../../errors.js'
import { nameOfThrown, type EncryptionEvents, type EventHub } from '../../events.js'
import { ageMeter, type Clock } from '../../clock.js'
import type { DekSource, SealingScope, SuppliedDek } from './dek-source.js'
import { matchesScope, storableDek, storedAge, unwrapStored } from './stored.js'

/** How long a store is waited for: it only saves KMS calls. */
const STORE_MS = 5000

/** DEKs made by the KMSs, and kept in a store where there is one. */
export class KmsDekSupplier implements DekSource {
  readonly #scope: SealingScope
  readonly #name: string
  readonly #store: DekStore | undefined
  readonly #clock: Clock
  readonly #events: EventHub
  /** A stored DEK that is not newer is not used: it is the last one that was used or refused here, or was revoked. */
  #newerThan = -Infinity
  /** Set by a revocation: what is in the store then may not be looked at for the next DEK. */
  #anew = false
  /** What the store shall hold, where that is not written yet; null for nothing. */
  #wanted: StoredDek | null | undefined
  #writing: Promise<void> | undefined

  constructor(scope: SealingScope, store: DekStore | undefined, clock: Clock, events: EventHub) {
    this.#scope = scope
    this.#name = JSON.stringify(scope.topic === undefined ? [scope.rule] : [scope.rule, scope.topic])
    // Whoever has a public key could plant a DEK of their own.
    this.#store = scope.cmks.list.some(({ publicKeyWraps }) => publicKeyWraps) ? undefined : store
    this.#clock = clock
    this.#events = events
  }

  async next(signal: AbortSignal): Promise<SuppliedDek> {
    const stored = await this.#fromStore(signal)
    if (stored !== undefined) return stored
    const made = await this.#scope.cmks.newDek(this.#scope.encrypt.context, signal)
    if (signal.aborted) made.dek.destroy()
    signal.throwIfAborted()
    this.#anew = false
    if (this.#store !== undefined) {
      const storable = storableDek(made, this.#scope, this.#clock)
      this.#newerThan = Math.max(this.#newerThan, storable.createdAt)
      this.#write(storable)
    }
    return { ...made, origin: 'made', ageMs: ageMeter(this.#clock) }
  }

  exhausted(): void {
    // What was used here is never loaded again.
  }

  revoke(): void {
    this.#newerThan = Math.max(this.#newerThan, this.#clock.wallMs())
    this.#anew = true
    this.#write(null)
  }

  async settled(): Promise<void> {
    if (this.#writing === undefined) return
    let timer: NodeJS.Timeout | undefined
    // Not the clock's: this one keeps the process alive until what was asked for is done.
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STORE_MS)
    })
    await Promise.race([this.#writing, late]).finally(() => {
      clearTimeout(timer)
    })
  }

  async #fromStore(signal: AbortSignal): Promise<SuppliedDek | undefined> {
    const store = this.#store
    if (store === undefined || this.#anew) return undefined
    const load = async (): Promise<unknown> => {
      await this.#writing
      return store.load(this.#name)
    }
    const loaded = await this.#inTime('load', load, signal)
    signal.throwIfAborted()
    if (loaded === undefined) return undefined
    const stored = asStoredDek(loaded)
    if (stored === undefined) {
      this.#failed('load', 'CIPHERTEXT_DEK_INVALID')
      return undefined
    }
    const ageMs = storedAge(stored, this.#clock)
    const { rotate, prefetchMs } = this.#scope.encrypt
    // One that is about to end would only be replaced at once.
    const isFresh = ageMs !== undefined && ageMs() < rotate.maxAgeMs - prefetchMs
    if (!isFresh || stored.createdAt <= this.#newerThan || !matchesScope(stored, this.#scope))
      return undefined
    try {
      const unwrapped = await unwrapStored(stored, this.#scope, signal)
      if (signal.aborted) unwrapped.dek.destroy()
      signal.throwIfAborted()
      this.#newerThan = Math.max(this.#newerThan, stored.createdAt)
      return { ...unwrapped, origin: 'stored', ageMs }
    } catch (error) {
      signal.throwIfAborted()
      // Whoever may not unwrap makes a DEK of its own, and does not ask for this one again.
      const transient = isEnvelopeError(error) && error.kind === 'transient'
      if (!transient) this.#newerThan = Math.max(this.#newerThan, stored.createdAt)
      this.#failed('unwrap', isEnvelopeError(error) ? error.code : 'Error')
      return undefined
    }
  }

  /** One after another, the last wish alone: what is overtaken need not be written. Nobody waits for it. */
  #write(wanted: StoredDek | null): void {
    const store = this.#store
    if (store === undefined) return
    this.#wanted = wanted
    this.#writing ??= this.#writeAll(store).finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(store: DekStore): Promise<void> {
    while (this.#wanted !== undefined) {
      const wanted = this.#wanted
      this.#wanted = undefined
      try {
        await (wanted === null ? store.remove(this.#name) : store.save(this.#name, wanted))
      } catch (error) {
        this.#failed(wanted === null ? 'remove' : 'save', nameOfThrown(error))
      }
    }
  }

  /** What `run` resolves to; undefined, and an event, where it fails or takes too long; undefined where it is aborted. */
  async #inTime<T>(operation: 'load', run: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    let end = (): void => undefined
    const late = new Promise<'late'>((resolve) => {
      const cancel = this.#clock.schedule(() => {
        this.#failed(operation, 'TimeoutError')
        resolve('late')
      }, STORE_MS)
      const abort = (): void => {
        resolve('late')
      }
      signal.addEventListener('abort', abort, { once: true })
      end = () => {
        cancel()
        signal.removeEventListener('abort', abort)
      }
    })
    try {
      const first = await Promise.race([run().then((value) => ({ value })), late])
      return first === 'late' ? undefined : first.value
    } catch (error) {
      this.#failed(operation, nameOfThrown(error))
      return undefined
    } finally {
      end()
    }
  }

  #failed(operation: EncryptionEvents['dek.storeFailed']['operation'], reason: string): void {
    const { rule, topic } = this.#scope
    const names = topic === undefined ? { rule } : { rule, topic }
    this.#events.emit('dek.storeFailed', { ...names, operation, reason })
  }
}
