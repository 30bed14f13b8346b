import { readFile } from 'node:fs/promises'
import type { DekStore, StoredDek } from '../dek-store/dek-store.js'
import { asStoredDek, parseStoredDek } from '../dek-store/stored-dek.js'
import { EnvelopeError, isEnvelopeError } from '../errors.js'
import type { DekOrigin, EncryptionEvents, EventHub } from '../events.js'
import { Cmk, type WrappedNewDek } from '../kms/cmk.js'
import type { CheckedEncryptRule } from '../policy/checked.js'
import type { ProvisionedDek } from '../policy/config.js'
import { ageMeter, type Clock } from './clock.js'

/** What a DEK is made for. */
export interface SealingScope {
  readonly rule: string
  /** Only with `dekScope: 'topic'`. */
  readonly topic: string | undefined
  readonly encrypt: CheckedEncryptRule
  readonly cmks: readonly [Cmk, ...Cmk[]]
}

/** A DEK for a sealing session. */
export interface SourcedDek extends WrappedNewDek {
  readonly origin: DekOrigin
  /** Since it was made, by whichever process. */
  readonly ageMs: () => number
}

/** Where the DEKs of one scope come from. */
export interface DekSource {
  /** Whether there is another DEK after the one at hand. */
  readonly renews: boolean
  /** @throws EnvelopeError what the KMS fails with; DEK_EXHAUSTED or CONFIG_INVALID for a provisioned DEK */
  next(signal: AbortSignal): Promise<SourcedDek>
  /** The DEK was ended before its time: nobody shall seal under it again. */
  revoke(): void
  /** Resolves when what was to be written is written. */
  settled(): Promise<void>
}

/** How long a store may take; it only saves KMS calls, so nobody waits for it longer. */
const STORE_MS = 5000
/** How far another machine's clock may be ahead. */
const SKEW_MS = 300_000

/** DEKs made by the KMSs, and kept in a store where there is one. */
export class RenewedDeks implements DekSource {
  readonly renews = true
  readonly #scope: SealingScope
  readonly #name: string
  readonly #store: DekStore | undefined
  readonly #clock: Clock
  readonly #events: EventHub
  /** What ended here must not come back from the store. */
  readonly #used = new Set<string>()
  #writes: Promise<unknown> = Promise.resolve()

  constructor(scope: SealingScope, store: DekStore | undefined, clock: Clock, events: EventHub) {
    this.#scope = scope
    this.#name = scopeName(scope)
    this.#store = store
    this.#clock = clock
    this.#events = events
  }

  async next(signal: AbortSignal): Promise<SourcedDek> {
    const stored = await this.#fromStore(signal)
    if (stored !== undefined) return stored
    const { cmks, encrypt } = this.#scope
    const made = await Cmk.newDek(cmks, encrypt.context, signal)
    const ageMs = ageMeter(this.#clock)
    this.#write('save', async (store) => {
      await store.save(this.#name, this.#storable(made))
    })
    return { ...made, origin: 'made', ageMs }
  }

  revoke(): void {
    this.#write('remove', async (store) => {
      await store.remove(this.#name)
    })
  }

  async settled(): Promise<void> {
    await this.#writes
  }

  async #fromStore(signal: AbortSignal): Promise<SourcedDek | undefined> {
    const store = this.#store
    if (store === undefined) return undefined
    await this.#writes
    const loaded: unknown = await this.#tried('load', () => store.load(this.#name))
    const stored = asStoredDek(loaded)
    if (stored === undefined) {
      if (loaded !== undefined) this.#failed('load', 'CIPHERTEXT_DEK_INVALID')
      return undefined
    }
    const { rotate, prefetchMs } = this.#scope.encrypt
    const ageMs = agedMeter(stored, this.#clock)
    // One that is about to end would only be replaced at once.
    if (ageMs === undefined || ageMs() >= rotate.maxAgeMs - prefetchMs) return undefined
    if (!matchesScope(stored, this.#scope) || this.#used.has(nameOf(stored))) return undefined
    try {
      const unwrapped = await unwrapStored(stored, this.#scope, signal)
      this.#used.add(nameOf(stored))
      return { ...unwrapped, origin: 'stored', ageMs }
    } catch (error) {
      // Whoever may not unwrap, such as a producer with a public key alone, makes a DEK of its own.
      if (!signal.aborted) this.#failed('unwrap', isEnvelopeError(error) ? error.code : 'Error')
      return undefined
    }
  }

  #storable({ wrappings }: WrappedNewDek): StoredDek {
    const stored = storableDek(wrappings, this.#scope, this.#clock)
    this.#used.add(nameOf(stored))
    return stored
  }

  /** In order, and without anyone waiting. */
  #write(operation: 'save' | 'remove', run: (store: DekStore) => Promise<void>): void {
    const store = this.#store
    if (store === undefined) return
    this.#writes = this.#writes.then(() => this.#tried(operation, () => run(store)))
  }

  async #tried<T>(operation: 'load' | 'save' | 'remove', run: () => Promise<T>): Promise<T | undefined> {
    let cancel = (): void => undefined
    const late = new Promise<never>((_, reject) => {
      cancel = this.#clock.schedule(() => {
        reject(new Error('too late'))
      }, STORE_MS)
    })
    try {
      return await Promise.race([run(), late])
    } catch (error) {
      this.#failed(operation, error instanceof Error ? error.name : typeof error)
      return undefined
    } finally {
      cancel()
    }
  }

  #failed(operation: EncryptionEvents['dekStore.failed']['operation'], reason: string): void {
    const { rule, topic } = this.#scope
    this.#events.emit('dekStore.failed', {
      rule,
      ...(topic === undefined ? {} : { topic }),
      operation,
      reason,
    })
  }
}

