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

/** All sealing keys of one owner: one for each rule, or for each topic where the rule says so. */
export class DekRotations {
  readonly #keys = new Map<SealingRule, Map<string | undefined, DekRotation>>()
  readonly #store: DekStore | undefined
  readonly #clock: Clock
  readonly #events: EventHub
  /** Rules and CMKs that were ended before a key of theirs was made: it must not begin with what a store has. */
  readonly #ended = new Set<string>()
  #closed = false

  constructor(store: DekStore | undefined, clock: Clock, events: EventHub) {
    this.#store = store
    this.#clock = clock
    this.#events = events
  }

  for(rule: SealingRule, topic: string): DekRotation {
    const scopes = this.#keys.get(rule) ?? new Map<string | undefined, DekRotation>()
    this.#keys.set(rule, scopes)
    const scope = rule.encrypt.dekScope === 'topic' ? topic : undefined
    let key = scopes.get(scope)
    if (key === undefined) {
      const { name, encrypt, cmks } = rule
      key = this.#make({ rule: name, topic: scope, encrypt, cmks, suite: DEFAULT_SUITE })
      if (
        this.#ended.has(ruleName(undefined)) ||
        this.#ended.has(ruleName(rule.name)) ||
        rule.cmks.list.some(({ id }) => this.#ended.has(cmkName(id)))
      )
        key.startAnew()
      if (this.#closed) void key.close()
      scopes.set(scope, key)
    }
    return key
  }

  /**
   * Unwraps what is provisioned for a rule, so that what is wrong with it shows at the start.
   * @throws EnvelopeError CONFIG_INVALID, DEK_EXHAUSTED, or what the KMS fails with
   */
  async start(rule: SealingRule): Promise<void> {
    const { provisionedDek, dekScope, dekTimeoutMs } = rule.encrypt
    if (provisionedDek !== undefined && dekScope === 'rule') await this.for(rule, '').ready(dekTimeoutMs)
  }

  /** @throws EnvelopeError what fetching the next DEK fails with; the old ones have ended all the same */
  async rotate(rule?: string): Promise<void> {
    this.#ended.add(ruleName(rule))
    const keys = [...this.#keys].flatMap(([{ name }, scopes]) =>
      rule === undefined || rule === name ? [...scopes.values()] : [],
    )
    await Promise.all(keys.map((key) => key.rotate()))
  }

  evict(cmkId: string): void {
    this.#ended.add(cmkName(cmkId))
    for (const key of this.#all()) key.evict(cmkId)
  }

  states(): SealingState[] {
    return this.#all().map((key) => key.state())
  }

  /** At once; resolves when what a store is to keep is there. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#all().map((key) => key.close()))
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
    return [...this.#keys.values()].flatMap((scopes) => [...scopes.values()])
  }
}

function ruleName(rule: string | undefined): string {
  return rule === undefined ? 'all rules' : `rule ${rule}`
}

function cmkName(id: string): string {
  return `CMK ${id}`
}
