import { DEFAULT_SUITE } from '../../crypto/suites.js'
import type { DekStore } from '../../dek-store/dek-store.js'
import type { EventHub } from '../../events.js'
import type { CmkSet } from '../../kms/cmk-set.js'
import type { CheckedEncryptRule } from '../../config/checked.js'
import type { Clock } from '../../clock.js'
import type { SealingScope } from './dek-supplier.js'
import { ProvisionedDekSupplier } from './provisioned-dek-supplier.js'
import { KmsDekSupplier } from './kms-dek-supplier.js'
import { DekRotation } from './dek-rotation.js'
import type { SealingState } from './sealing-state.js'

/** A rule as the sealing side sees it. */
export interface SealingRule {
  readonly name: string
  readonly encrypt: CheckedEncryptRule
  readonly cmks: CmkSet
}

/** The DEK rotations of one owner: one for each rule, or for each topic under `dekScope: 'topic'`. */
export class DekRotations {
  readonly #rotations = new Map<SealingRule, Map<string | undefined, DekRotation>>()
  readonly #store: DekStore | undefined
  readonly #clock: Clock
  readonly #events: EventHub
  /**
   * Rules that were rotated and CMKs that were evicted: a rotation created later must not start with a DEK from the
   * store. `undefined` stands for all rules.
   */
  readonly #rotated = new Set<string | undefined>()
  readonly #evicted = new Set<string>()
  #closed = false

  constructor(store: DekStore | undefined, clock: Clock, events: EventHub) {
    this.#store = store
    this.#clock = clock
    this.#events = events
  }

  for(rule: SealingRule, topic: string): DekRotation {
    const scopes = this.#rotations.get(rule) ?? new Map<string | undefined, DekRotation>()
    this.#rotations.set(rule, scopes)
    const scope = rule.encrypt.dekScope === 'topic' ? topic : undefined
    let rotation = scopes.get(scope)
    if (rotation === undefined) {
      const { name, encrypt, cmks } = rule
      rotation = this.#make({ rule: name, topic: scope, encrypt, cmks, suite: DEFAULT_SUITE })
      if (
        this.#rotated.has(undefined) ||
        this.#rotated.has(name) ||
        // Also by the id of a replica.
        [...this.#evicted].some((cmkId) => cmks.includes(cmkId))
      )
        rotation.startAnew()
      if (this.#closed) void rotation.close()
      scopes.set(scope, rotation)
    }
    return rotation
  }

  /**
   * Unwraps the provisioned DEK of a rule, so that a mistake shows at start.
   * @throws EnvelopeError CONFIG_INVALID, DEK_EXHAUSTED, or the failure of the KMS
   */
  async start(rule: SealingRule): Promise<void> {
    const { provisionedDek, dekScope, dekTimeoutMs } = rule.encrypt
    if (provisionedDek !== undefined && dekScope === 'rule') await this.for(rule, '').ready(dekTimeoutMs)
  }

  /** @throws EnvelopeError if fetching the next DEK fails; the old DEKs have ended all the same */
  async rotate(rule?: string): Promise<void> {
    this.#rotated.add(rule)
    const rotations = [...this.#rotations].flatMap(([{ name }, scopes]) =>
      rule === undefined || rule === name ? [...scopes.values()] : [],
    )
    await Promise.all(rotations.map((rotation) => rotation.rotate()))
  }

  evict(cmkId: string): void {
    this.#evicted.add(cmkId)
    for (const rotation of this.#all()) rotation.evict(cmkId)
  }

  states(): SealingState[] {
    return this.#all().map((rotation) => rotation.state())
  }

  /** Ends everything immediately. Resolves when the store has written everything that it should keep. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#all().map((rotation) => rotation.close()))
  }

  #make(scope: SealingScope): DekRotation {
    const { provisionedDek } = scope.encrypt
    const source =
      provisionedDek === undefined
        ? new KmsDekSupplier(scope, this.#store, this.#clock, this.#events)
        : new ProvisionedDekSupplier(scope, provisionedDek, this.#clock)
    return new DekRotation(scope, source, this.#clock, this.#events)
  }

  #all(): DekRotation[] {
    return [...this.#rotations.values()].flatMap((scopes) => [...scopes.values()])
  }
}
