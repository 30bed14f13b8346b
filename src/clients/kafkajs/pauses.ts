import type { Place, Places } from '../shared/place.js'

interface Paused {
  /** Whether the whole topic is paused, except for `resumed`. */
  all: boolean
  readonly paused: Set<number>
  readonly resumed: Set<number>
}

/**
 * Paused partitions, by the rules of KafkaJS: a pause of single partitions replaces a pause of their whole topic, and a
 * partition of a topic that is paused as a whole can be resumed alone (KafkaJS 2.2.4, `SubscriptionState`).
 */
export class Pauses {
  readonly #topics = new Map<string, Paused>()

  pause(all: readonly Places[]): void {
    for (const { topic, partitions } of all) {
      const state = this.#stateOf(topic)
      if (partitions === undefined) {
        this.#topics.set(topic, { all: true, paused: new Set(), resumed: new Set() })
        continue
      }
      state.all = false
      for (const partition of partitions) {
        state.paused.add(partition)
        state.resumed.delete(partition)
      }
    }
  }

  resume(all: readonly Places[]): void {
    for (const { topic, partitions } of all) {
      if (partitions === undefined) this.#topics.delete(topic)
      const state = this.#topics.get(topic)
      for (const partition of partitions ?? []) {
        state?.paused.delete(partition)
        if (state?.all === true) state.resumed.add(partition)
      }
    }
  }

  include({ topic, partition }: Place): boolean {
    const state = this.#topics.get(topic)
    if (state === undefined) return false
    return (state.all && !state.resumed.has(partition)) || state.paused.has(partition)
  }

  /** The partitions that were resumed alone, if a topic is paused as a whole. */
  exceptions(topic: string): readonly number[] | undefined {
    const state = this.#topics.get(topic)
    return state?.all === true ? [...state.resumed] : undefined
  }

  /** The partitions that were paused by their numbers. */
  list(): { topic: string; partitions: number[] }[] {
    return [...this.#topics]
      .map(([topic, { paused }]) => ({ topic, partitions: [...paused] }))
      .filter(({ partitions }) => partitions.length > 0)
  }

  clear(): void {
    this.#topics.clear()
  }

  #stateOf(topic: string): Paused {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    const state = { all: false, paused: new Set<number>(), resumed: new Set<number>() }
    this.#topics.set(topic, state)
    return state
  }
}
