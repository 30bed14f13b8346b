import type { ActionQuota } from './action.js'
import { Refusal } from './refusal.js'

/** Calls per second and region, counted in whole seconds of the clock. */
export class Quotas {
  readonly #limits: Readonly<Record<string, number>>
  readonly #clock: () => number
  readonly #used = new Map<string, number>()
  #second = 0

  /** `limits`, by action or family, override the action's own; `*` is for all that are not named. */
  constructor(limits: Readonly<Record<string, number>>, clock: () => number) {
    this.#limits = limits
    this.#clock = clock
  }

  /** @throws Refusal RequestLimitExceeded */
  take(action: string, region: string, { perSecond, family = action }: ActionQuota): void {
    const second = Math.floor(this.#clock() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#used.clear()
    }
    // An action with its own limit does not share one.
    const name = this.#limits[action] === undefined ? family : action
    const limit = this.#limits[name] ?? this.#limits['*'] ?? perSecond
    const counter = `${region} ${name}`
    const used = this.#used.get(counter) ?? 0
    if (used >= limit) {
      throw new Refusal('RequestLimitExceeded', `Over ${String(limit)} calls of ${name} in a second.`)
    }
    this.#used.set(counter, used + 1)
  }
}
