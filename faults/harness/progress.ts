import { consumedIn, producedIn } from './ledger.js'
import type { Tail } from './tail.js'

const [ACKED, DELIVERED] = [1, 2] as const

/** How far a running schedule is; the accounts at its end are exact. */
export class Progress {
  acknowledged = 0
  delivered = 0
  /** Deliveries from a topic, and of a producer. */
  readonly of = new Map<string, number>()
  readonly #states = new Map<string, number[]>()
  readonly #producers: Tail[] = []
  readonly #consumers: Tail[] = []
  #both = 0

  produced(tail: Tail): void {
    this.#producers.push(tail)
  }

  consumed(tail: Tail): void {
    this.#consumers.push(tail)
  }

  /** Acknowledged, and not delivered so far. */
  get missing(): number {
    return this.acknowledged - this.#both
  }

  /** Reads what came since the last look. */
  look(): this {
    for (const tail of this.#producers) {
      for (const line of tail.lines()) {
        const { what, producer, from, to } = producedIn(line)
        if (what !== 'acked') continue
        for (let n = from; n < to; n++) if (this.#reached(producer, n, ACKED)) this.acknowledged++
      }
    }
    for (const tail of this.#consumers) {
      for (const line of tail.lines()) {
        const { topic, record } = consumedIn(line)
        if (record === undefined || !this.#reached(record.producer, record.n, DELIVERED)) continue
        this.delivered++
        for (const origin of [topic, record.producer]) this.of.set(origin, (this.of.get(origin) ?? 0) + 1)
      }
    }
    return this
  }

  /** Whether a record reached a state for the first time. */
  #reached(producer: string, n: number, state: number): boolean {
    const states = this.#states.get(producer) ?? []
    this.#states.set(producer, states)
    const before = states[n] ?? 0
    if ((before & state) !== 0) return false
    states[n] = before | state
    if (states[n] === (ACKED | DELIVERED)) this.#both++
    return true
  }
}
