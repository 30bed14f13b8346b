import type { EventHub } from '../events.js'
import type { Cmk } from '../kms/cmk.js'
import type { CheckedEncryptRule } from '../policy/checked.js'
import type { Clock } from './clock.js'
import { SealingKey, type SealingState } from './sealing-key.js'

/** A rule as the sealing side sees it. */
export interface SealingRule {
  readonly name: string
  readonly encrypt: CheckedEncryptRule
  readonly cmks: readonly [Cmk, ...Cmk[]]
}

/** All sealing keys of one owner: one for each rule, or for each topic where the rule says so. */
export class SealingKeys {
  readonly #keys = new Map<SealingRule, Map<string | undefined, SealingKey>>()
  readonly #clock: Clock
  readonly #events: EventHub
  #closed = false

  constructor(clock: Clock, events: EventHub) {
    this.#clock = clock
    this.#events = events
  }

  for(rule: SealingRule, topic: string): SealingKey {
    const scopes = this.#keys.get(rule) ?? new Map<string | undefined, SealingKey>()
    this.#keys.set(rule, scopes)
    const scope = rule.encrypt.dekScope === 'topic' ? topic : undefined
    let key = scopes.get(scope)
    if (key === undefined) {
      key = new SealingKey(
        { rule: rule.name, topic: scope, encrypt: rule.encrypt, cmks: rule.cmks },
        this.#clock,
        this.#events,
      )
      if (this.#closed) key.close()
      scopes.set(scope, key)
    }
    return key
  }

  /** @throws EnvelopeError what fetching the next DEK fails with; the old ones have ended all the same */
  async rotate(rule?: string): Promise<void> {
    const keys = [...this.#keys].flatMap(([{ name }, scopes]) =>
      rule === undefined || rule === name ? [...scopes.values()] : [],
    )
    await Promise.all(keys.map((key) => key.rotate()))
  }

  forget(cmkId: string): void {
    for (const key of this.#all()) key.forget(cmkId)
  }

  states(): SealingState[] {
    return this.#all().map((key) => key.state())
  }

  close(): void {
    this.#closed = true
    for (const key of this.#all()) key.close()
  }

  #all(): SealingKey[] {
    return [...this.#keys.values()].flatMap((scopes) => [...scopes.values()])
  }
}