/** One DEK made elsewhere. Each session under it has a content key of its own; nothing follows on it. */
export class ProvisionedDeks implements DekSource {
  readonly renews = false
  readonly #scope: SealingScope
  readonly #from: ProvisionedDek
  readonly #clock: Clock

  constructor(scope: SealingScope, from: ProvisionedDek, clock: Clock) {
    this.#scope = scope
    this.#from = from
    this.#clock = clock
  }

  async next(signal: AbortSignal): Promise<SourcedDek> {
    const stored = parseStoredDek(await this.#text())
    if (stored === undefined) throw this.#wrong('expected what `encryption.provision(rule)` returned')
    if (!matchesScope(stored, this.#scope)) throw this.#wrong('was made for other CMKs or another context')
    const ageMs = agedMeter(stored, this.#clock)
    if (ageMs === undefined) throw this.#wrong('was made in the future, by the clock of this machine')
    if (ageMs() >= this.#scope.encrypt.rotate.maxAgeMs) {
      throw new EnvelopeError('DEK_EXHAUSTED', `the provisioned DEK of rule ${this.#scope.rule} is too old`)
    }
    return { ...(await unwrapStored(stored, this.#scope, signal)), origin: 'provisioned', ageMs }
  }

  revoke(): void {
    // It is the configuration's; this process has no say in it.
  }

  settled(): Promise<void> {
    return Promise.resolve()
  }

  async #text(): Promise<string> {
    if ('text' in this.#from) return this.#from.text
    try {
      return await readFile(this.#from.file, 'utf8')
    } catch (error) {
      const why = error instanceof Error && 'code' in error ? String(error.code) : 'an error'
      throw this.#wrong(`cannot read the file: ${why}`)
    }
  }

  #wrong(message: string): EnvelopeError {
    const path = `provisionedDek of rule ${this.#scope.rule}`
    return new EnvelopeError('CONFIG_INVALID', `${path}: ${message}`, { issues: [{ path, message }] })
  }
}

/** What a store or a configuration keeps of a DEK. */
export function storableDek(
  wrappings: WrappedNewDek['wrappings'],
  { encrypt }: Pick<SealingScope, 'encrypt'>,
  clock: Clock,
): StoredDek {
  return {
    createdAt: clock.wallMs(),
    context: encrypt.context,
    wrappings: wrappings.map(({ provider, cmkId, ciphertextDek }) => ({
      provider,
      cmkId,
      ciphertextDek: ciphertextDek.toString('base64'),
    })),
  }
}

function scopeName({ rule, topic }: SealingScope): string {
  return JSON.stringify(topic === undefined ? [rule] : [rule, topic])
}

function nameOf({ wrappings }: StoredDek): string {
  return wrappings.map(({ ciphertextDek }) => ciphertextDek).join()
}

/** Its age from now on, or undefined where it was made in the future. */
function agedMeter({ createdAt }: StoredDek, clock: Clock): (() => number) | undefined {
  const already = clock.wallMs() - createdAt
  if (already < -SKEW_MS) return undefined
  const since = ageMeter(clock)
  return () => Math.max(already, 0) + since()
}

/** Whether it was made under exactly the CMKs and the context that the rule has now. */
function matchesScope({ wrappings, context }: StoredDek, { cmks, encrypt }: SealingScope): boolean {
  const entries = Object.entries(encrypt.context)
  return (
    wrappings.length === cmks.length &&
    cmks.every(({ provider, id }, i) => wrappings[i]?.provider === provider && wrappings[i].cmkId === id) &&
    Object.keys(context).length === entries.length &&
    entries.every(([key, value]) => Object.hasOwn(context, key) && context[key] === value)
  )
}

/** Unwraps under the nearest CMK that does it. */
async function unwrapStored(
  stored: StoredDek,
  { cmks, encrypt }: SealingScope,
  signal: AbortSignal,
): Promise<WrappedNewDek> {
  const wrappings = stored.wrappings.map(({ ciphertextDek, ...names }) => ({
    ...names,
    ciphertextDek: Buffer.from(ciphertextDek, 'base64'),
  }))
  const failures: unknown[] = []
  for (const [i, cmk] of cmks.entries()) {
    const ciphertextDek = wrappings[i]?.ciphertextDek
    if (ciphertextDek === undefined) break
    try {
      return { dek: await cmk.unwrap(ciphertextDek, encrypt.context, signal), wrappings }
    } catch (error) {
      if (signal.aborted) throw error
      failures.push(error)
    }
  }
  throw failures.find((error) => isEnvelopeError(error) && error.kind === 'transient') ?? failures[0]
}
