import { readFile } from 'node:fs/promises'
import { parseStoredDek } from '../../dek-store/stored-dek.js'
import { configError, EnvelopeError } from '../../errors.js'
import type { ProvisionedDek } from '../../config/config.js'
import type { Clock } from '../../clock.js'
import type { DekSupplier, SealingScope, SuppliedDek } from './dek-supplier.js'
import { matchesScope, storedAge, unwrapStored } from './stored-deks.js'

/**
 * Supplies one DEK that was made elsewhere. Each session under it has its own content key. It has no successor unless
 * its file is replaced.
 */
export class ProvisionedDekSupplier implements DekSupplier {
  readonly #scope: SealingScope
  readonly #from: ProvisionedDek
  readonly #clock: Clock
  /** The MAC of the last DEK that was used. */
  #used = ''
  readonly #exhausted = new Set<string>()

  constructor(scope: SealingScope, from: ProvisionedDek, clock: Clock) {
    this.#scope = scope
    this.#from = from
    this.#clock = clock
  }

  async next(signal: AbortSignal): Promise<SuppliedDek> {
    const stored = parseStoredDek(await this.#text())
    if (stored === undefined)
      throw this.#wrong('expected the text that `encryption.createProvisionedDek(rule)` returned')
    if (!matchesScope(stored, this.#scope)) throw this.#wrong('was created for other CMKs or another context')
    const ageMs = storedAge(stored, this.#clock)
    if (ageMs === undefined)
      throw this.#wrong('was created in the future, according to the clock of this machine')
    const isOld = ageMs() >= this.#scope.encrypt.rotate.maxAgeMs
    if (isOld || this.#exhausted.has(stored.mac)) {
      const { rule } = this.#scope
      const why = isOld ? 'is too old' : 'has reached one of its limits'
      throw new EnvelopeError('DEK_EXHAUSTED', `the provisioned DEK of rule ${rule} ${why}`)
    }
    const unwrapped = await unwrapStored(stored, this.#scope, signal)
    this.#used = stored.mac
    return { ...unwrapped, origin: 'provisioned', ageMs: ageMs() }
  }

  exhausted(): void {
    this.#exhausted.add(this.#used)
  }

  revoke(): void {
    // Nothing to do: the DEK belongs to the configuration, so this process cannot revoke it.
  }

  settled(): Promise<void> {
    return Promise.resolve()
  }

  async #text(): Promise<string> {
    if ('text' in this.#from) return this.#from.text
    try {
      return await readFile(this.#from.file, 'utf8')
    } catch (error) {
      throw this.#wrong(`cannot read the file: ${String((error as NodeJS.ErrnoException).code)}`)
    }
  }

  #wrong(message: string): EnvelopeError {
    const path = `provisionedDek of rule ${this.#scope.rule}`
    return configError([{ path, message }])
  }
}
